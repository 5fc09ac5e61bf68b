/*
 * Runs the timbre program (TIMBRE_BIN) in an empty home and keeps what it wrote. The test's working
 * folder is that home; it is removed at the end. A test program has one home and one result, made
 * and removed by the fixtures below.
 */
#ifndef TESTS_SUPPORT_PROGRAM_H
#define TESTS_SUPPORT_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PROGRAM_ENV_MAX = 12 };

typedef struct program_home {
    char path[256];
    /* "NAME=value" added to HOME, PATH and LANG; NULL-terminated. Set by the test, kept until
     * changed. */
    const char *env[PROGRAM_ENV_MAX];
    const char *input;   /* standard input of the next run; NULL: empty */
    size_t input_length; /* 0: strlen(input) */
} program_home;

typedef struct program_result {
    int exit_code; /* 128 + n when ended by signal n */
    bool is_signalled;
    char *out, *err; /* NUL-terminated */
    size_t out_length;
    double seconds;
} program_result;

extern program_home home;
extern program_result result; /* of the last run */

/* Fixtures of a group: make the home and enter it; free and remove everything. */
int program_setup(void **state);
int program_teardown(void **state);
/* Fixture of a test: take back what it set in home.env. */
int program_clean(void **state);

/* Run to the end with the arguments up to NULL. An earlier result in *result is freed. */
void program_run(program_home *home, program_result *result, ...) __attribute__((sentinel));
/* Run any program the same way; argv[0] is looked up in PATH. */
void program_run_argv(program_home *home, program_result *result, const char *const argv[]);
/* Start without waiting; output goes nowhere, or with `out` standard output into a pipe whose
 * reading end is *out. */
pid_t program_start(program_home *home, const char *const argv[], int *out);
/* Wait for the end: exit code, 128 + n when ended by signal n. */
int program_wait(pid_t pid, bool *is_signalled);
/* Read from `fd` up to the line that has `text` in it; false when the output ends before. */
bool program_read_until(int fd, const char *text);
void program_sleep(double seconds);
void program_result_deinit(program_result *result);

/* The path of the program. */
const char *program_path(void);
/* Files below `folder` (recursive) whose name ends in `suffix`; -1 when the folder cannot be read.
 */
int program_count_files(const char *folder, const char *suffix);
/* A whole file, NUL-terminated, to be freed; fails the test when there is none. */
char *program_read_file(const char *path, size_t *length);
void program_write_file(const char *path, const char *text);

#endif
