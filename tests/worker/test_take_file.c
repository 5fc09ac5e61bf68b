/* Files of takes: trash and back, what the user changed, and moves that a crash cut in two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/worker/kept.h"
#include "worker/file_move.h"
#include "worker/take_file.h"

static char trash_path[300], out_path[200];

/* A worker with take 1, whose two places are in the variables above. */
static kept *with_take(void **state)
{
    kept *k = *state;
    add_take(k, 1, "a.wav", "sound", 1000);
    (void)snprintf(out_path, sizeof out_path, "%s/a.wav", k->out);
    (void)snprintf(trash_path, sizeof trash_path, "%s/%s/a.wav", k->worker.trash, id_of(1));
    return k;
}

static tb_status trash(kept *k)
{
    tb_stored_take take;
    tb_error err = {0};
    tb_status st = tb_take_file_trash(&k->worker, id_of(1), &take, &err);
    tb_stored_take_deinit(&take);
    return st;
}

static tb_status restore(kept *k)
{
    tb_stored_take take;
    tb_error err = {0};
    tb_status st = tb_take_file_restore(&k->worker, id_of(1), &take, &err);
    tb_stored_take_deinit(&take);
    return st;
}

static tb_status open_take(kept *k)
{
    tb_error err = {0};
    int fd = -1;
    tb_stored_take take = take_of(k, 1);
    tb_status st = tb_take_file_open(&k->worker, &take, &fd, &err);
    if (fd >= 0)
        close(fd);
    tb_stored_take_deinit(&take);
    return st;
}

static void trash_takes_both_files_and_gives_them_back(void **state)
{
    kept *k = with_take(state);
    assert_int_equal(open_take(k), TIMBRE_OK);
    assert_int_equal(trash(k), TIMBRE_OK);
    assert_false(is_there("out/a.wav") || is_there("out/a.wav.json"));
    assert_true(is_there(trash_path));
    assert_int_equal(open_take(k), TIMBRE_GONE);
    assert_int_equal(trash(k), TIMBRE_OK);
    assert_int_equal(restore(k), TIMBRE_OK);
    assert_true(is_there("out/a.wav") && is_there("out/a.wav.json"));
    assert_false(is_there(trash_path));
    assert_int_equal(open_take(k), TIMBRE_OK);
}

static void a_name_that_was_taken_meanwhile_is_left_alone(void **state)
{
    kept *k = with_take(state);
    assert_int_equal(trash(k), TIMBRE_OK);
    write_text(out_path, "somebody else's");
    assert_int_equal(restore(k), TIMBRE_OK);
    assert_true(is_there("out/a-2.wav") && is_there("out/a.wav"));
    assert_int_equal(open_take(k), TIMBRE_OK);
}

static void a_folder_that_is_gone_is_made_again(void **state)
{
    kept *k = with_take(state);
    assert_int_equal(trash(k), TIMBRE_OK);
    assert_int_equal(rmdir("out"), 0);
    assert_int_equal(restore(k), TIMBRE_OK);
    assert_int_equal(open_take(k), TIMBRE_OK);
}

static void what_the_user_changed_is_theirs(void **state)
{
    kept *k = with_take(state);
    write_text(out_path, "SOUND");
    assert_int_equal(open_take(k), TIMBRE_GONE);
    assert_int_equal(trash(k), TIMBRE_OK);
    assert_true(is_there(out_path));
    assert_false(is_there(trash_path));
    assert_int_equal(restore(k), TIMBRE_GONE);
    tb_stored_take take = take_of(k, 1);
    tb_error err = {0};
    assert_int_equal(tb_take_file_purge(&k->worker, &take, &err), TIMBRE_OK);
    assert_true(is_there(out_path));
    tb_stored_take_deinit(&take);
}

static void links_are_not_followed(void **state)
{
    kept *k = with_take(state);
    assert_int_equal(rename("out/a.wav", "secret"), 0);
    assert_int_equal(symlink("../secret", "out/a.wav"), 0);
    assert_int_equal(open_take(k), TIMBRE_GONE);
    assert_int_equal(trash(k), TIMBRE_OK);
    assert_true(is_there("secret"));
}

static void purging_leaves_nothing(void **state)
{
    kept *k = with_take(state);
    tb_error err = {0};
    assert_int_equal(trash(k), TIMBRE_OK);
    tb_stored_take take = take_of(k, 1);
    assert_int_equal(tb_take_file_purge(&k->worker, &take, &err), TIMBRE_OK);
    tb_stored_take_deinit(&take);
    assert_int_equal(tb_store_get_take(k->worker.store, id_of(1), &take, &err), TIMBRE_NOT_FOUND);
    assert_false(is_there(trash_path));
}

static void heal(kept *k)
{
    tb_error err = {0};
    kept_restart(k);
    assert_int_equal(tb_take_file_heal(&k->worker, &err), TIMBRE_OK);
}

/* The row is written first; each of the four steps behind it may be the last. */
static void a_cut_way_to_the_trash_is_ended(void **state)
{
    kept *k = with_take(state);
    tb_error err = {0};
    char folder[300];
    (void)snprintf(folder, sizeof folder, "%s/%s", k->worker.trash, id_of(1));
    for (int step = 0; step < 4; step++) {
        assert_int_equal(tb_store_trash_take(k->worker.store, id_of(1), trash_path, &err),
                         TIMBRE_OK);
        (void)mkdir(folder, 0700);
        if (step >= 1)
            assert_int_equal(link(out_path, trash_path), 0);
        if (step >= 2)
            assert_int_equal(unlink(out_path), 0);
        if (step >= 3) {
            char side[320];
            (void)snprintf(side, sizeof side, "%s.json", trash_path);
            assert_int_equal(link("out/a.wav.json", side), 0);
        }
        heal(k);
        assert_true(is_there(trash_path));
        assert_false(is_there("out/a.wav") || is_there("out/a.wav.json"));
        assert_int_equal(restore(k), TIMBRE_OK);
        assert_true(is_there("out/a.wav") && is_there("out/a.wav.json"));
    }
}

static void a_cut_way_back_is_ended(void **state)
{
    kept *k = with_take(state);
    tb_error err = {0};
    for (int step = 0; step < 3; step++) {
        assert_int_equal(trash(k), TIMBRE_OK);
        assert_int_equal(tb_store_restore_take(k->worker.store, id_of(1), out_path, &err),
                         TIMBRE_OK);
        if (step >= 1)
            assert_int_equal(link(trash_path, out_path), 0);
        if (step >= 2)
            assert_int_equal(unlink(trash_path), 0);
        heal(k);
        assert_int_equal(open_take(k), TIMBRE_OK);
        assert_false(is_there(trash_path));
    }
}

static void a_move_never_replaces(void **state)
{
    (void)state;
    tb_error err = {0};
    write_text("from", "1");
    write_text("to", "2");
    assert_int_equal(tb_file_move("from", "to", &err), TIMBRE_EXISTS);
    assert_true(is_there("from") && is_there("to"));
    assert_int_equal(tb_file_move("nothing", "free", &err), TIMBRE_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kept_set_up, kept_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(trash_takes_both_files_and_gives_them_back),
        CASE(a_name_that_was_taken_meanwhile_is_left_alone),
        CASE(a_folder_that_is_gone_is_made_again),
        CASE(what_the_user_changed_is_theirs),
        CASE(links_are_not_followed),
        CASE(purging_leaves_nothing),
        CASE(a_cut_way_to_the_trash_is_ended),
        CASE(a_cut_way_back_is_ended),
        CASE(a_move_never_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
