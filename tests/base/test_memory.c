/* What memory is said to be free: no more than the process may take, and no less than it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/os/memory.h"
#include "engine/os/scratch.h"
#include "tests/support/sanitized.h"

enum { MIB = 1 << 20 };

static void what_is_available_is_less_than_there_is(void **state)
{
    (void)state;
    int64_t bytes = tb_memory_available();
    assert_true(bytes > 0);
#if defined(_SC_PHYS_PAGES)
    assert_true(bytes <= (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
#endif
}

static void little_fits_and_too_much_is_named(void **state)
{
    (void)state;
    tb_error err = {0};
    assert_int_equal(tb_memory_require("a crumb", 1, &err), TIMBRE_OK);
    assert_int_equal(tb_memory_require("the moon", INT64_MAX - 1, &err), TIMBRE_NO_MEMORY);
    assert_int_equal(err.code, TIMBRE_NO_MEMORY);
    assert_non_null(strstr(err.message, "the moon needs "));
    assert_non_null(strstr(err.message, " are free"));
    assert_int_equal(tb_memory_require("the moon", INT64_MAX - 1, NULL), TIMBRE_NO_MEMORY);
}

/* ulimit -v counts, and what is mapped already counts against it. */
static void the_limit_of_the_process_counts(void **state)
{
    (void)state;
#if defined(__linux__)
    if (IS_SANITIZED)
        return; /* their shadow memory alone is more than any limit */
    enum { LIMIT_MIB = 1024, BLOCK_MIB = 64 };
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)LIMIT_MIB * MIB;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    if (limit.rlim_cur == before.rlim_cur)
        return; /* an emulator needs the room itself and sets no such limit */
    int64_t free_bytes = tb_memory_available();
    void *block = malloc((size_t)BLOCK_MIB * MIB); /* mapped, not resident */
    int64_t left_bytes = tb_memory_available();
    tb_status fits = tb_memory_require("it", (int64_t)LIMIT_MIB * MIB, NULL);
    free(block);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_non_null(block);
    assert_true(free_bytes > 0 && free_bytes < (int64_t)LIMIT_MIB * MIB);
    assert_true(left_bytes <= (int64_t)LIMIT_MIB * MIB - (int64_t)BLOCK_MIB * MIB);
    assert_int_equal(fits, TIMBRE_NO_MEMORY);
#endif
}

static void the_peak_grows_with_what_is_used(void **state)
{
    (void)state;
    enum { BLOCK_MIB = 64 };
    int64_t before = tb_memory_peak();
    if (before == 0)
        return; /* not known here */
    char *block = malloc((size_t)BLOCK_MIB * MIB);
    assert_non_null(block);
    memset(block, 1, (size_t)BLOCK_MIB * MIB);
    volatile char *touched = block;
    assert_int_equal(touched[MIB], 1);
    int64_t after = tb_memory_peak();
    free(block);
    assert_true(after >= (int64_t)BLOCK_MIB * MIB);
    assert_true(after >= before);
}

/* Sizes around those of large pages: aligned, and writable to the last byte. */
static void large_blocks_are_aligned_and_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {4 * MIB - 4, 4 * MIB, 4 * MIB + 4, 7 * MIB + 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i] / sizeof(float);
        float *floats = tb_floats_alloc(n);
        assert_non_null(floats);
        size_t alignment = tb_memory_alignment(sizes[i]);
        assert_int_equal((uintptr_t)floats % (alignment > 64 ? alignment : 64), 0);
        for (size_t k = 0; k < n; k++)
            floats[k] = (float)k;
        assert_true(floats[n - 1] == (float)(n - 1));
        free(floats);
    }
    assert_int_equal(tb_memory_alignment(64), 0);
    assert_null(tb_floats_alloc(SIZE_MAX / 4));
    assert_null(tb_floats_alloc(SIZE_MAX / 2));
    tb_memory_trim();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_available_is_less_than_there_is),
        cmocka_unit_test(little_fits_and_too_much_is_named),
        cmocka_unit_test(the_limit_of_the_process_counts),
        cmocka_unit_test(the_peak_grows_with_what_is_used),
        cmocka_unit_test(large_blocks_are_aligned_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
