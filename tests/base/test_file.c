/* Files appear whole or not at all, and never on top of another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/part_file.h"
#include "engine/base/path.h"
#include "tests/support/folder.h"

static int n_entries(void)
{
    int n = 0;
    DIR *d = opendir(".");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void expect_content(const char *path, const char *want)
{
    char *bytes;
    size_t len;
    assert_int_equal(tb_file_read(path, 100, &bytes, &len, NULL), TIMBRE_OK);
    assert_string_equal(bytes, want);
    free(bytes);
}

static void a_file_appears_only_when_committed(void **state)
{
    (void)state;
    tb_file_writer w;
    assert_int_equal(tb_file_begin(&w, "a.wav", NULL), TIMBRE_OK);
    assert_int_equal(tb_file_append(&w, "half", 4, NULL), TIMBRE_OK);
    assert_int_not_equal(access("a.wav", F_OK), 0);
    assert_int_equal(tb_file_sync(&w, NULL), TIMBRE_OK);
    expect_content(tb_file_read_path(&w), "half");
    assert_int_equal(tb_file_commit(&w, false, NULL), TIMBRE_OK);
    expect_content("a.wav", "half");
    tb_file_abort(&w);
    assert_int_equal(n_entries(), 1);
    unlink("a.wav");
}

static void an_aborted_file_leaves_nothing(void **state)
{
    (void)state;
    tb_file_writer w;
    assert_int_equal(tb_file_begin(&w, "b.wav", NULL), TIMBRE_OK);
    assert_int_equal(tb_file_append(&w, "half", 4, NULL), TIMBRE_OK);
    tb_file_abort(&w);
    tb_file_abort(&w);
    assert_int_equal(n_entries(), 0);
}

static void an_existing_file_is_replaced_only_when_asked(void **state)
{
    (void)state;
    tb_error err = {0};
    assert_int_equal(tb_file_write("c.wav", "old", 3, false, NULL), TIMBRE_OK);
    assert_int_equal(tb_file_write("c.wav", "new", 3, false, &err), TIMBRE_EXISTS);
    assert_non_null(strstr(err.message, "c.wav"));
    expect_content("c.wav", "old");
    assert_int_equal(tb_file_write("c.wav", "new", 3, true, NULL), TIMBRE_OK);
    expect_content("c.wav", "new");
    assert_int_equal(n_entries(), 1);
    unlink("c.wav");
}

static void new_files_obey_the_umask(void **state)
{
    (void)state;
    mode_t before = umask(027);
    assert_int_equal(tb_file_write("d.wav", "x", 1, false, NULL), TIMBRE_OK);
    umask(before);
    struct stat info;
    assert_int_equal(stat("d.wav", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    unlink("d.wav");
}

static void reading_refuses_what_is_no_file_or_too_large(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t len;
    tb_error err = {0};
    assert_int_equal(tb_file_read(".", 100, &bytes, &len, &err), TIMBRE_BAD_FILE);
    assert_int_equal(tb_file_read("/dev/zero", 100, &bytes, &len, &err), TIMBRE_BAD_FILE);
    assert_int_equal(tb_file_read("none", 100, &bytes, &len, &err), TIMBRE_NOT_FOUND);
    assert_int_equal(tb_file_write("big", "0123456789", 10, false, NULL), TIMBRE_OK);
    assert_int_equal(tb_file_read("big", 9, &bytes, &len, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "10 bytes exceeds 9"));
    assert_null(bytes);
    unlink("big");
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    tb_error err = {0};
    assert_int_equal(tb_dir_make("p/q/r", NULL), TIMBRE_OK);
    assert_int_equal(tb_dir_make("p/q/r/", NULL), TIMBRE_OK);
    assert_int_equal(tb_file_write("p/file", "x", 1, false, NULL), TIMBRE_OK);
    assert_int_not_equal(tb_dir_make("p/file/s", &err), TIMBRE_OK);
    assert_non_null(strstr(err.message, "p/file"));
    assert_int_not_equal(tb_dir_make("", NULL), TIMBRE_OK);
}

/* What a killed process left is removed by the next one; what a living one writes is not. */
static void abandoned_parts_are_swept(void **state)
{
    (void)state;
    int fd_dead = -1, fd_alive = -1, fd_new = -1;
    char *dead = NULL, *alive = NULL, *new_one = NULL;
    assert_int_equal(tb_part_file_open(".", &fd_dead, &dead, NULL), TIMBRE_OK);
    assert_int_equal(tb_part_file_open(".", &fd_alive, &alive, NULL), TIMBRE_OK);
    assert_int_equal(n_entries(), 2);
    close(fd_dead); /* as the end of its process would */
    assert_int_equal(tb_part_file_open(".", &fd_new, &new_one, NULL), TIMBRE_OK);
    assert_int_not_equal(access(dead, F_OK), 0);
    assert_int_equal(access(alive, F_OK), 0);
    assert_int_equal(n_entries(), 2);
    close(fd_alive);
    close(fd_new);
    unlink(alive);
    unlink(new_one);
    free(dead);
    free(alive);
    free(new_one);
}

static void the_longest_names_can_be_replaced(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    assert_int_equal(tb_file_write(name, "old", 3, false, NULL), TIMBRE_OK);
    assert_int_equal(tb_file_write(name, "new", 3, true, NULL), TIMBRE_OK);
    expect_content(name, "new");
    assert_int_equal(n_entries(), 1);
    unlink(name);
}

static void paths_are_taken_apart(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"a/b/c", "a/b", "c"}, {"/c", "/", "c"}, {"c", ".", "c"}, {"a/", "a", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *dir = tb_path_folder(rows[i][0]);
        assert_string_equal(dir, rows[i][1]);
        assert_string_equal(tb_path_name(rows[i][0]), rows[i][2]);
        free(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abandoned_parts_are_swept),
        cmocka_unit_test(the_longest_names_can_be_replaced),
        cmocka_unit_test(paths_are_taken_apart),
        cmocka_unit_test(a_file_appears_only_when_committed),
        cmocka_unit_test(an_aborted_file_leaves_nothing),
        cmocka_unit_test(an_existing_file_is_replaced_only_when_asked),
        cmocka_unit_test(new_files_obey_the_umask),
        cmocka_unit_test(reading_refuses_what_is_no_file_or_too_large),
        cmocka_unit_test(folders_are_made_with_their_parents),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
