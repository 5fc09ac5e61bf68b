/* What is installed, by whom, what is missing, and what answers when no model is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/upkeep.h"
#include "tests/hub/caches.h"
#include "tests/support/folder.h"

#define WEBUI    "webui/riffusion-model-v1"
#define OFFICIAL "riffusion/riffusion-model-v1"
#define WEIGHTS  "riffusion-model-v1-fp16.safetensors"

static const char webui_blobs[] = "cache/models--webui--riffusion-model-v1/blobs";

/* ---- the registry ---- */

static void every_row_of_the_registry_is_read(void **state)
{
    (void)state;
    size_t n;
    const tb_known_model *all = tb_registry(&n);
    assert_true(n >= 2);
    assert_string_equal(all[0].name, "riffusion-v1");
    assert_string_equal(all[1].name, "riffusion-v1-original");
    for (size_t i = 0; i < n; i++) {
        assert_true(tb_model_name_is_valid(all[i].name));
        assert_ptr_equal(tb_registry_find(all[i].name), &all[i]);
        assert_true(all[i].about_bytes > 1000000000 &&
                    all[i].memory_bytes > all[i].memory_low_bytes);
        assert_true(all[i].memory_low_bytes > 0 && all[i].native_seconds > 5);
        assert_non_null(tb_licence_get(all[i].licence).text);
        for (size_t k = 0; k < all[i].n_sources; k++)
            assert_true(tb_repo_is_valid(all[i].sources[k].repo));
    }
    assert_string_equal(all[1].sources[0].files[9].path, "unet/diffusion_pytorch_model.bin");
    assert_string_equal(all[1].sources[0].files[9].sha256_prefix, "fffb37d3e7601f84");
    assert_null(tb_registry_find("riffusion"));
    assert_string_equal(tb_registry_suggest("riffusion"), "riffusion-v1");
    assert_string_equal(tb_registry_suggest("riffusion-v1-orig"), "riffusion-v1-original");
    assert_null(tb_registry_suggest("llama"));
}

static void a_licence_says_whether_it_asks_for_something(void **state)
{
    (void)state;
    tb_licence licence = tb_licence_get("creativeml-openrail-m");
    assert_true(licence.needs_consent);
    assert_int_equal(strncmp(licence.text, "CreativeML Open RAIL-M\n", 23), 0);
    assert_non_null(strstr(licence.text, "Attachment A"));
    assert_false(tb_licence_get("apache-2.0").needs_consent);
    assert_false(tb_licence_get("mit").needs_consent);
    licence = tb_licence_get("something-new");
    assert_true(licence.needs_consent);
    assert_null(licence.text);
    assert_string_equal(licence.id, "something-new");
    assert_true(tb_licence_get("unknown").needs_consent);
}

/* ---- known models ---- */

static void nothing_is_here(void **state)
{
    (void)state;
    caches_clear();
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_ABSENT);
    assert_int_equal(find("riffusion-v1-original")->state, TB_INSTALLED_ABSENT);
    assert_true(find("riffusion-v1")->n_missing == 3);
    assert_null(find("riffusion-v1")->path);
}

/* Without a manifest, as another program leaves it. */
static void what_another_program_brought_is_whole(void **state)
{
    (void)state;
    caches_clear();
    put_known("riffusion-v1-original");
    const tb_installed *m = find("riffusion-v1-original");
    assert_int_equal(m->state, TB_INSTALLED_WHOLE);
    assert_string_equal(m->path, "cache/models--riffusion--riffusion-model-v1/snapshots/" COMMIT);
    assert_null(m->tokenizer);
    assert_string_equal(m->commit, COMMIT);
    assert_int_equal(m->n_missing, 0);
    /* its vocabulary is riffusion-v1's, too, which is not begun by that */
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_ABSENT);
}

static void the_one_file_has_its_vocabulary_elsewhere(void **state)
{
    (void)state;
    caches_clear();
    put_known("riffusion-v1");
    const tb_installed *m = find("riffusion-v1");
    assert_int_equal(m->state, TB_INSTALLED_WHOLE);
    assert_string_equal(m->path,
                        "cache/models--webui--riffusion-model-v1/snapshots/" COMMIT "/" WEIGHTS);
    assert_string_equal(
        m->tokenizer, "cache/models--riffusion--riffusion-model-v1/snapshots/" COMMIT "/tokenizer");
    /* which makes nothing of the other one */
    assert_int_equal(find("riffusion-v1-original")->state, TB_INSTALLED_ABSENT);
    put_file(OFFICIAL, COMMIT, "seed_images/vibes.png", "a picture");
    put_file(OFFICIAL, COMMIT, "README.md", "text");
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
}

static void what_is_optional_is_not_missed(void **state)
{
    (void)state;
    caches_clear();
    put_known("riffusion-v1");
    put_file(OFFICIAL, COMMIT, "seed_images/vibes.png", "a picture");
    put_manifest("riffusion-v1", true);
    sh("rm cache/models--riffusion--riffusion-model-v1/snapshots/" COMMIT "/seed_images/vibes.png");
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
    sh("rm cache/models--riffusion--riffusion-model-v1/snapshots/" COMMIT "/tokenizer/vocab.json");
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_PARTIAL);
    assert_string_equal(find("riffusion-v1")->missing, "tokenizer/vocab.json");
}

/* Parts, and blobs that nothing leads to yet. */
static void a_begun_pull_is_partial(void **state)
{
    (void)state;
    caches_clear();
    sh("mkdir -p %s && printf 12345 > %s/%s.incomplete", webui_blobs, webui_blobs,
       etag_of("a.safetensors", "x"));
    const tb_installed *m = find("riffusion-v1");
    assert_int_equal(m->state, TB_INSTALLED_PARTIAL);
    assert_int_equal(m->len_bytes, 5);
    assert_int_equal(find("riffusion-v1-original")->state, TB_INSTALLED_ABSENT);
    caches_clear();
    put_file(OFFICIAL, COMMIT, "unet/config.json", "a config");
    put_ref(OFFICIAL, COMMIT);
    assert_int_equal(find("riffusion-v1-original")->state, TB_INSTALLED_PARTIAL);
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_ABSENT);
}

static void another_size_is_not_the_file(void **state)
{
    (void)state;
    caches_clear();
    put_known("riffusion-v1");
    put_manifest("riffusion-v1", true);
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_WHOLE);
    sh("truncate -s 3 %s/*", webui_blobs);
    assert_int_equal(find("riffusion-v1")->state, TB_INSTALLED_PARTIAL);
    assert_string_equal(find("riffusion-v1")->missing, WEIGHTS);
}

/* ---- others ---- */

static void put_folder(const char *repo, const char *weights)
{
    static const char *const paths[] = {
        "model_index.json",         "scheduler/scheduler_config.json",
        "text_encoder/config.json", "unet/config.json",
        "vae/config.json",          "tokenizer/vocab.json",
        "tokenizer/merges.txt"};
    char path[100];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        put_file(repo, COMMIT, paths[i], paths[i]);
    static const char *const folders[] = {"text_encoder/model", "unet/diffusion_pytorch_model",
                                          "vae/diffusion_pytorch_model"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s%s", folders[i], weights);
        put_file(repo, COMMIT, path, path);
    }
}

static void the_family_is_found_and_no_other(void **state)
{
    (void)state;
    caches_clear();
    put_folder("some/diffusion", ".fp16.safetensors");
    put_file("some/language", COMMIT, "config.json", "{}");
    put_file("some/language", COMMIT, "model.safetensors", "weights");
    put_folder("some/half", ".safetensors");
    sh("rm cache/models--some--half/snapshots/" COMMIT "/vae/*.safetensors");
    sh("mkdir -p cache/models--some--empty cache/datasets--a--b 'cache/models--..--x'");
    const tb_installed *m = find("some/diffusion");
    assert_non_null(m);
    assert_int_equal(m->provenance, TB_PROVENANCE_CACHE);
    assert_int_equal(m->state, TB_INSTALLED_WHOLE);
    assert_string_equal(m->path, "cache/models--some--diffusion/snapshots/" COMMIT);
    assert_null(find("some/language"));
    assert_null(find("some/half"));
    assert_null(find("some/empty"));
    /* of two snapshots the one of refs/main counts, and without a ref none */
    put_file("some/diffusion", OTHER, "model_index.json", "other");
    assert_null(find("some/diffusion"));
    put_ref("some/diffusion", COMMIT);
    assert_non_null(find("some/diffusion"));
}

static void add_path(const char *name, const char *path)
{
    const char *files[] = {path};
    tb_error err = {0};
    if (tb_installed_add(&hub, name, path, "mit", files, 1, NULL, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
}

static void the_default_is_the_best_that_somebody_chose(void **state)
{
    (void)state;
    tb_installed_list list;
    caches_clear();
    const char *place = place_of("own.safetensors");
    sh("echo weights > own.safetensors");
    put_folder("some/diffusion", ".bin");
    assert_int_equal(tb_installed_list_read(&hub, &list, NULL, NULL), TIMBRE_OK);
    assert_null(tb_installed_default(&list)); /* nobody says what it paints */
    tb_installed_list_deinit(&list);
    add_path("own", place);
    assert_int_equal(tb_installed_list_read(&hub, &list, NULL, NULL), TIMBRE_OK);
    assert_string_equal(tb_installed_default(&list)->name, "own");
    assert_int_equal(tb_installed_default(&list)->provenance, TB_PROVENANCE_ADDED);
    assert_string_equal(tb_installed_default(&list)->path, place);
    tb_installed_list_deinit(&list);
    put_known("riffusion-v1-original");
    assert_int_equal(tb_installed_list_read(&hub, &list, NULL, NULL), TIMBRE_OK);
    assert_string_equal(tb_installed_default(&list)->name, "riffusion-v1-original");
    tb_installed_list_deinit(&list);
    put_known("riffusion-v1");
    assert_int_equal(tb_installed_list_read(&hub, &list, NULL, NULL), TIMBRE_OK);
    assert_string_equal(tb_installed_default(&list)->name, "riffusion-v1");
    tb_installed_list_deinit(&list);
    sh("echo more >> own.safetensors");
    assert_int_equal(find("own")->state, TB_INSTALLED_PARTIAL);
}

static void an_added_name_is_nobody_elses(void **state)
{
    (void)state;
    caches_clear();
    const char *place = place_of("own.safetensors");
    const char *files[] = {place};
    add_path("own", place);
    add_path("own", place); /* again: as it is now */
    assert_int_equal(tb_installed_add(&hub, "own", "/elsewhere", "mit", files, 1, NULL, NULL),
                     TIMBRE_EXISTS);
    assert_int_equal(tb_installed_add(&hub, "riffusion-v1", place, "mit", files, 1, NULL, NULL),
                     TIMBRE_EXISTS);
    assert_int_equal(tb_installed_add(&hub, "../x", place, "mit", files, 1, NULL, NULL),
                     TIMBRE_BAD_INPUT);
    files[0] = "/nowhere";
    assert_int_equal(tb_installed_add(&hub, "new", place, "mit", files, 1, NULL, NULL),
                     TIMBRE_NOT_FOUND);
    assert_null(find("new"));
}

static void damage_is_said_and_hides_nothing(void **state)
{
    (void)state;
    tb_installed_list list;
    char *warnings = NULL;
    caches_clear();
    put_known("riffusion-v1");
    sh("mkdir -p data/models && echo '{' > data/models/riffusion-v1.json && "
       "echo '{}' > data/models/other.json");
    assert_int_equal(tb_installed_list_read(&hub, &list, &warnings, NULL), TIMBRE_OK);
    assert_int_equal(tb_installed_find(&list, "riffusion-v1")->state, TB_INSTALLED_WHOLE);
    assert_non_null(strstr(warnings, "riffusion-v1.json"));
    assert_non_null(strstr(warnings, "other.json"));
    free(warnings);
    tb_installed_list_deinit(&list);
}

#define WEIGHTS_SHA256 "1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0"

/* A model beside the program, of one file, "weights\n", that its manifest calls `path`. */
static void put_shipped(const char *path)
{
    static char shipped[] = "share";
    hub.shipped = shipped;
    sh("rm -rf share && mkdir -p share/timbre-mini/unet && "
       "echo weights > share/timbre-mini/unet/w.safetensors && "
       "printf '{\"schema\": 1, \"name\": \"timbre-mini\", \"licence\": \"apache-2.0\", "
       "\"made_at\": \"2026-01-01T00:00:00Z\", \"files\": [{\"path\": \"%%s\", \"bytes\": 8, "
       "\"sha256\": \"" WEIGHTS_SHA256 "\"}]}' '%s' > share/timbre-mini/MANIFEST.json",
       path);
}

static void what_came_with_the_program_is_named_and_never_default(void **state)
{
    (void)state;
    caches_clear();
    put_shipped("unet/w.safetensors");
    tb_installed_list list;
    assert_int_equal(tb_installed_list_read(&hub, &list, NULL, NULL), TIMBRE_OK);
    assert_null(tb_installed_default(&list));
    tb_installed_list_deinit(&list);
    const tb_installed *m = find("timbre-mini");
    assert_non_null(m);
    assert_int_equal(m->provenance, TB_PROVENANCE_SHIPPED);
    assert_int_equal(m->state, TB_INSTALLED_WHOLE);
    assert_string_equal(m->path, "share/timbre-mini");
    assert_string_equal(m->licence, "apache-2.0");
    assert_int_equal(m->len_bytes, 8);

    tb_verification v;
    assert_int_equal(tb_verify(&hub, m, false, NULL, &v, NULL), TIMBRE_OK);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.n_bad, 0);
    tb_verification_deinit(&v);
    sh("echo WEIGHTS > share/timbre-mini/unet/w.safetensors");
    assert_int_equal(tb_verify(&hub, m, true, NULL, &v, NULL), TIMBRE_OK);
    assert_int_equal(v.n_bad, 1);
    tb_verification_deinit(&v);
    assert_true(is_there("share/timbre-mini/unet/w.safetensors"));

    tb_removal removal;
    tb_error err = {0};
    assert_int_equal(tb_remove(&hub, m, true, &removal, &err), TIMBRE_BAD_INPUT);
    assert_true(is_there("share/timbre-mini/unet/w.safetensors"));
    const char *files[] = {place_of("share/timbre-mini/unet/w.safetensors")};
    assert_int_equal(
        tb_installed_add(&hub, "timbre-mini", "/elsewhere", "mit", files, 1, NULL, NULL),
        TIMBRE_EXISTS);
}

static void what_came_with_the_program_may_be_damaged(void **state)
{
    (void)state;
    caches_clear();
    put_shipped("unet/w.safetensors");
    sh("echo more >> share/timbre-mini/unet/w.safetensors");
    const tb_installed *m = find("timbre-mini");
    assert_int_equal(m->state, TB_INSTALLED_PARTIAL);
    tb_error err = {0};
    assert_int_equal(tb_installed_require_whole(m, &err), TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.message, "w.safetensors"));
    assert_non_null(strstr(err.fix, "install Timbre again"));

    static const char *const outside[] = {"/etc/passwd", "../w", "unet/../../w", ""};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        tb_installed_list list;
        char *warnings = NULL;
        put_shipped(outside[i]);
        assert_int_equal(tb_installed_list_read(&hub, &list, &warnings, NULL), TIMBRE_OK);
        assert_null(tb_installed_find(&list, "timbre-mini"));
        assert_non_null(strstr(warnings, "MANIFEST.json"));
        free(warnings);
        tb_installed_list_deinit(&list);
    }
    sh("rm -r share");
    assert_null(find("timbre-mini")); /* packed without it */
    /* a record of that name is none: the name is taken */
    sh("mkdir -p data/models && printf '{\"schema\": 1, \"name\": \"timbre-mini\", "
       "\"licence\": \"mit\", \"path\": \"/x\", \"made_at\": \"\", \"files\": [{\"path\": "
       "\"/x\", \"bytes\": 8, \"sha256\": \"" WEIGHTS_SHA256 "\"}]}' "
       "> data/models/timbre-mini.json");
    assert_null(find("timbre-mini"));
}

/* Links that lead out or round, and folders where files should be. */
static void a_hostile_cache_is_only_looked_at(void **state)
{
    (void)state;
    caches_clear();
    put_folder("some/diffusion", ".safetensors");
    sh("cd cache/models--some--diffusion && rm snapshots/" COMMIT "/unet/config.json && "
       "ln -s config.json snapshots/" COMMIT "/unet/config.json && mkdir -p refs && "
       "printf '../../../etc' > refs/main");
    assert_null(find("some/diffusion"));
    sh("rm -rf cache/models--some--diffusion && ln -s . cache/models--some--diffusion");
    assert_null(find("some/diffusion"));
    sh("cd cache && for i in $(seq 300); do mkdir models--many--m$i; done");
    assert_null(find("many/m1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_registry_is_read),
        cmocka_unit_test(a_licence_says_whether_it_asks_for_something),
        cmocka_unit_test_teardown(nothing_is_here, forget),
        cmocka_unit_test_teardown(what_another_program_brought_is_whole, forget),
        cmocka_unit_test_teardown(the_one_file_has_its_vocabulary_elsewhere, forget),
        cmocka_unit_test_teardown(what_is_optional_is_not_missed, forget),
        cmocka_unit_test_teardown(a_begun_pull_is_partial, forget),
        cmocka_unit_test_teardown(another_size_is_not_the_file, forget),
        cmocka_unit_test_teardown(the_family_is_found_and_no_other, forget),
        cmocka_unit_test_teardown(the_default_is_the_best_that_somebody_chose, forget),
        cmocka_unit_test_teardown(an_added_name_is_nobody_elses, forget),
        cmocka_unit_test_teardown(damage_is_said_and_hides_nothing, forget),
        cmocka_unit_test_teardown(what_came_with_the_program_is_named_and_never_default, forget),
        cmocka_unit_test_teardown(what_came_with_the_program_may_be_damaged, forget),
        cmocka_unit_test_teardown(a_hostile_cache_is_only_looked_at, forget),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
