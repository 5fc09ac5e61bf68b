#include "tests/support/program.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __APPLE__
extern char **environ; /* elsewhere <unistd.h> has it */
#endif

enum { ARGUMENTS_MAX = 32 };

const char *program_path(void)
{
    const char *path = getenv("TIMBRE_BIN");
    assert_non_null(path);
    return path;
}

program_home home;
program_result result;

int program_setup(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(home.path, sizeof home.path, "%s/timbre-test-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(home.path));
    assert_int_equal(chdir(home.path), 0);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

int program_teardown(void **state)
{
    (void)state;
    program_result_deinit(&result);
    assert_int_equal(chdir("/"), 0);
    (void)nftw(home.path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

int program_clean(void **state)
{
    (void)state;
    memset(home.env, 0, sizeof home.env);
    return 0;
}

void program_result_deinit(program_result *r)
{
    free(r->out);
    free(r->err);
    memset(r, 0, sizeof *r);
}

char *program_read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("no file %s", path);
    char *bytes = NULL;
    size_t n = 0, capacity = 1 << 16;
    for (size_t got = 1; got > 0; n += got) {
        capacity = 2 * capacity;
        bytes = realloc(bytes, capacity + 1);
        assert_non_null(bytes);
        got = fread(bytes + n, 1, capacity - n, file);
    }
    fclose(file);
    bytes[n] = '\0';
    if (length != NULL)
        *length = n;
    return bytes;
}

void program_write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static bool is_overridden(const program_home *h, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;
    for (size_t i = 0; i < PROGRAM_ENV_MAX && h->env[i] != NULL; i++)
        if (strncmp(h->env[i], entry, name) == 0)
            return true;
    return false;
}

static bool is_for_sanitizers(const char *entry)
{
    static const char *const names[] = {
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* What a child sees: nothing of the developer's own settings. */
static void make_environment(const program_home *h, char texts[4][4096], char *env[24])
{
    size_t n = 0;
    snprintf(texts[0], sizeof texts[0], "HOME=%s", h->path);
    snprintf(texts[1], sizeof texts[1], "PATH=%s", getenv("PATH"));
    snprintf(texts[2], sizeof texts[2], "LANG=C.UTF-8");
    snprintf(texts[3], sizeof texts[3], "XDG_CONFIG_DIRS=%s/xdg", h->path);
    for (size_t i = 0; i < 4; i++)
        if (!is_overridden(h, texts[i]))
            env[n++] = texts[i];
    for (size_t i = 0; i < PROGRAM_ENV_MAX && h->env[i] != NULL; i++)
        env[n++] = (char *)(uintptr_t)h->env[i];
    for (size_t i = 0; environ[i] != NULL; i++)
        if (is_for_sanitizers(environ[i]))
            env[n++] = environ[i];
    env[n] = NULL;
}

static pid_t spawn(const program_home *h, const char *const argv[],
                   const posix_spawn_file_actions_t *actions)
{
    char texts[4][4096];
    char *env[24];
    pid_t pid;
    make_environment(h, texts, env);
    int failed = posix_spawnp(&pid, argv[0], actions, NULL, (char *const *)(uintptr_t)argv, env);
    if (failed != 0)
        fail_msg("cannot start %s: %s", argv[0], strerror(failed));
    return pid;
}

static pid_t spawn_with_files(const program_home *h, const char *const argv[], const char *in,
                              const char *out, const char *err)
{
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_addopen(&actions, 0, in, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    pid_t pid = spawn(h, argv, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

pid_t program_start(program_home *h, const char *const argv[], int *out)
{
    posix_spawn_file_actions_t actions;
    int ends[2];
    if (out == NULL)
        return spawn_with_files(h, argv, "/dev/null", "/dev/null", "/dev/null");
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t pid = spawn(h, argv, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *out = ends[0];
    return pid;
}

int program_wait(pid_t pid, bool *is_signalled)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (is_signalled != NULL)
        *is_signalled = WIFSIGNALED(status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool program_read_until(int fd, const char *text)
{
    char line[16 * 1024];
    for (size_t n = 0; n < sizeof line - 1 && read(fd, line + n, 1) == 1;) {
        if (line[n++] != '\n')
            continue;
        line[n] = '\0';
        if (strstr(line, text) != NULL)
            return true;
        n = 0;
    }
    return false;
}

void program_sleep(double seconds)
{
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&wait, NULL);
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void program_run_argv(program_home *h, program_result *r, const char *const argv[])
{
    char in[300] = "/dev/null", out[300], err[300];
    program_result_deinit(r);
    snprintf(out, sizeof out, "%s/.stdout", h->path);
    snprintf(err, sizeof err, "%s/.stderr", h->path);
    if (h->input != NULL) {
        snprintf(in, sizeof in, "%s/.stdin", h->path);
        FILE *file = fopen(in, "wb");
        assert_non_null(file);
        size_t length = h->input_length != 0 ? h->input_length : strlen(h->input);
        assert_int_equal(fwrite(h->input, 1, length, file), length);
        assert_int_equal(fclose(file), 0);
    }
    h->input = NULL;
    h->input_length = 0;
    double started = now_seconds();
    pid_t pid = spawn_with_files(h, argv, in, out, err);
    r->exit_code = program_wait(pid, &r->is_signalled);
    r->seconds = now_seconds() - started;
    r->out = program_read_file(out, &r->out_length);
    r->err = program_read_file(err, NULL);
}

void program_run(program_home *h, program_result *r, ...)
{
    const char *argv[ARGUMENTS_MAX + 1];
    size_t n = 0;
    argv[n++] = program_path();
    va_list args;
    va_start(args, r);
    for (const char *arg; n < ARGUMENTS_MAX && (arg = va_arg(args, const char *)) != NULL;)
        argv[n++] = arg;
    va_end(args);
    argv[n] = NULL;
    program_run_argv(h, r, argv);
}

/* nftw has no argument for its callback; tests are single-threaded. */
static const char *counted_suffix;
static int n_counted;

static int count_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)ftw;
    size_t length = strlen(path), n = strlen(counted_suffix);
    n_counted += kind == FTW_F && length >= n && strcmp(path + length - n, counted_suffix) == 0;
    return 0;
}

int program_count_files(const char *folder, const char *suffix)
{
    counted_suffix = suffix;
    n_counted = 0;
    return nftw(folder, count_one, 16, FTW_PHYS) == 0 ? n_counted : -1;
}
