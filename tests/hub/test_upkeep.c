/* Verifying what is here, and taking a model away without touching what is anybody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/cache.h"
#include "hub/mark.h"
#include "hub/pull.h"
#include "hub/upkeep.h"
#include "tests/hub/caches.h"
#include "tests/support/folder.h"

#define WEBUI    "webui/riffusion-model-v1"
#define OFFICIAL "riffusion/riffusion-model-v1"
#define WEIGHTS  "riffusion-model-v1-fp16.safetensors"

static const char webui[] = "cache/models--webui--riffusion-model-v1";
static const char official[] = "cache/models--riffusion--riffusion-model-v1";

/* ---- verify ---- */

static size_t count_bad(const char *name, bool repair)
{
    tb_verification v;
    tb_error err = {0};
    if (tb_verify(&hub, find(name), repair, NULL, &v, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    size_t n_bad = v.n_bad;
    tb_verification_deinit(&v);
    return n_bad;
}

static void good_bytes_are_good(void **state)
{
    (void)state;
    caches_clear();
    put_known("riffusion-v1");
    assert_int_equal(count_bad("riffusion-v1", false), 0); /* by the names of the blobs */
    put_manifest("riffusion-v1", true);
    assert_int_equal(count_bad("riffusion-v1", false), 0);
}

/* One bit of the same size: no look at names and sizes finds it. */
static void one_wrong_byte_is_found(void **state)
{
    (void)state;
    static const char *const paths[] = {WEIGHTS, "tokenizer/vocab.json"};
    for (int with_manifest = 0; with_manifest < 2; with_manifest++)
        for (size_t i = 0; i < 2; i++) {
            caches_clear();
            put_known("riffusion-v1");
            if (with_manifest)
                put_manifest("riffusion-v1", true);
            sh("f=$(readlink -f %s/snapshots/" COMMIT
               "/%s) && printf X | dd of=$f bs=1 conv=notrunc "
               "2>/dev/null",
               i == 0 ? webui : official, paths[i]);
            assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
            assert_int_equal(count_bad("riffusion-v1", false), 1);
            assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE); /* nothing changed */
            assert_int_equal(count_bad("riffusion-v1", true), 1);
            assert_int_not_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
        }
}

static void what_is_gone_is_missing(void **state)
{
    (void)state;
    tb_verification v;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    sh("rm %s/blobs/*", webui);
    assert_int_equal(tb_verify(&hub, find("riffusion-v1"), false, NULL, &v, NULL), TIMBRE_OK);
    assert_int_equal(v.n_bad, 1);
    for (size_t i = 0; i < v.n; i++)
        assert_int_equal(v.files[i].verdict,
                         strcmp(v.files[i].path, WEIGHTS) == 0 ? TB_FILE_MISSING : TB_FILE_GOOD);
    tb_verification_deinit(&v);
}

static void a_file_elsewhere_is_never_removed(void **state)
{
    (void)state;
    caches_clear();
    const char *place = place_of("own.safetensors");
    sh("printf weights > own.safetensors");
    const char *files[] = {place};
    assert_int_equal(tb_installed_add(&hub, "own", place, "mit", files, 1, NULL, NULL), TIMBRE_OK);
    assert_int_equal(count_bad("own", true), 0);
    sh("printf wEights > own.safetensors");
    assert_int_equal(count_bad("own", true), 1);
    assert_true(is_there("own.safetensors"));
    tb_removal removal;
    assert_int_equal(tb_remove(&hub, find("own"), true, &removal, NULL), TIMBRE_OK);
    assert_true(removal.is_forgotten_only && removal.n_files == 0);
    assert_true(is_there("own.safetensors"));
    assert_null(find("own"));
}

static void a_stop_is_heard(void **state)
{
    (void)state;
    tb_verification v;
    timbre_cancel cancel = {0};
    caches_clear();
    put_known("riffusion-v1");
    timbre_cancel_request(&cancel);
    assert_int_equal(
        tb_verify(&hub, find("riffusion-v1"), false, &(tb_progress){.cancel = &cancel}, &v, NULL),
        TIMBRE_CANCELLED);
}

/* ---- remove ---- */

static tb_status take_away(const char *name, bool force, tb_removal *removal)
{
    tb_error err = {0};
    tb_status st = tb_remove(&hub, find(name), force, removal, &err);
    return st;
}

static void a_pulled_model_goes_without_a_trace(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    sh("touch cache/.keep");
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_kept, 0);
    assert_int_equal(removal.n_files, 3);
    assert_true(removal.n_bytes > 0);
    assert_false(is_there(webui) || is_there(official));
    assert_false(is_there("data/models/riffusion-v1.json"));
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_ABSENT);
}

static void what_others_brought_stays(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_files, 0);
    assert_int_equal(removal.n_kept, 3);
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
    put_manifest("riffusion-v1", false); /* a pull that found all of it there */
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_files, 0);
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
    assert_int_equal(take_away("riffusion-v1", true, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_files, 3);
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_ABSENT);
}

static void what_another_model_needs_stays(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    put_known("riffusion-v1-original");
    put_manifest("riffusion-v1", true);
    put_manifest("riffusion-v1-original", true);
    assert_int_equal(take_away("riffusion-v1-original", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_kept, 2); /* the vocabulary */
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
    assert_int_equal(count_bad("riffusion-v1", false), 0);
    assert_int_equal(find("riffusion-v1-original")->state, TB_INSTALLED_ABSENT);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_false(is_there(webui) || is_there(official));
}

/* Whole by another program's doing, without a manifest. */
static void what_another_programs_model_needs_stays(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    put_known("riffusion-v1-original");
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_int_equal(find("riffusion-v1-original")->state, TB_INSTALLED_WHOLE);
    assert_false(is_there(webui));
}

/* What a manifest that cannot be read says is not known: nothing is taken, nothing forgotten. */
static void a_damaged_manifest_is_no_reason_to_forget(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    sh("mkdir -p data/models && echo '{' > data/models/riffusion-v1.json");
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_BAD_FILE);
    assert_true(is_there("data/models/riffusion-v1.json"));
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
}

/* A part that somebody is fetching does not stop the rest half-way. */
static void a_part_under_way_stays(void **state)
{
    (void)state;
    tb_removal removal;
    char *lock = NULL;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    char *etag = strdup(etag_of("a.safetensors", "other weights"));
    sh("printf part > %s/blobs/%s.incomplete", webui, etag);
    assert_int_equal(tb_cache_lock_path(&hub, WEBUI, etag, &lock, NULL), TIMBRE_OK);
    assert_int_equal(tb_cache_make_folder_of(&hub, lock, NULL), TIMBRE_OK);
    int fd = open(lock, O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_files, 3);
    assert_true(says("test -f %s/blobs/%s.incomplete", webui, etag));
    assert_int_equal(close(fd), 0);
    free(lock);
    free(etag);
}

/* The same content at another commit, which some other program uses. */
static void a_blob_with_another_link_stays(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    put_file(WEBUI, OTHER, "weights/same.safetensors", WEIGHTS);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_true(says("test -f %s/snapshots/" OTHER "/weights/same.safetensors", webui));
    assert_false(says("test -e %s/snapshots/" COMMIT, webui));
    assert_true(says("test -f %s/refs/main", webui)); /* a snapshot is left */
}

static void a_good_part_of_another_model_stays(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    const char *etag = etag_of("unet.bin", "gigabytes of it");
    sh("printf giga > %s/blobs/%s.incomplete; printf part > %s/blobs/%s.incomplete", official, etag,
       webui, etag);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_true(says("test $(cat %s/blobs/%s.incomplete) = giga", official, etag));
    assert_false(is_there(webui)); /* its own part went with it */
    assert_int_equal(find("riffusion-v1-original")->state, TB_INSTALLED_PARTIAL);
    assert_int_equal(take_away("riffusion-v1-original", false, &removal), TIMBRE_OK);
    assert_false(is_there(official));
}

static void nothing_goes_while_it_is_written(void **state)
{
    (void)state;
    tb_removal removal;
    char *lock = NULL;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    assert_int_equal(tb_cache_lock_path(&hub, WEBUI, etag_of(WEIGHTS, WEIGHTS), &lock, NULL),
                     TIMBRE_OK);
    assert_int_equal(tb_cache_make_folder_of(&hub, lock, NULL), TIMBRE_OK);
    int fd = open(lock, O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_EXISTS);
    assert_int_equal(removal.n_files, 0);
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
    assert_int_equal(close(fd), 0);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    free(lock);
}

/* A store that several caches share, a copy in the place of a link, a link to somewhere: none is
 * ours to delete, and no link is followed to what it leads to. */
static void no_link_is_followed_out(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    char *etag = strdup(etag_of(WEIGHTS, WEIGHTS));
    sh("mkdir -p cache/blobs/ab && mv %s/blobs/%s cache/blobs/ab/ && "
       "ln -sf ../../../blobs/ab/%s %s/snapshots/" COMMIT "/" WEIGHTS,
       webui, etag, etag, webui);
    assert_int_equal(take_away("riffusion-v1", true, &removal), TIMBRE_OK);
    assert_true(says("test -f cache/blobs/ab/%s", etag));
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    sh("mkdir -p elsewhere && mv %s/blobs/%s elsewhere/ && ln -s $PWD/elsewhere/%s %s/blobs/%s",
       webui, etag, etag, webui, etag);
    assert_int_equal(take_away("riffusion-v1", true, &removal), TIMBRE_OK);
    assert_true(says("test -f elsewhere/%s", etag));
    sh("rm -rf elsewhere");
    free(etag);
}

static void what_was_stopped_goes_on(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    sh("rm %s/snapshots/" COMMIT "/" WEIGHTS, webui); /* the link went, and then the power */
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_PARTIAL);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_files, 3);
    assert_false(is_there(webui) || is_there(official));
}

/* Without a network a pull is content with what is here, whoever brought it, and changes nothing.
 */
static void offline_a_pull_is_what_is_here(void **state)
{
    (void)state;
    tb_pull_options options = {0};
    tb_pull_plan plan;
    tb_error err = {0};
    caches_clear();
    hub.is_offline = true;
    assert_int_equal(tb_pull_plan_make(&hub, "riffusion-v1", &options, &plan, &err),
                     TIMBRE_MODEL_MISSING);
    put_known("riffusion-v1");
    if (tb_pull_plan_make(&hub, "riffusion-v1", &options, &plan, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_true(plan.is_whole && plan.is_offline);
    assert_int_equal(plan.n_files, 3);
    assert_int_equal(tb_pull_run(&hub, &plan, &options, NULL), TIMBRE_OK);
    tb_pull_plan_deinit(&plan);
    hub.is_offline = false;
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
}

/* A blob that nothing leads to is Timbre's own only where the mark of a stopped pull says so. */
static void an_orphan_of_another_program_stays(void **state)
{
    (void)state;
    tb_removal removal;
    struct stat info;
    char path[300];
    caches_clear();
    put_file(WEBUI, COMMIT, WEIGHTS, WEIGHTS);
    sh("rm -r %s/snapshots", webui);
    (void)snprintf(path, sizeof path, "%s/blobs/%s", webui, etag_of(WEIGHTS, WEIGHTS));
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_PARTIAL);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_true(is_there(path));
    assert_int_equal(stat(path, &info), 0);
    sh("mkdir -p cache/.locks/models--webui--riffusion-model-v1");
    assert_int_equal(tb_mark_write(&hub, WEBUI, etag_of(WEIGHTS, WEIGHTS), &info, NULL), TIMBRE_OK);
    assert_int_equal(take_away("riffusion-v1", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_files, 1);
    assert_false(is_there(webui));
}

/* By name: only the Hub knows of what it consists, and yet it is seen, and can be given up. */
static void a_stopped_pull_by_name_is_seen(void **state)
{
    (void)state;
    tb_removal removal;
    caches_clear();
    const char *etag = etag_of("a.safetensors", "gigabytes");
    sh("mkdir -p cache/models--org--name/blobs && printf giga > "
       "cache/models--org--name/blobs/%s.incomplete",
       etag);
    assert_null(find("org/name"));
    assert_int_equal(tb_manifest_begin(&hub, "org/name", NULL), TIMBRE_OK);
    assert_int_equal(find("org/name")->state, TB_INSTALLED_PARTIAL);
    assert_int_equal(find("org/name")->provenance, TB_PROVENANCE_PULLED);
    assert_int_equal(find("org/name")->len_bytes, 4);
    assert_int_equal(take_away("org/name", false, &removal), TIMBRE_OK);
    assert_int_equal(removal.n_files, 1);
    assert_null(find("org/name"));
    assert_false(is_there("cache/models--org--name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(good_bytes_are_good, forget),
        cmocka_unit_test_teardown(one_wrong_byte_is_found, forget),
        cmocka_unit_test_teardown(what_is_gone_is_missing, forget),
        cmocka_unit_test_teardown(a_file_elsewhere_is_never_removed, forget),
        cmocka_unit_test_teardown(a_stop_is_heard, forget),
        cmocka_unit_test_teardown(a_pulled_model_goes_without_a_trace, forget),
        cmocka_unit_test_teardown(what_others_brought_stays, forget),
        cmocka_unit_test_teardown(what_another_model_needs_stays, forget),
        cmocka_unit_test_teardown(what_another_programs_model_needs_stays, forget),
        cmocka_unit_test_teardown(a_damaged_manifest_is_no_reason_to_forget, forget),
        cmocka_unit_test_teardown(a_part_under_way_stays, forget),
        cmocka_unit_test_teardown(a_blob_with_another_link_stays, forget),
        cmocka_unit_test_teardown(a_good_part_of_another_model_stays, forget),
        cmocka_unit_test_teardown(nothing_goes_while_it_is_written, forget),
        cmocka_unit_test_teardown(no_link_is_followed_out, forget),
        cmocka_unit_test_teardown(what_was_stopped_goes_on, forget),
        cmocka_unit_test_teardown(offline_a_pull_is_what_is_here, forget),
        cmocka_unit_test_teardown(a_stopped_pull_by_name_is_seen, forget),
        cmocka_unit_test_teardown(an_orphan_of_another_program_stays, forget),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
