/* Where the worker finds models by name, and what its pulls say. No network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/hub/caches.h"
#include "tests/support/folder.h"
#include "worker/pulls.h"
#include "worker/service.h"

#define OFFICIAL "cache/models--riffusion--riffusion-model-v1/snapshots/" COMMIT
#define LICENCE  "creativeml-openrail-m"

static tb_worker_options options;
static tb_worker worker;

static void begin(void)
{
    caches_clear();
    options = (tb_worker_options){0};
    worker = (tb_worker){.options = &options, .hub = hub, .journal = {.fd = -1}}; /* says nothing */
    worker.hub.is_offline = true;
}

static void assert_place(const char *asked, const char *id, const char *path, const char *tokenizer)
{
    tb_error err = {0};
    tb_model_place place;
    if (tb_model_place_find(&worker, asked, &place, &err) != TIMBRE_OK)
        fail_msg("%s: %s", asked, err.message);
    assert_string_equal(place.id, id);
    assert_string_equal(place.path == NULL ? "" : place.path, path);
    assert_string_equal(place.tokenizer == NULL ? "" : place.tokenizer, tokenizer);
    tb_model_place_deinit(&place);
}

static void assert_missing(const char *asked, const char *fix)
{
    tb_error err = {0};
    tb_model_place place;
    assert_int_equal(tb_model_place_find(&worker, asked, &place, &err), TIMBRE_MODEL_MISSING);
    assert_null(place.id);
    if (strstr(err.fix, fix) == NULL)
        fail_msg("'%s' lacks '%s'", err.fix, fix);
}

/* ---- places ---- */

static void the_sketch_answers_where_nothing_is_installed(void **state)
{
    (void)state;
    begin();
    assert_place(NULL, "sketch", "", "");
    assert_place("sketch", "sketch", "", "");
    put_known("riffusion-v1-original");
    assert_place(NULL, "riffusion-v1-original", OFFICIAL, "");
    assert_place("riffusion-v1-original", "riffusion-v1-original", OFFICIAL, "");
    assert_place("sketch", "sketch", "", "");
}

static void what_is_not_whole_is_missing_with_the_command(void **state)
{
    (void)state;
    begin();
    assert_missing("riffusion-v1", "timbre models pull riffusion-v1");
    put_known("riffusion-v1-original");
    sh("rm " OFFICIAL "/unet/config.json");
    assert_missing("riffusion-v1-original", "timbre models pull riffusion-v1-original");
    assert_missing("riffusion", "riffusion-v1");
    assert_missing("org/name", "timbre models pull org/name");
    options.model_id = "riffusion-v1"; /* a default that was chosen is not replaced in silence */
    assert_missing(NULL, "timbre models pull riffusion-v1");
}

static void a_path_is_never_a_name(void **state)
{
    (void)state;
    begin();
    sh("mkdir -p own && printf x > own/model.safetensors");
    static const char *const paths[] = {
        "own/model.safetensors", "./own/model.safetensors", "own", "/", "../cache", "."};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_missing(paths[i], "");
    assert_missing(place_of("own/model.safetensors"), "");
}

static void the_settings_place_a_model(void **state)
{
    (void)state;
    begin();
    sh("mkdir -p own && printf x > own/mine.safetensors");
    options.model_id = "mine";
    options.model_path = "own/mine.safetensors";
    assert_place(NULL, "mine", "own/mine.safetensors", "");
    put_known("riffusion-v1-original"); /* whose vocabulary the file borrows */
    assert_place(NULL, "mine", "own/mine.safetensors", OFFICIAL "/tokenizer");
    assert_place("mine", "mine", "own/mine.safetensors", OFFICIAL "/tokenizer");
    assert_place("riffusion-v1-original", "riffusion-v1-original", OFFICIAL, "");
    options.model_tokenizer = "words";
    assert_place(NULL, "mine", "own/mine.safetensors", "words");
    options.tokenizer = "all-words"; /* the engine's setting serves every model */
    assert_place(NULL, "mine", "own/mine.safetensors", "");
    options.model_tokenizer = NULL;
    options.tokenizer = NULL;
    sh("mkdir own/tokenizer && printf x > own/tokenizer/vocab.json");
    assert_place(NULL, "mine", "own/mine.safetensors", "");
}

/* ---- pulls: the feed is this file's ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char told[4096]; /* all texts, a line each; guarded by `lock` */

void tb_feed_set_pull(tb_feed *feed, const char *model, const char *json)
{
    (void)feed;
    (void)pthread_mutex_lock(&lock);
    size_t len = strlen(told);
    (void)snprintf(told + len, sizeof told - len, "%s %s\n", model, json == NULL ? "-" : json);
    (void)pthread_mutex_unlock(&lock);
}

static tb_pulls *begin_pulls(void)
{
    tb_pulls *pulls = NULL;
    told[0] = '\0';
    assert_int_equal(tb_pulls_new(&worker, &pulls, NULL), TIMBRE_OK);
    return pulls;
}

static void wait_for_all(tb_pulls *pulls)
{
    for (int i = 0; i < 1000 && tb_pulls_count(pulls) > 0; i++)
        (void)usleep(10000);
    assert_int_equal(tb_pulls_count(pulls), 0);
}

static void assert_refused(tb_pulls *pulls, const char *name, const char *licence, tb_status code,
                           const char *part)
{
    tb_error err = {0};
    assert_int_equal(tb_pulls_start(pulls, name, licence, &err), code);
    if (strstr(err.message, part) == NULL && strstr(err.fix, part) == NULL)
        fail_msg("'%s; %s' lacks '%s'", err.message, err.fix, part);
    assert_int_equal(tb_pulls_count(pulls), 0);
    assert_string_equal(told, "");
}

static void a_pull_that_cannot_be_is_refused_at_once(void **state)
{
    (void)state;
    begin();
    tb_pulls *pulls = begin_pulls();
    assert_refused(pulls, "riffusion-v1", NULL, TIMBRE_PERMISSION, LICENCE);
    assert_refused(pulls, "riffusion-v1", "mit", TIMBRE_BAD_INPUT, LICENCE);
    assert_refused(pulls, "sketch", NULL, TIMBRE_BAD_INPUT, "built in");
    assert_refused(pulls, "riffusion-v2", NULL, TIMBRE_NOT_FOUND, "riffusion-v1");
    assert_refused(pulls, "../../etc/passwd", NULL, TIMBRE_NOT_FOUND, "org/name");
    tb_pulls_free(pulls);
    tb_pulls_free(NULL);
}

static void a_pull_tells_how_it_ends(void **state)
{
    (void)state;
    begin();
    tb_pulls *pulls = begin_pulls();
    assert_int_equal(tb_pulls_start(pulls, "riffusion-v1", LICENCE, NULL), TIMBRE_OK);
    wait_for_all(pulls);
    assert_non_null(
        strstr(told, "riffusion-v1 {\"model\":\"riffusion-v1\",\"state\":\"planning\""));
    assert_non_null(strstr(told, "\"state\":\"failed\""));
    assert_non_null(strstr(told, "\"code\":\"model_missing\"")); /* it is offline */
    put_known("riffusion-v1-original");
    told[0] = '\0';
    assert_int_equal(tb_pulls_start(pulls, "riffusion-v1-original", LICENCE, NULL), TIMBRE_OK);
    wait_for_all(pulls);
    assert_non_null(strstr(told, "\"state\":\"done\""));
    assert_non_null(strstr(told, "\"error\":null"));
    assert_null(strstr(told, "failed"));
    tb_pulls_free(pulls);
}

/* The feed forgets the oldest ends: strangers choose the names. */
static void old_ends_are_forgotten(void **state)
{
    (void)state;
    begin();
    tb_pulls *pulls = begin_pulls();
    char name[32];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "org/m%02d", i);
        told[0] = '\0';
        assert_int_equal(tb_pulls_start(pulls, name, NULL, NULL), TIMBRE_OK);
        wait_for_all(pulls);
        assert_true((strstr(told, " -\n") != NULL) == (i >= 16));
    }
    assert_non_null(strstr(told, "org/m03 -\n"));
    tb_pulls_free(pulls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sketch_answers_where_nothing_is_installed),
        cmocka_unit_test(what_is_not_whole_is_missing_with_the_command),
        cmocka_unit_test(a_path_is_never_a_name),
        cmocka_unit_test(the_settings_place_a_model),
        cmocka_unit_test(a_pull_that_cannot_be_is_refused_at_once),
        cmocka_unit_test(a_pull_tells_how_it_ends),
        cmocka_unit_test(old_ends_are_forgotten),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
