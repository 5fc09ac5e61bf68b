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

void program_home_init(program_home *home)
{
    const char *base = getenv("TMPDIR");
    memset(home, 0, sizeof *home);
    snprintf(home->path, sizeof home->path, "%s/timbre-test-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(home->path));
    assert_int_equal(chdir(home->path), 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

void program_home_deinit(program_home *home)
{
    assert_int_equal(chdir("/"), 0);
    (void)nftw(home->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void program_result_deinit(program_result *result)
{
    free(result->out);
    free(result->err);
    memset(result, 0, sizeof *result);
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

static bool is_overridden(const program_home *home, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;
    for (size_t i = 0; i < PROGRAM_ENV_MAX && home->env[i] != NULL; i++)
        if (strncmp(home->env[i], entry, name) == 0)
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
static void make_environment(const program_home *home, char texts[4][4096], char *env[24])
{
    size_t n = 0;
    snprintf(texts[0], sizeof texts[0], "HOME=%s", home->path);
    snprintf(texts[1], sizeof texts[1], "PATH=%s", getenv("PATH"));
    snprintf(texts[2], sizeof texts[2], "LANG=C.UTF-8");
    snprintf(texts[3], sizeof texts[3], "XDG_CONFIG_DIRS=%s/xdg", home->path);
    for (size_t i = 0; i < 4; i++)
        if (!is_overridden(home, texts[i]))
            env[n++] = texts[i];
    for (size_t i = 0; i < PROGRAM_ENV_MAX && home->env[i] != NULL; i++)
        env[n++] = (char *)(uintptr_t)home->env[i];
    for (size_t i = 0; environ[i] != NULL; i++)
        if (is_for_sanitizers(environ[i]))
            env[n++] = environ[i];
    env[n] = NULL;
}

static pid_t spawn(const program_home *home, const char *const argv[], const char *in,
                   const char *out, const char *err)
{
    char texts[4][4096];
    char *env[24];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    make_environment(home, texts, env);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_addopen(&actions, 0, in, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, env);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        fail_msg("cannot start %s: %s", argv[0], strerror(failed));
    return pid;
}

pid_t program_start(program_home *home, const char *const argv[])
{
    return spawn(home, argv, "/dev/null", "/dev/null", "/dev/null");
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void program_run_argv(program_home *home, program_result *result, const char *const argv[])
{
    char in[300] = "/dev/null", out[300], err[300];
    int status;
    program_result_deinit(result);
    snprintf(out, sizeof out, "%s/.stdout", home->path);
    snprintf(err, sizeof err, "%s/.stderr", home->path);
    if (home->input != NULL) {
        snprintf(in, sizeof in, "%s/.stdin", home->path);
        FILE *file = fopen(in, "wb");
        assert_non_null(file);
        size_t length = home->input_length != 0 ? home->input_length : strlen(home->input);
        assert_int_equal(fwrite(home->input, 1, length, file), length);
        assert_int_equal(fclose(file), 0);
    }
    home->input = NULL;
    home->input_length = 0;
    double started = now_seconds();
    pid_t pid = spawn(home, argv, in, out, err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    result->seconds = now_seconds() - started;
    result->is_signalled = WIFSIGNALED(status);
    result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    result->out = program_read_file(out, &result->out_length);
    result->err = program_read_file(err, NULL);
}

void program_run(program_home *home, program_result *result, ...)
{
    const char *argv[ARGUMENTS_MAX + 1];
    size_t n = 0;
    argv[n++] = program_path();
    va_list args;
    va_start(args, result);
    for (const char *arg; n < ARGUMENTS_MAX && (arg = va_arg(args, const char *)) != NULL;)
        argv[n++] = arg;
    va_end(args);
    argv[n] = NULL;
    program_run_argv(home, result, argv);
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
