/*
 * Models as one file: names, shapes and bits beside what PyTorch stored, what is left out, what is
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/models/model.h"
#include "tests/models/copies.h"
#include "tests/support/folder.h"
#include "timbre/model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const timbre_convert_options keep = {.struct_size = sizeof keep, .replace = 1};
static const timbre_convert_options fp16 = {
    .struct_size = sizeof fp16, .dtype = "fp16", .replace = 1};
static const timbre_convert_options fp32 = {
    .struct_size = sizeof fp32, .dtype = "fp32", .replace = 1};

/* The report; owned (json_decref). */
static json_t *convert(const char *in, const char *out, const timbre_convert_options *options)
{
    tb_error err = {0};
    char *text = NULL, sha256[TB_SHA256_HEX_BYTES];
    struct stat info;
    if (timbre_model_convert(in, out, options, &text, &err) != TIMBRE_OK)
        fail_msg("%s: %s", in, err.message);
    json_t *report = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(report);
    assert_int_equal(stat(out, &info), 0);
    assert_int_equal(json_integer_value(json_object_get(report, "bytes")), info.st_size);
    assert_int_equal(tb_sha256_file(out, sha256, NULL), TIMBRE_OK);
    assert_string_equal(json_string_value(json_object_get(report, "sha256")), sha256);
    return report;
}

/* The same with the path of a test's model. */
static json_t *convert_data(const char *name, const char *out,
                            const timbre_convert_options *options)
{
    char *path = data_path(name);
    json_t *report = convert(path, out, options);
    free(path);
    return report;
}

static tb_weights *open_weights(const char *path)
{
    tb_error err = {0};
    tb_weights *weights = NULL;
    if (tb_weights_open(path, &weights, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return weights;
}

static tb_weights *open_data(const char *name)
{
    char *path = data_path(name);
    tb_weights *weights = open_weights(path);
    free(path);
    return weights;
}

/* Name, type, shape and every bit; elements of tensors with strides are gathered first. */
static void assert_same_tensor(const tb_tensor *got, const tb_tensor *want)
{
    assert_non_null(got);
    assert_string_equal(got->name, want->name);
    if (got->dtype != want->dtype || got->rank != want->rank ||
        memcmp(got->shape, want->shape, (size_t)want->rank * sizeof *want->shape) != 0)
        fail_msg("%s has another type or shape", want->name);
    size_t n_bytes = (size_t)want->n_elements * tb_dtype_size(want->dtype);
    void *a = malloc(n_bytes + 1), *b = malloc(n_bytes + 1);
    assert_true(a != NULL && b != NULL);
    tb_tensor_copy(got, 0, want->n_elements, a);
    tb_tensor_copy(want, 0, want->n_elements, b);
    assert_memory_equal(a, b, n_bytes);
    free(a);
    free(b);
}

static void assert_same_tensors(const tb_weights *got, const tb_weights *want)
{
    assert_int_equal(tb_weights_count(got), tb_weights_count(want));
    for (size_t i = 0; i < tb_weights_count(want); i++)
        assert_same_tensor(tb_weights_at(got, i), tb_weights_at(want, i));
}

static int64_t number(const json_t *report, const char *object, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(report, object), key));
}

/* ---- models ---- */

/* The names, shapes and halves of what PyTorch and the original's names made of the same model. */
static void a_folder_becomes_the_checkpoint(void **state)
{
    (void)state;
    json_t *report = convert_data("tiny", "x.safetensors", &fp16);
    tb_weights *got = open_weights("x.safetensors");
    tb_weights *want = open_data("forms/single/tiny-fp16.safetensors");
    assert_same_tensors(got, want);
    assert_string_equal(tb_weights_metadata(got, "format"), "pt");
    assert_string_equal(tb_weights_metadata(got, "timbre_source"), "tiny");
    assert_string_equal(tb_weights_metadata(got, "timbre_source_sha256"),
                        json_string_value(json_object_get(report, "source_sha256")));
    assert_string_equal(json_string_value(json_object_get(report, "form")), "single file");
    assert_int_equal(json_integer_value(json_object_get(report, "tensors")),
                     tb_weights_count(want));
    assert_int_equal(number(report, "left_out", "tensors"), 0);
    assert_int_equal(number(report, "dtype", "int64"), 77 * 8);
    assert_true(number(report, "dtype", "fp16") > 300000);
    assert_int_equal(json_object_size(json_object_get(report, "dtype")), 2);
    json_decref(report);
    tb_weights_close(got);
    tb_weights_close(want);
}

/* EMA copies, the schedule's buffers and strided storages: the same file as of the folder. */
static void a_checkpoint_loses_what_no_network_uses(void **state)
{
    (void)state;
    json_t *report = convert_data("forms/single/tiny.ckpt", "x.safetensors", &keep);
    assert_int_equal(number(report, "left_out", "tensors"), 8);
    assert_int_equal(number(report, "left_out", "bytes"), 9244);
    json_decref(report);
    json_decref(convert_data("tiny", "y.safetensors", NULL));
    tb_weights *got = open_weights("x.safetensors"), *want = open_weights("y.safetensors");
    assert_same_tensors(got, want);
    tb_weights_close(got);
    tb_weights_close(want);
}

/* What a network is given for each of its names: the same bits. */
static void assert_same_networks(const char *path, const char *other)
{
    tb_model *a = open_ok(path, NULL), *b = open_ok(other, NULL);
    for (int i = 0; i < TB_NETWORK_COUNT; i++) {
        const tb_parameters *left = tb_model_parameters(a, (tb_network)i);
        const tb_parameters *right = tb_model_parameters(b, (tb_network)i);
        int64_t n = tb_parameters_measure(left).n_tensors;
        assert_int_equal(tb_parameters_measure(right).n_tensors, n);
        for (int64_t k = 0; k < n; k++) {
            const char *name, *same;
            const tb_tensor *x = tb_parameters_at(left, (size_t)k, &name);
            const tb_tensor *y = tb_parameters_at(right, (size_t)k, &same);
            assert_string_equal(name, same);
            assert_int_equal(x->dtype, y->dtype);
            assert_int_equal(x->n_elements, y->n_elements);
            assert_memory_equal(x->data, y->data, (size_t)x->n_elements * tb_dtype_size(x->dtype));
        }
    }
    tb_model_close(a);
    tb_model_close(b);
}

/* Each folder's model, with another shape, as a file in that folder. */
static void the_engine_reads_the_same_bits(void **state)
{
    (void)state;
    static const char *const names[] = {"tiny", "tiny-v", "forms/bin"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char line[200];
        (void)snprintf(line, sizeof line, "rm -rf m; cp -r \"$DATA/%s\" m; chmod -R u+w m",
                       names[i]);
        run_shell(line);
        json_t *report = convert("m", "m/one.safetensors", &keep);
        assert_int_equal(json_array_size(json_object_get(report, "beside")), 0);
        assert_int_equal(json_array_size(json_object_get(report, "notes")), 0);
        json_decref(report);
        assert_same_networks("m", "m/one.safetensors");
        /* and what was converted can be converted: nothing moves any more */
        json_decref(convert("m/one.safetensors", "m/two.safetensors", &keep));
        tb_weights *one = open_weights("m/one.safetensors");
        tb_weights *two = open_weights("m/two.safetensors");
        assert_same_tensors(two, one);
        tb_weights_close(one);
        tb_weights_close(two);
    }
}

static void the_same_input_gives_the_same_bytes(void **state)
{
    (void)state;
    json_t *first = convert_data("tiny", "x.safetensors", &fp32);
    json_t *second = convert_data("tiny", "y.safetensors", &fp32);
    assert_string_equal(json_string_value(json_object_get(first, "sha256")),
                        json_string_value(json_object_get(second, "sha256")));
    json_decref(first);
    json_decref(second);
}

/* In a folder without them, a model that is not Stable Diffusion 1.5 says what it needs there. */
static void what_must_lie_beside_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *beside;
    } rows[] = {
        {"cp -r \"$DATA/tiny-v\" m",
         "[\"text_encoder/config.json\", \"unet/config.json\", \"vae/config.json\", "
         "\"scheduler/scheduler_config.json\", \"timbre.json\", \"tokenizer\"]"},
        {"cp -r \"$DATA/tiny\" m", "[\"text_encoder/config.json\", \"unet/config.json\", "
                                   "\"vae/config.json\", \"tokenizer\"]"},
        /* without a vocabulary of its own */
        {"cp -r \"$DATA/forms/bf16-sharded\" m",
         "[\"text_encoder/config.json\", \"unet/config.json\", \"vae/config.json\"]"},
        /* as it should be, with a vocabulary that lies open */
        {"cp -r \"$DATA/tiny\" m; cp -r m/unet m/vae m/text_encoder m/tokenizer/* o", "[]"},
        /* of another model */
        {"cp -r \"$DATA/tiny\" m; cp -r m/unet m/vae m/text_encoder m/tokenizer o; "
         "chmod -R u+w o; echo >>o/tokenizer/merges.txt; echo '{\"steps\": 3}' >o/timbre.json",
         "[\"timbre.json\", \"tokenizer\"]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char line[400];
        (void)snprintf(line, sizeof line,
                       "chmod -R u+w m o 2>/dev/null || true; rm -rf m o; "
                       "mkdir o; %s",
                       rows[i].line);
        run_shell(line);
        json_t *report = convert("m", "o/x.safetensors", &keep);
        json_t *want = json_loads(rows[i].beside, 0, NULL);
        const json_t *beside = json_object_get(report, "beside");
        char *text = json_dumps(beside, 0);
        if (!json_equal(beside, want))
            fail_msg("row %zu: %s", i, text);
        assert_int_equal(json_array_size(json_object_get(report, "notes")),
                         json_array_size(want) > 0);
        free(text);
        json_decref(want);
        json_decref(report);
    }
    run_shell("chmod -R u+w m o; rm -rf m o");
}

/* ---- what is no whole model ---- */

static void other_files_keep_their_tensors(void **state)
{
    (void)state;
    static const char *const names[] = {
        "forms/bin/unet/diffusion_pytorch_model.bin", "forms/legacy.bin",
        "forms/bf16-sharded/unet/diffusion_pytorch_model.safetensors.index.json",
        "tiny/vae/diffusion_pytorch_model.safetensors", "../vectors/tensor_training4.zip"};
    for (size_t i = 0; i < COUNT(names); i++) {
        json_t *report = convert_data(names[i], "x.safetensors", &keep);
        tb_weights *got = open_weights("x.safetensors"), *want = open_data(names[i]);
        assert_int_equal(tb_weights_count(got), tb_weights_count(want));
        for (size_t k = 0; k < tb_weights_count(want); k++)
            if (tb_weights_at(want, k)->dtype != TB_DTYPE_F64)
                assert_same_tensor(tb_weights_at(got, k), tb_weights_at(want, k));
        assert_string_equal(json_string_value(json_object_get(report, "form")), "tensors");
        assert_true(json_is_null(json_object_get(report, "source_sha256")));
        assert_int_equal(number(report, "left_out", "tensors"), 0);
        tb_weights_close(got);
        tb_weights_close(want);
        json_decref(report);
    }
}

static void double_precision_is_rounded_and_said(void **state)
{
    (void)state;
    json_t *report = convert_data("../vectors/tensor_plain.zip", "x.safetensors", &keep);
    tb_weights *got = open_weights("x.safetensors");
    tb_weights *want = open_data("../vectors/tensor_plain.zip");
    int n = 0;
    for (size_t k = 0; k < tb_weights_count(want); k++) {
        const tb_tensor *from = tb_weights_at(want, k), *to = tb_weights_at(got, k);
        if (from->dtype != TB_DTYPE_F64)
            continue;
        n++;
        assert_int_equal(to->dtype, TB_DTYPE_F32);
        for (int64_t e = 0; e < from->n_elements; e++) {
            float a, b;
            tb_tensor_read(from, e, 1, &a);
            tb_tensor_read(to, e, 1, &b);
            assert_memory_equal(&a, &b, sizeof a);
        }
    }
    assert_true(n > 0);
    char said[80];
    (void)snprintf(said, sizeof said, "%d fp64 tensors were rounded to fp32", n);
    const json_t *notes = json_object_get(report, "notes");
    assert_string_equal(json_string_value(json_array_get(notes, 0)), said);
    tb_weights_close(got);
    tb_weights_close(want);
    json_decref(report);
}

/* ---- refusals ---- */

typedef struct {
    const char *in, *out;
    timbre_convert_options options;
    tb_status status;
    const char *says;
} refusal;

static void refused_requests_write_nothing(void **state)
{
    (void)state;
    run_shell("chmod -R u+w .; rm -rf ./*");
    copy_tiny("cp unet/diffusion_pytorch_model.safetensors ../u.safetensors; "
              "ln -s u.safetensors ../same.safetensors; mkdir ../f.safetensors; "
              "printf 'precious' >../old.safetensors; printf '0123456789abcdefg' >../bad.bin; "
              "printf '\\10\\0\\0\\0\\0\\0\\0\\0{}      ' >../none.safetensors; "
              "printf 'B\\0\\0\\0\\0\\0\\0\\0{\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
              "\"data_offsets\":[0,4]}}            \\0\\0\\200\\107' >../large.safetensors");
    const refusal rows[] = {
        {"m", "x.safetensors", {.dtype = "fp8"}, TIMBRE_BAD_INPUT, "dtype 'fp8' is none of"},
        {"m", "x.bin", {0}, TIMBRE_BAD_INPUT, "ends in .safetensors"},
        {"m", ".safetensors", {0}, TIMBRE_BAD_INPUT, "ends in .safetensors"},
        {"m", "old.safetensors", {0}, TIMBRE_EXISTS, "'old.safetensors' exists already"},
        {"m", "f.safetensors", {.replace = 1}, TIMBRE_BAD_INPUT, "is a folder"},
        {"u.safetensors",
         "./u.safetensors",
         {.replace = 1},
         TIMBRE_BAD_INPUT,
         "is among the files"},
        {"u.safetensors", "same.safetensors", {.replace = 1}, TIMBRE_BAD_INPUT, "is among"},
        {"m",
         "m/unet/diffusion_pytorch_model.safetensors",
         {.replace = 1},
         TIMBRE_BAD_INPUT,
         "is among the files"},
        {"m", "nowhere/x.safetensors", {0}, TIMBRE_NOT_FOUND, "nowhere"},
        {"nothing", "x.safetensors", {0}, TIMBRE_NOT_FOUND, "nothing at 'nothing'"},
        {"f.safetensors", "x.safetensors", {0}, TIMBRE_BAD_FILE, "is not a model"},
        {"bad.bin", "x.safetensors", {0}, TIMBRE_BAD_FILE, "neither safetensors nor"},
        {"none.safetensors", "x.safetensors", {0}, TIMBRE_BAD_FILE, "has no tensors"},
        {"large.safetensors",
         "x.safetensors",
         {.dtype = "fp16"},
         TIMBRE_BAD_FILE,
         "tensor 'a' has the value 65536, which fp16 cannot hold (at most 65504)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        timbre_convert_options options = rows[i].options;
        options.struct_size = sizeof options;
        tb_error err = {0};
        char *report = (char *)"";
        tb_status st = timbre_model_convert(rows[i].in, rows[i].out, &options, &report, &err);
        if (st != rows[i].status || strstr(err.message, rows[i].says) == NULL)
            fail_msg("row %zu: %s: %s", i, timbre_status_name(st), err.message);
        assert_null(report);
        assert_int_not_equal(access("x.safetensors", F_OK), 0);
    }
    run_shell("test \"$(cat old.safetensors)\" = precious; cmp u.safetensors "
              "\"$DATA/tiny/unet/diffusion_pytorch_model.safetensors\"; test -L same.safetensors; "
              "test \"$(ls -A | wc -l)\" = 8; rm -rf ./*");
}

/* A model of the family that is damaged is refused as one; nothing is converted by halves. */
static void damaged_models_are_refused(void **state)
{
    (void)state;
    copy_single("rm -r unet vae text_encoder");
    tb_error err = {0};
    assert_int_equal(timbre_model_convert("s/x.ckpt", "x.safetensors", NULL, NULL, &err),
                     TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.fix, "put the model's text_encoder/config.json beside it"));
    copy_tiny("rm vae/*.safetensors");
    assert_int_equal(timbre_model_convert("m", "x.safetensors", NULL, NULL, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "no weights of the vae"));
    assert_int_not_equal(access("x.safetensors", F_OK), 0);
}

/* ---- a stop ---- */

typedef struct {
    timbre_cancel cancel;
    double at, last;
} watcher;

static void watch(double fraction, void *user)
{
    watcher *w = user;
    assert_true(fraction >= w->last && fraction <= 1);
    w->last = fraction;
    if (fraction >= w->at)
        timbre_cancel_request(&w->cancel);
}

static void a_stop_leaves_what_was_there(void **state)
{
    (void)state;
    char *tiny = data_path("tiny");
    watcher w = {.at = 0.5};
    const timbre_convert_options options = {.struct_size = sizeof options,
                                            .replace = 1,
                                            .progress = watch,
                                            .progress_user = &w,
                                            .cancel = &w.cancel};
    run_shell("rm -rf ./* ; printf precious >x.safetensors");
    assert_int_equal(timbre_model_convert(tiny, "x.safetensors", &options, NULL, NULL),
                     TIMBRE_CANCELLED);
    assert_true(w.last >= 0.5 && w.last < 1);
    run_shell("test \"$(cat x.safetensors)\" = precious; test \"$(ls -A)\" = x.safetensors");
    w = (watcher){.at = 2};
    assert_int_equal(timbre_model_convert(tiny, "x.safetensors", &options, NULL, NULL), TIMBRE_OK);
    assert_true(w.last == 1);
    w = (watcher){.at = 2, .cancel = {1}}; /* before it begins: while the model is hashed */
    assert_int_equal(timbre_model_convert(tiny, "x.safetensors", &options, NULL, NULL),
                     TIMBRE_CANCELLED);
    assert_true(w.last == 0);
    free(tiny);
}

/* ---- files of a model ---- */

static void the_files_of_a_model_are_listed(void **state)
{
    (void)state;
    char *tiny = data_path("tiny"), *text = NULL;
    tb_error err = {0};
    if (timbre_model_describe(tiny, NULL, &text, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    json_t *facts = json_loads(text, 0, NULL), *file;
    size_t i;
    int n_weights = 0;
    json_array_foreach(json_object_get(facts, "files"), i, file)
    {
        const char *name = json_string_value(json_object_get(file, "name"));
        const char *path = json_string_value(json_object_get(file, "path"));
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(json_integer_value(json_object_get(file, "bytes")), info.st_size);
        assert_non_null(strstr(path, name));
        n_weights += strstr(name, ".safetensors") != NULL;
    }
    assert_int_equal(i, 11); /* four configs, three weights, four of the vocabulary */
    assert_int_equal(n_weights, 3);
    json_decref(facts);
    free(text);
    free(tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_becomes_the_checkpoint),
        cmocka_unit_test(a_checkpoint_loses_what_no_network_uses),
        cmocka_unit_test(the_engine_reads_the_same_bits),
        cmocka_unit_test(the_same_input_gives_the_same_bytes),
        cmocka_unit_test(what_must_lie_beside_is_named),
        cmocka_unit_test(other_files_keep_their_tensors),
        cmocka_unit_test(double_precision_is_rounded_and_said),
        cmocka_unit_test(refused_requests_write_nothing),
        cmocka_unit_test(damaged_models_are_refused),
        cmocka_unit_test(a_stop_leaves_what_was_there),
        cmocka_unit_test(the_files_of_a_model_are_listed),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
