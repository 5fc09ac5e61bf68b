/*
 * Converting with a fault at every allocation, write, sync and naming: a failure, nothing left
 * behind, what was there untouched; until it works. And a disk that is known to be too small.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/str.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "timbre/model.h"

static fsblkcnt_t free_blocks; /* of 4096 bytes; 0: as it is */

/* meson asks for 64-bit file sizes, for which glibc has the call under this name */
int __real_statvfs64(const char *path, struct statvfs *disk);
int __wrap_statvfs64(const char *path, struct statvfs *disk);
int __wrap_statvfs64(const char *path, struct statvfs *disk)
{
    int result = __real_statvfs64(path, disk);
    if (free_blocks > 0) {
        disk->f_frsize = 4096;
        disk->f_bavail = free_blocks;
    }
    return result;
}

static char *data_path(const char *name)
{
    char *path = tb_strf("%s/models/%s", getenv("TIMBRE_TESTS_DIR"), name);
    assert_non_null(path);
    return path;
}

static void assert_untouched(const char *was)
{
    char *bytes;
    size_t len;
    assert_int_equal(n_files_below("."), 1);
    assert_int_equal(tb_file_read("x.safetensors", 1 << 20, &bytes, &len, NULL), TIMBRE_OK);
    assert_string_equal(bytes, was);
    free(bytes);
}

static void with_faults(const char *name, const char *dtype)
{
    char *path = data_path(name), *report = NULL;
    const timbre_convert_options options = {
        .struct_size = sizeof options, .dtype = dtype, .replace = 1};
    tb_status st = TIMBRE_FAILED;
    long n = 0;
    assert_int_equal(tb_file_write("x.safetensors", "precious", 8, true, NULL), TIMBRE_OK);
    while (st != TIMBRE_OK) {
        tb_error err = {0};
        calls_until_fault = ++n;
        st = timbre_model_convert(path, "x.safetensors", &options, &report, &err);
        long left = calls_until_fault;
        calls_until_fault = 0;
        if (st == TIMBRE_OK && left == 0) { /* the folder's sync and a part file may fail */
            free(report);
            report = NULL;
            assert_int_equal(tb_file_write("x.safetensors", "precious", 8, true, NULL), TIMBRE_OK);
            st = TIMBRE_FAILED;
            continue;
        }
        if (st == TIMBRE_OK)
            break;
        assert_null(report);
        assert_true(err.message[0] != '\0');
        if (st != TIMBRE_NO_MEMORY && st != TIMBRE_NO_SPACE && st != TIMBRE_IO)
            fail_msg("call %ld: %s: %s", n, timbre_status_name(st), err.message);
        assert_untouched("precious");
        assert_true(n < 10000);
    }
    printf("# %s: %ld calls\n", name, n - 1);
    assert_true(n > 20);
    assert_int_equal(n_files_below("."), 1);
    free(report);
    free(path);
}

static void a_model_with_faults(void **state)
{
    (void)state;
    with_faults("tiny", "fp16");
}

static void a_component_with_faults(void **state)
{
    (void)state;
    with_faults("forms/bin/vae/diffusion_pytorch_model.bin", NULL);
}

static void a_small_disk_is_known_before(void **state)
{
    (void)state;
    char *path = data_path("tiny"), *report = NULL;
    const timbre_convert_options options = {.struct_size = sizeof options, .replace = 1};
    tb_error err = {0};
    assert_int_equal(tb_file_write("x.safetensors", "precious", 8, true, NULL), TIMBRE_OK);
    free_blocks = 100;
    assert_int_equal(timbre_model_convert(path, "x.safetensors", &options, &report, &err),
                     TIMBRE_NO_SPACE);
    assert_non_null(strstr(err.message, "needs 0.8 MB, the disk has 0.4 MB free"));
    assert_untouched("precious");
    free_blocks = 1000;
    assert_int_equal(timbre_model_convert(path, "x.safetensors", &options, &report, &err),
                     TIMBRE_OK);
    free_blocks = 0;
    free(report);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_with_faults),
        cmocka_unit_test(a_component_with_faults),
        cmocka_unit_test(a_small_disk_is_known_before),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
