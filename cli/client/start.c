#include "cli/client/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/program.h"
#include "engine/base/str.h"

#ifdef __APPLE__
extern char **environ;
#endif

enum { START_MAX_S = 10, TAIL_BYTES = 2048 };

bool tb_worker_answers(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        (void)close(fd);
    return answers;
}

/* The last line of the log from `from` on, in out; "" when there is none. */
static void read_last_line(const char *log, off_t from, char out[TAIL_BYTES])
{
    out[0] = '\0';
    int fd = open(log, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t at = size - (TAIL_BYTES - 1) > from ? size - (TAIL_BYTES - 1) : from;
    ssize_t n = pread(fd, out, TAIL_BYTES - 1, at);
    (void)close(fd);
    while (n > 0 && out[n - 1] == '\n')
        n--;
    out[n > 0 ? n : 0] = '\0';
    char *newline = strrchr(out, '\n');
    if (newline != NULL)
        memmove(out, newline + 1, strlen(newline + 1) + 1);
}

static tb_status fail_start(const char *log, off_t from, const char *what, tb_error *err)
{
    char line[TAIL_BYTES] = "";
    read_last_line(log, from, line);
    const char *said = strncmp(line, "timbre: ", 8) == 0 ? line + 8 : line;
    tb_status st = tb_fail(err, TIMBRE_WORKER_UNREACHABLE, "the worker %s%s%.300s", what,
                           said[0] != '\0' ? ": " : "", said);
    tb_fix(err, "timbre serve shows why; its log is %.300s", log);
    return st;
}

static int spawn(char *const argv[], const char *program, const char *log, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&how);
    if (failed != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return failed;
    }
    sigset_t defaults, none;
    (void)sigfillset(&defaults);
    (void)sigemptyset(&none);
    failed |= posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    failed |= posix_spawn_file_actions_addopen(&files, 2, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    failed |= posix_spawnattr_setsigdefault(&how, &defaults);
    failed |= posix_spawnattr_setsigmask(&how, &none);
    failed |= posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
                                                 POSIX_SPAWN_SETSIGMASK);
    if (failed == 0)
        failed = posix_spawn(pid, program, &files, &how, argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&how);
    return failed;
}

/* A worker that ends because another one was faster is no failure while that one answers. */
static tb_status wait_until_it_answers(const tb_app *app, pid_t pid, const char *socket_path,
                                       const char *log, off_t from, tb_error *err)
{
    double until_s = tb_clock_seconds() + START_MAX_S;
    const timbre_cancel *cancel = app->cancel != NULL ? app->cancel : tb_signals_cancel();
    while (!tb_worker_answers(socket_path)) {
        int status = 0;
        bool has_ended = waitpid(pid, &status, WNOHANG) == pid;
        if (has_ended && !tb_worker_answers(socket_path))
            return fail_start(log, from, "could not be started", err);
        if (timbre_cancel_is_requested(cancel))
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        if (tb_clock_seconds() > until_s)
            return fail_start(log, from, "does not answer after 10 s", err);
        (void)usleep(20000);
    }
    return TIMBRE_OK;
}

static off_t size_of(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    if (fd >= 0)
        (void)close(fd);
    return size > 0 ? size : 0;
}

tb_status tb_worker_start(tb_app *app, const char *data_dir, const char *socket_path, tb_error *err)
{
    tb_status st = tb_dir_make(data_dir, err);
    if (st != TIMBRE_OK)
        return st;
    char *program = tb_program_again(), *log = tb_strf("%s/worker.log", data_dir);
    char *folder = tb_strdup(data_dir);
    const char *config = tb_args_value(&app->args, "config");
    char *own_config = tb_strdup(config != NULL ? config : "");
    if (program == NULL || log == NULL || folder == NULL || own_config == NULL) {
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory to start a worker");
    } else {
        char name[] = "timbre", serve[] = "serve", on_demand[] = "--on-demand";
        char data[] = "--data-dir", settings[] = "--config";
        char *argv[] = {name,       serve,  on_demand,
                        data,       folder, config != NULL ? settings : NULL,
                        own_config, NULL};
        off_t from = size_of(log);
        pid_t pid = 0;
        int failed = spawn(argv, program, log, &pid);
        if (failed != 0)
            st = tb_fail_errno(err, failed, "cannot start a worker");
        else
            st = wait_until_it_answers(app, pid, socket_path, log, from, err);
    }
    free(program);
    free(log);
    free(folder);
    free(own_config);
    return st;
}
