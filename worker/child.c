#include "worker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/path.h"
#include "engine/base/program.h"
#include "engine/base/str.h"
#include "worker/generator_frames.h"

#ifdef __APPLE__
extern char **environ; /* elsewhere <unistd.h> has it */
#endif

enum { READABLE_MAX = 16, START_MS = 60000, LEAVE_MS = 500 };

static char *own_path(const tb_worker *worker)
{
    return worker->options->program != NULL ? tb_strdup(worker->options->program)
                                            : tb_program_again();
}

/* ---- what it may read ---- */

static void add_path(char **list, const char *path)
{
    size_t n = 0;
    char *real = path == NULL || path[0] == '\0' ? NULL : realpath(path, NULL);
    while (list[n] != NULL)
        n++;
    if (real != NULL && n + 1 < READABLE_MAX)
        list[n] = real;
    else
        free(real);
}

/* A single file of weights has its configuration, or its vocabulary, beside it. */
static void add_model(char **list, const char *path)
{
    char *folder = path == NULL ? NULL : tb_path_folder(path);
    size_t n = path == NULL ? 0 : strlen(path);
    bool is_file = n > 4 && (strstr(path + n - 4, ".ckpt") != NULL ||
                             strchr(tb_path_name(path), '.') != NULL);
    add_path(list, is_file ? folder : path);
    add_path(list, path); /* a link elsewhere */
    free(folder);
}

static char **list_readable(const tb_worker *worker, const tb_model_place *place)
{
    const tb_worker_options *o = worker->options;
    char **list = calloc(READABLE_MAX, sizeof *list);
    char *soundfonts = tb_strf("%s/soundfonts", o->data_dir);
    if (list != NULL) {
        add_path(list, worker->hub.cache);
        add_path(list, o->soundfont);
        add_path(list, soundfonts);
        add_path(list, worker->inputs);
        add_path(list, o->tokenizer);
        add_model(list, o->model_path);
        add_path(list, o->model_tokenizer);
        add_model(list, place->path);
        add_path(list, place->tokenizer);
    }
    free(soundfonts);
    return list;
}

static bool is_below(const char *path, char *const *list)
{
    char *real = realpath(path, NULL);
    bool found = real == NULL; /* what is not there is refused elsewhere, with its name */
    for (size_t i = 0; !found && list != NULL && list[i] != NULL; i++) {
        size_t n = strlen(list[i]);
        found = strncmp(real, list[i], n) == 0 && (real[n] == '/' || real[n] == '\0');
    }
    free(real);
    return found;
}

bool tb_child_can_read(const tb_child *child, const tb_model_place *place)
{
    return (place->path == NULL || is_below(place->path, child->readable)) &&
           (place->tokenizer == NULL || is_below(place->tokenizer, child->readable));
}

/* ---- start ---- */

/* The supervisor blocks its signals in every thread; the child shall not inherit that. */
static tb_status spawn(const char *program, int fd, pid_t *pid, tb_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    char *const argv[] = {(char *)(uintptr_t) "timbre", (char *)(uintptr_t)TB_GENERATOR_ARGUMENT,
                          NULL};
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fd, TB_GENERATOR_FD);
    int failed = posix_spawn(pid, program, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed == 0 ? TIMBRE_OK
                       : tb_fail_errno(err, failed, "cannot start the generator '%s'", program);
}

static json_t *make_begin(const tb_worker *worker, char *const *readable)
{
    const tb_worker_options *o = worker->options;
    json_t *paths = json_array();
    for (size_t i = 0; readable != NULL && readable[i] != NULL; i++)
        (void)json_array_append_new(paths, json_string(readable[i]));
    return json_pack("{s:s, s:i, s:s?, s:s?, s:s?, s:s?, s:s?, s:o, s:b, s:i}", "op", "begin",
                     "threads", o->n_threads, "cpu", o->cpu, "memory", o->memory, "soundfont",
                     o->soundfont, "tokenizer", o->tokenizer, "data_dir", o->data_dir, "readable",
                     paths, "json", o->logs_json, "level", (int)o->log_level);
}

/* "ready", or why not. */
static tb_status wait_ready(tb_child *child, tb_error *err)
{
    json_t *frame = NULL;
    int64_t len_bytes = 0;
    tb_status st = tb_channel_receive(&child->channel, START_MS, &frame, &len_bytes, err);
    const char *op = json_string_value(json_object_get(frame, "op"));
    if (st == TIMBRE_OK && (op == NULL || strcmp(op, "ready") != 0)) {
        const char *message = json_string_value(json_object_get(frame, "message"));
        st = tb_fail(err, TIMBRE_FAILED, "the generator does not begin: %.400s",
                     message != NULL ? message : "it said nothing");
    } else if (st == TIMBRE_NOT_FOUND) {
        st = tb_fail(err, TIMBRE_GENERATOR_DIED, "the generator died at its start");
    }
    json_decref(frame);
    return st;
}

tb_status tb_child_start(tb_child *child, tb_worker *worker, const tb_model_place *place,
                         tb_error *err)
{
    int ends[2];
    char *program = own_path(worker);
    *child = (tb_child){.channel = {.fd = -1}};
    if (program == NULL)
        return tb_fail(err, TIMBRE_FAILED, "cannot find this program's own file");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        free(program);
        return tb_fail_errno(err, errno, "no socket pair for the generator");
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    tb_channel_init(&child->channel, ends[0]);
    tb_status st = spawn(program, ends[1], &child->pid, err);
    close(ends[1]);
    free(program);
    if (st == TIMBRE_OK) {
        child->readable = list_readable(worker, place);
        json_t *begin = make_begin(worker, child->readable);
        st = begin == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a frame")
                           : tb_channel_send(&child->channel, begin, NULL, 0, err);
        json_decref(begin);
    }
    if (st == TIMBRE_OK)
        st = wait_ready(child, err);
    if (st != TIMBRE_OK)
        tb_child_end(child, true, NULL);
    child->idle_since_s = tb_clock_seconds();
    return st;
}

/* ---- work ---- */

tb_status tb_child_send_work(tb_child *child, const char *op, const char *id, const char *request,
                             const tb_model_place *place, tb_error *err)
{
    json_t *object = json_loads(request, 0, NULL);
    json_t *frame = json_pack("{s:s, s:s, s:o, s:s?, s:s?}", "op", op, "id", id, "request", object,
                              "model_path", place->path, "tokenizer", place->tokenizer);
    tb_status st = frame == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a frame")
                                 : tb_channel_send(&child->channel, frame, NULL, 0, err);
    json_decref(frame);
    if (st == TIMBRE_OK) {
        free(child->model_id);
        child->model_id = tb_strdup(place->id);
    }
    return st;
}

tb_status tb_child_send_cancel(tb_child *child, const char *id, tb_error *err)
{
    json_t *frame = json_pack("{s:s, s:s}", "op", "cancel", "id", id);
    tb_status st = frame == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a frame")
                                 : tb_channel_send(&child->channel, frame, NULL, 0, err);
    json_decref(frame);
    return st;
}

/* ---- end ---- */

/* The exit status, waiting at most so long; false: it still runs. */
static bool reap(pid_t pid, int timeout_ms, int *status)
{
    enum { TICK_MS = 5 };
    for (int waited_ms = 0;; waited_ms += TICK_MS) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR))
            return true;
        if (waited_ms >= timeout_ms)
            return false;
        (void)nanosleep(&(struct timespec){0, TICK_MS * 1000000L}, NULL);
    }
}

static void name_cause(int status, char cause[TB_CAUSE_MAX])
{
    if (WIFSIGNALED(status))
        (void)snprintf(cause, TB_CAUSE_MAX, "signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(cause, TB_CAUSE_MAX, "exit %d", WEXITSTATUS(status));
}

void tb_child_end(tb_child *child, bool is_now, char cause[TB_CAUSE_MAX])
{
    int status = 0;
    tb_channel_deinit(&child->channel);
    if (child->pid > 0) {
        bool is_gone = !is_now && reap(child->pid, LEAVE_MS, &status);
        if (!is_gone) {
            /* one that has just died by itself is not made to look killed by us: a zombie keeps its
             * own status */
            (void)kill(child->pid, SIGKILL);
            while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
                continue;
        }
    }
    if (cause != NULL)
        name_cause(status, cause);
    for (size_t i = 0; child->readable != NULL && child->readable[i] != NULL; i++)
        free(child->readable[i]);
    free(child->readable);
    free(child->model_id);
    *child = (tb_child){.channel = {.fd = -1}};
}
