/* What a model tells those who use it: timbre.json, whether it is still the one that was opened,
 * and whether what lies beside the networks fits them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/models/model_hints.h"
#include "tests/models/copies.h"
#include "tests/support/folder.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- timbre.json ---- */

/* The member "steps", or 0 for no hints at all. */
static json_int_t steps_of(const char *path)
{
    tb_error err = {0};
    json_t *hints = NULL;
    if (tb_model_hints_read(path, &hints, &err) != TIMBRE_OK)
        fail_msg("%s: %s", path, err.message);
    json_int_t steps = json_integer_value(json_object_get(hints, "steps"));
    json_decref(hints);
    return steps;
}

/* In the folder, and of a single file only beside it. Whether the rest is a model is not asked. */
static void test_hints_are_found(void **state)
{
    (void)state;
    run_shell("rm -rf h; mkdir -p h/deep; echo '{\"steps\": 3}' > h/deep/timbre.json; "
              "touch h/x.ckpt h/deep/y.ckpt");
    assert_int_equal(steps_of("h/deep"), 3);
    assert_int_equal(steps_of("h/deep/"), 3);
    assert_int_equal(steps_of("h/deep/y.ckpt"), 3);
    assert_int_equal(steps_of("h"), 0);
    assert_int_equal(steps_of("h/x.ckpt"), 0);
    assert_int_equal(steps_of("sketch"), 0);
    run_shell("mv h/deep/timbre.json h/other; ln -s other h/timbre.json"); /* stays inside */
    assert_int_equal(steps_of("h"), 3);
    assert_int_equal(steps_of("h/x.ckpt"), 3);
    assert_int_equal(steps_of("h/deep"), 0);
}

/* A model has them exactly as whoever reads them without it. */
static void test_hints_of_a_model(void **state)
{
    (void)state;
    tb_error err = {0};
    copy_single("echo '{\"steps\": 4, \"spectrogram\": {\"num_frequencies\": 512}}' > timbre.json");
    tb_model *model = open_ok("s/x.ckpt", NULL);
    json_t *read = NULL;
    assert_int_equal(tb_model_hints_read("s/x.ckpt", &read, &err), TIMBRE_OK);
    assert_non_null(read);
    assert_true(json_equal(read, tb_model_timbre_json(model)));
    json_decref(read);
    tb_model_close(model);
}

#define WRITE(json) "echo '" json "' > timbre.json"
static const wrong_model wrong_hints[] = {
    {WRITE("{\"steps\": 0}"), TIMBRE_BAD_FILE, "'m/timbre.json': steps 0 is not in 1..1000"},
    {WRITE("{\"steps\": 20.5}"), TIMBRE_BAD_FILE, "steps 20.5 is not a whole"},
    {WRITE("{\"steps\": 1, \"steps\": 2}"), TIMBRE_BAD_FILE, "duplicate"},
    {WRITE("{\"cfg_scale\": 21}"), TIMBRE_BAD_FILE, "cfg_scale 21 is not in 0..20"},
    {WRITE("{\"cfg_scale\": \"7\"}"), TIMBRE_BAD_FILE, "cfg_scale \"7\" is not a"},
    {WRITE("{\"scheduler\": 5}"), TIMBRE_BAD_FILE, "scheduler 5 is not a string"},
    {WRITE("{\"licence\": null}"), TIMBRE_BAD_FILE, "licence null is not a string"},
    {WRITE("{\"prediction_type\": \"v\"}"), TIMBRE_BAD_FILE,
     "prediction_type \"v\" is none of epsilon, v_prediction"},
    {WRITE("{\"spectrogram\": 1}"), TIMBRE_BAD_FILE, "spectrogram 1 is not an obj"},
    {WRITE("{\"spectrogram\": {\"num_frequencies\": -1}}"), TIMBRE_BAD_FILE,
     "num_frequencies -1 is not in 0.."},
    {WRITE("{\"spectrogram\": {\"step_size_ms\": 2.5}}"), TIMBRE_BAD_FILE,
     "step_size_ms 2.5 is not a whole number"},
    {WRITE("{\"spectrogram\": {\"max_frequency\": 4294967296}}"), TIMBRE_BAD_FILE,
     "max_frequency 4294967296 is not in"},
    {"echo '{\"name\": \"'$(head -c 201 /dev/zero | tr '\\0' x)'\"}' > timbre.json",
     TIMBRE_BAD_FILE, "has 201 bytes, more than 200"},
    {WRITE("[]"), TIMBRE_BAD_FILE, "m/timbre.json"},
    {WRITE("{"), TIMBRE_BAD_FILE, "m/timbre.json"},
    {": > timbre.json", TIMBRE_BAD_FILE, "m/timbre.json"},
    {"head -c 2000000 /dev/zero > timbre.json", TIMBRE_BAD_FILE, "exceeds 1048576 bytes"},
    {"mkdir timbre.json", TIMBRE_BAD_FILE, "is not a regular file"},
    {"mkfifo timbre.json", TIMBRE_BAD_FILE, "is not a regular file"},
    {"ln -s nowhere timbre.json", TIMBRE_BAD_FILE, "m/timbre.json"},
    {"echo '{}' > ../out; ln -s ../out timbre.json", TIMBRE_BAD_FILE, "leads out of the model"},
};

static void test_wrong_hints(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong_hints); i++) {
        tb_error err = {0};
        json_t *hints = NULL;
        copy_tiny(wrong_hints[i].line);
        assert_int_equal(tb_model_hints_read("m", &hints, &err), wrong_hints[i].status);
        assert_null(hints);
        if (strstr(err.message, wrong_hints[i].says) == NULL)
            fail_msg("%s: '%s'", wrong_hints[i].line, err.message);
        assert_wrong("m", &wrong_hints[i]);
    }
}

/* ---- still the same ---- */

/* Whatever the files of an open model become, bytes for bytes the same or not. */
static void test_changes_show(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "echo >> m/unet/config.json",
        "touch m/scheduler/scheduler_config.json",
        "rm m/tokenizer/merges.txt",
        "cp m/tokenizer/vocab.json v; mv v m/tokenizer/vocab.json",
        "cp -p m/timbre.json t; mv t m/timbre.json",
        "f=m/vae/diffusion_pytorch_model.safetensors; cp -p $f v; mv v $f",
        "mv m/text_encoder out; mkdir m/text_encoder; cp -p out/* m/text_encoder",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        tb_error err = {0};
        char hex[TB_SHA256_HEX_BYTES];
        copy_tiny("echo '{}' > timbre.json");
        tb_model *model = open_ok("m", NULL);
        assert_true(tb_model_is_unchanged(model));
        if (i % 2 == 0) /* also where the hash is known already */
            assert_int_equal(tb_model_sha256(model, NULL, hex, &err), TIMBRE_OK);
        assert_true(tb_model_is_unchanged(model));
        run_shell(lines[i]);
        if (tb_model_is_unchanged(model))
            fail_msg("%s", lines[i]);
        assert_int_equal(tb_model_sha256(model, NULL, hex, &err), TIMBRE_BAD_FILE);
        assert_non_null(strstr(err.message, "the model's files changed while in use"));
        tb_model_close(model);
    }
}

/* The hash is of the bytes that are mapped: not of a file that took their place before it. */
static void test_shards_and_links_show(void **state)
{
    (void)state;
    copy_tiny("cp \"$DATA\"/forms/bf16-sharded/unet/* unet; chmod u+w unet/*; cd unet; "
              "rm diffusion_pytorch_model.safetensors; mkdir ../deep; "
              "mv *-00002-of-00002.safetensors ../deep/b; "
              "ln -s ../deep/b diffusion_pytorch_model-00002-of-00002.safetensors");
    /* a shard may not lie outside of the folder of its index */
    assert_wrong("m", &(wrong_model){"a shard by a link", TIMBRE_BAD_FILE, "leads out of"});
    run_shell("cd m/unet; rm *-00002-of-00002.safetensors; mv ../deep/b b; "
              "ln -s b diffusion_pytorch_model-00002-of-00002.safetensors");
    tb_model *model = open_ok("m", NULL);
    assert_true(tb_model_is_unchanged(model));
    run_shell("cd m/unet; cp b c; ln -sf c diffusion_pytorch_model-00002-of-00002.safetensors");
    assert_false(tb_model_is_unchanged(model)); /* the link is the same name for another file */
    tb_model_close(model);
}

/* ---- the hash on a thread of its own ---- */

static void test_hash_beside_other_work(void **state)
{
    (void)state;
    tb_error err = {0};
    char plain[TB_SHA256_HEX_BYTES], beside[TB_SHA256_HEX_BYTES];
    copy_tiny("true");
    tb_model *model = open_ok("m", NULL);
    assert_int_equal(tb_model_sha256(model, NULL, plain, &err), TIMBRE_OK);
    tb_model_begin_sha256(model); /* nothing to do */
    tb_model_close(model);
    model = open_ok("m", NULL);
    tb_model_stop_sha256(model); /* before there is one */
    tb_model_begin_sha256(model);
    tb_model_begin_sha256(model);
    assert_int_equal(tb_model_sha256(model, NULL, beside, &err), TIMBRE_OK);
    assert_string_equal(beside, plain);
    tb_model_close(model);
    tb_model_stop_sha256(NULL);
}

static void test_hash_is_stopped(void **state)
{
    (void)state;
    tb_error err = {0};
    char hex[TB_SHA256_HEX_BYTES];
    timbre_cancel cancel = {0};
    copy_tiny("true");
    tb_model *model = open_ok("m", NULL);
    timbre_cancel_request(&cancel);
    for (int i = 0; i < 20; i++) { /* whichever is first, what comes back is whole */
        tb_progress progress = {.cancel = &cancel};
        tb_model_begin_sha256(model);
        tb_status st = tb_model_sha256(model, &progress, hex, &err);
        assert_true(st == TIMBRE_CANCELLED || st == TIMBRE_OK);
        tb_model_stop_sha256(model);
    }
    tb_model_close(model);
    model = open_ok("m", NULL);
    tb_model_begin_sha256(model);
    tb_model_close(model); /* while it is at work */
}

/* Files that change meanwhile, or go. */
static void test_hash_of_what_changed(void **state)
{
    (void)state;
    static const char *const lines[] = {"echo >> m/unet/config.json", "rm m/tokenizer/merges.txt"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        tb_error err = {0};
        char hex[TB_SHA256_HEX_BYTES];
        copy_tiny("true");
        tb_model *model = open_ok("m", NULL);
        tb_model_begin_sha256(model);
        run_shell(lines[i]);
        assert_int_equal(tb_model_sha256(model, NULL, hex, &err), TIMBRE_BAD_FILE);
        assert_non_null(strstr(err.message, "the model's files changed while in use"));
        tb_model_close(model);
    }
}

/* ---- what lies beside the networks ---- */

static void test_rest(void **state)
{
    (void)state;
    static const wrong_model rests[] = {
        {"echo '{}' > tokenizer/vocab.json", TIMBRE_BAD_FILE, "tokenizer/vocab.json"},
        {"echo 'a b c' > tokenizer/merges.txt", TIMBRE_BAD_FILE, "tokenizer/merges.txt"},
        {"sed -i 's/}$/, \"qqqqqq\": 1000}/' tokenizer/vocab.json", TIMBRE_BAD_FILE,
         "has a vocabulary of 1001 tokens and the text encoder one of 1000"},
    };
    for (size_t i = 0; i < COUNT(rests); i++) {
        tb_error err = {0};
        tb_tokenizer *tokenizer = NULL;
        copy_tiny(rests[i].line);
        tb_model *model = open_ok("m", NULL);
        assert_int_equal(tb_model_check_rest(model, &err), rests[i].status);
        if (strstr(err.message, rests[i].says) == NULL)
            fail_msg("%s: '%s'", rests[i].line, err.message);
        assert_int_equal(tb_model_open_tokenizer(model, &tokenizer, &err), rests[i].status);
        assert_null(tokenizer);
        tb_model_close(model);
    }
    tb_error err = {0};
    tb_tokenizer *tokenizer = NULL;
    copy_tiny("true");
    tb_model *model = open_ok("m", NULL);
    assert_int_equal(tb_model_check_rest(model, &err), TIMBRE_OK);
    assert_int_equal(tb_model_open_tokenizer(model, &tokenizer, &err), TIMBRE_OK);
    assert_int_equal(tb_tokenizer_vocab_size(tokenizer), 1000);
    tb_tokenizer_free(tokenizer);
    tb_model_close(model);
}

/* A description has only words that are known: nothing of a file reaches a screen unread. */
static void test_prediction_types(void **state)
{
    (void)state;
#define SCHEDULER(value) "echo '{\"prediction_type\": " value "}' > scheduler/scheduler_config.json"
    static const wrong_model wrongs[] = {
        {SCHEDULER("\"original_sample\""), TIMBRE_BAD_FILE, "prediction_type \"original_sample\""},
        {SCHEDULER("\"\\u001b[2J\""), TIMBRE_BAD_FILE,
         "'scheduler/scheduler_config.json': prediction_type \"\\u001B[2J\" is none of epsilon"},
        {SCHEDULER("7"), TIMBRE_BAD_FILE, "prediction_type 7 is none of"},
    };
    static const char *const rights[][2] = {{SCHEDULER("null"), "epsilon"},
                                            {SCHEDULER("\"v_prediction\""), "v_prediction"},
                                            {SCHEDULER("\"sample\""), "sample"}};
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        copy_tiny(wrongs[i].line);
        assert_wrong("m", &wrongs[i]);
    }
    for (size_t i = 0; i < COUNT(rights); i++) {
        copy_tiny(rights[i][0]);
        tb_model *model = open_ok("m", NULL);
        json_t *facts = tb_model_describe(model);
        assert_string_equal(json_string_value(json_object_get(facts, "prediction_type")),
                            rights[i][1]);
        json_decref(facts);
        tb_model_close(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hints_are_found),       cmocka_unit_test(test_hints_of_a_model),
        cmocka_unit_test(test_wrong_hints),           cmocka_unit_test(test_changes_show),
        cmocka_unit_test(test_shards_and_links_show), cmocka_unit_test(test_rest),
        cmocka_unit_test(test_prediction_types),      cmocka_unit_test(test_hash_beside_other_work),
        cmocka_unit_test(test_hash_is_stopped),       cmocka_unit_test(test_hash_of_what_changed),
    };
    return cmocka_run_group_tests_name("model_use", tests, enter_folder, leave_folder);
}
