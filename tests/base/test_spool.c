/* A nameless file that grows beyond memory: what was written is read back, failures are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/random.h"
#include "engine/base/spool.h"

static int n_entries(const char *folder)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void pieces_in_any_order_come_back_and_no_name_is_seen(void **state)
{
    (void)state;
    enum { LEN = 1 << 20, PIECE = 4099 };
    char folder[] = "/tmp/timbre-spool-XXXXXX";
    assert_non_null(mkdtemp(folder));
    unsigned char *data = malloc(LEN), *back = malloc(LEN);
    assert_non_null(data);
    assert_non_null(back);
    for (int i = 0; i < LEN; i++)
        data[i] = (unsigned char)tb_random_at(5, (uint64_t)i);
    tb_spool spool;
    assert_int_equal(tb_spool_open(&spool, folder, NULL), TIMBRE_OK);
    for (int at = LEN / PIECE * PIECE; at >= 0; at -= PIECE) {
        size_t n = at + PIECE <= LEN ? PIECE : (size_t)(LEN - at);
        assert_int_equal(tb_spool_write(&spool, at, data + at, n, NULL), TIMBRE_OK);
    }
    assert_int_equal(n_entries(folder), 0);
    assert_int_equal(tb_spool_read(&spool, 0, back, LEN, NULL), TIMBRE_OK);
    assert_memory_equal(back, data, LEN);
    assert_int_equal(tb_spool_read(&spool, 77777, back, 1000, NULL), TIMBRE_OK);
    assert_memory_equal(back, data + 77777, 1000);
    tb_spool_close(&spool);
    tb_spool_close(&spool);
    assert_int_equal(rmdir(folder), 0);
    free(data);
    free(back);
}

static void reading_what_was_never_written_is_a_defect(void **state)
{
    (void)state;
    tb_spool spool;
    char bytes[8];
    assert_int_equal(tb_spool_open(&spool, NULL, NULL), TIMBRE_OK);
    assert_int_equal(tb_spool_write(&spool, 0, "1234", 4, NULL), TIMBRE_OK);
    assert_int_equal(tb_spool_read(&spool, 2, bytes, 3, NULL), TIMBRE_INTERNAL);
    tb_spool_close(&spool);
}

static void a_full_disk_says_what_to_do(void **state)
{
    (void)state;
    tb_spool spool = {.fd = open("/dev/full", O_RDWR | O_CLOEXEC)};
    if (spool.fd < 0)
        skip();
    tb_error err = {0};
    assert_int_equal(tb_spool_write(&spool, 5000000, "x", 1, &err), TIMBRE_NO_SPACE);
    assert_non_null(strstr(err.message, "5000 KB"));
    assert_non_null(strstr(err.fix, "disk"));
    tb_spool_close(&spool);
}

static void a_missing_folder_is_not_found(void **state)
{
    (void)state;
    tb_spool spool;
    tb_error err = {0};
    assert_int_equal(tb_spool_open(&spool, "/nowhere/at/all", &err), TIMBRE_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/at/all"));
    tb_spool_close(&spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_in_any_order_come_back_and_no_name_is_seen),
        cmocka_unit_test(reading_what_was_never_written_is_a_defect),
        cmocka_unit_test(a_full_disk_says_what_to_do),
        cmocka_unit_test(a_missing_folder_is_not_found),
    };
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
