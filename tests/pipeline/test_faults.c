/*
 * The Nth allocation, open, write, sync or naming fails, for every N until nothing fails any more:
 * each time an error comes back, no file is left, and nothing leaks (the sanitizer build sees to
 * that). The linker's --wrap turns our library's calls into the ones below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/pipeline/recipe.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/save.h"

static long calls_until_fault; /* 0: none fails any more */

/* Counts one fallible call; true when it is the one to fail. */
static int is_fault(void)
{
    if (calls_until_fault > 0 && --calls_until_fault == 0)
        return 1;
    return 0;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return is_fault() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return is_fault() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    return is_fault() ? NULL : __real_realloc(p, n);
}

ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n)
{
    if (is_fault()) {
        errno = ENOSPC;
        return -1;
    }
    return __real_write(fd, data, n > 4096 ? n / 2 : n); /* short writes are ordinary */
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (is_fault()) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}

int __real_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
    if (is_fault()) {
        errno = EDQUOT;
        return -1;
    }
    return __real_linkat(from, a, to, b, flags);
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    if (is_fault()) {
        errno = EROFS;
        return -1;
    }
    return __real_mkdir(path, mode);
}

static char folder[] = "/tmp/timbre-faults-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)!system("rm -rf -- \"$PWD\"");
    return chdir("/");
}

static int n_files_below(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    if (d == NULL)
        return 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char child[1024];
        snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        n += e->d_type == DT_DIR ? n_files_below(child) : 1;
    }
    closedir(d);
    return n;
}

static timbre_output output_of(const char *path)
{
    return (timbre_output){.struct_size = sizeof(timbre_output),
                           .path = path,
                           .dir = path == NULL ? "out/deep" : NULL,
                           .sidecar = 1,
                           .index = 1};
}

/* What follows a backend: resolve, recipe, encode, read back, name. */
static tb_status make_one(const char *path, tb_error *err)
{
    static const char body[] = "{\"prompt\":\"rain\",\"negative_prompt\":\"drums\",\"seed\":3}";
    static int16_t pcm[44100 * 2];
    static const tb_stage list[] = {{"save", 1}};
    static const tb_backend backend = {.name = "sketch"};
    timbre_output output = output_of(path);
    tb_stages stages;
    timbre_request *request = NULL;
    timbre_take *take = calloc(1, sizeof *take);
    tb_result result = {.n_frames = 44100, .n_channels = 2, .pcm = pcm};
    tb_status st = take == NULL ? TIMBRE_NO_MEMORY : timbre_request_new(&request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(request, body, sizeof body - 1, err);
    if (st == TIMBRE_OK && path != NULL)
        st = timbre_request_match_path(request, path, err);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(request, err);
    if (st == TIMBRE_OK)
        st = tb_save_check(&output, request, err);
    tb_stages_init(&stages, list, 1, &(tb_stages_listener){0}, NULL);
    tb_stages_next(&stages);
    tb_job job = {.request = request, .stages = &stages};
    result.ingredients = json_object();
    if (st == TIMBRE_OK)
        st = tb_recipe_format(&backend, request, &result, &take->recipe, err);
    if (st == TIMBRE_OK) {
        take->metadata = strdup("{}");
        st = take->metadata == NULL ? TIMBRE_NO_MEMORY
                                    : tb_save_run(&output, &job, &result, take, err);
    }
    json_decref(result.ingredients);
    timbre_request_free(request);
    timbre_take_free(take);
    return st;
}

static void every_fault_is_an_error(const char *path)
{
    long n = 0;
    tb_status st;
    do {
        tb_error err = {0};
        calls_until_fault = ++n;
        st = make_one(path, &err);
        int was_hit = calls_until_fault == 0;
        calls_until_fault = 0;
        if (st != TIMBRE_OK)
            assert_int_equal(n_files_below("."), 0);
        else if (was_hit) /* syncing the folder may fail without harm: the take is there */
            assert_int_equal(n_files_below("."), 2);
        (void)!system("rm -rf -- *");
        if (st == TIMBRE_OK && !was_hit)
            break;
    } while (n < 5000);
    assert_int_equal(st, TIMBRE_OK);
    assert_true(n > 30);
}

static void faults_with_a_given_name(void **state)
{
    (void)state;
    every_fault_is_an_error("take.flac");
}

static void faults_with_a_name_of_ours(void **state)
{
    (void)state;
    every_fault_is_an_error(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_with_a_given_name),
        cmocka_unit_test(faults_with_a_name_of_ours),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
