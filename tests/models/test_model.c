/* Models are opened in all the forms that they come in, and whatever is wrong with one is named.
 * Each case changes a copy of tests/data/models/tiny by a line of shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/str.h"
#include "engine/models/model.h"
#include "tests/models/copies.h"
#include "tests/support/folder.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what is right ---- */

static void test_folder(void **state)
{
    (void)state;
    char *path = data_path("tiny");
    tb_model *model = open_ok(path, NULL);
    assert_string_equal(tb_model_path(model), path);
    assert_int_equal(tb_model_text_config(model)->width, 30);
    assert_int_equal(tb_model_unet_config(model)->block_channels[1], 12);
    assert_int_equal(tb_model_unet_config(model)->n_heads[1], 3);
    assert_int_equal(tb_vae_factor(tb_model_vae_config(model)), 8);
    assert_null(tb_model_timbre_json(model));
    const json_t *scheduler = tb_model_scheduler_json(model);
    assert_int_equal(json_integer_value(json_object_get(scheduler, "steps_offset")), 1);
    assert_non_null(strstr(tb_model_tokenizer_dir(model), "/tiny/tokenizer"));
    for (int i = 0; i < TB_NETWORK_COUNT; i++)
        assert_false(tb_parameters_is_check_only(tb_model_parameters(model, (tb_network)i)));
    tb_model_close(model);

    char *given = data_path("tiny-v/tokenizer");
    model = open_ok(path, given);
    assert_string_equal(tb_model_tokenizer_dir(model), given);
    tb_model_close(model);
    free(given);
    free(path);
}

static void test_describe(void **state)
{
    (void)state;
    copy_tiny("printf -- '---\\nlicense: \"creativeml-openrail-m\"\\ntags: [x]\\n---\\n# Tiny\\n"
              "license: no\\n' > README.md");
    tb_model *model = open_ok("m", NULL);
    json_t *facts = tb_model_describe(model);
    assert_non_null(facts);
    const char *licence = NULL, *prediction = NULL, *format = NULL;
    json_int_t width = 0, vocabulary = 0, n_bytes = 0, n_parameters = 0, down = 0, fp32 = 0;
    json_error_t why;
    assert_int_equal(
        json_unpack_ex(facts, &why, 0,
                       "{s:s, s:s, s:s, s:I, s:{s:{s:{s:I}}, s:{s:I, s:I, s:{s:I}}, s:{s:{s:I}}}}",
                       "licence", &licence, "prediction_type", &prediction, "format", &format,
                       "native_width", &width, "components", "text_encoder", "architecture",
                       "vocabulary", &vocabulary, "unet", "bytes", &n_bytes, "parameters",
                       &n_parameters, "dtypes", "fp32", &fp32, "vae", "architecture",
                       "down_sampling", &down),
        0);
    assert_string_equal(licence, "creativeml-openrail-m");
    assert_string_equal(prediction, "epsilon");
    assert_string_equal(format, "diffusers folder");
    assert_int_equal(width, 512);
    assert_int_equal(vocabulary, 1000);
    assert_int_equal(down, 8);
    assert_int_equal(n_bytes, 4 * n_parameters);
    assert_int_equal(n_bytes, fp32);
    /* all of the file but its header is data */
    char size[80];
    ask_shell("f=m/unet/diffusion_pytorch_model.safetensors; "
              "echo $(( $(wc -c < $f) - 8 - $(od -An -tu8 -N8 $f) ))",
              size);
    assert_int_equal(n_bytes, atoll(size));
    json_decref(facts);
    tb_model_close(model);

    char *path = data_path("tiny-v");
    model = open_ok(path, NULL);
    facts = tb_model_describe(model);
    assert_int_equal(
        json_unpack(facts, "{s:s, s:s}", "licence", &licence, "prediction_type", &prediction), 0);
    assert_string_equal(licence, "Apache-2.0"); /* of its timbre.json */
    assert_string_equal(prediction, "v_prediction");
    json_decref(facts);
    tb_model_close(model);
    free(path);
}

/* Beside sha256sum. */
static void test_sha256(void **state)
{
    (void)state;
    copy_tiny("mkdir ../out; cp model_index.json ../out");
    char wants[80], got[TB_SHA256_HEX_BYTES], again[TB_SHA256_HEX_BYTES];
    ask_shell("cd m; for f in $(find . -name config.json -o -name scheduler_config.json -o "
              "-name '*.safetensors' -o -path './tokenizer/*' | LC_ALL=C sort); do "
              "echo \"${f#./} $(sha256sum < $f | cut -c 1-64)\"; done | sha256sum",
              wants);
    tb_error err = {0};
    tb_model *model = open_ok("m", NULL);
    assert_int_equal(tb_model_sha256(model, NULL, got, &err), TIMBRE_OK);
    assert_string_equal(got, wants);
    /* other bytes in the same file, of the same date, so that nothing tells of them: the hash is
     * the one computed then */
    run_shell("f=m/tokenizer/merges.txt; touch -r $f date; "
              "printf %% | dd of=$f conv=notrunc 2> /dev/null; touch -r date $f");
    assert_int_equal(tb_model_sha256(model, NULL, again, &err), TIMBRE_OK);
    assert_string_equal(got, again);
    tb_model *other = open_ok("m", NULL);
    assert_int_equal(tb_model_sha256(other, NULL, again, &err), TIMBRE_OK);
    assert_string_not_equal(got, again);
    tb_model_close(other);
    tb_model_close(model);
}

/* Changes that leave a good model. */
static void test_accepted(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "rm model_index.json",
        "rm -r scheduler",
        "rm tokenizer/tokenizer_config.json",
        "echo '{\"_class_name\": \"RiffusionPipeline\"}' > model_index.json",
        "mv unet/diffusion_pytorch_model.safetensors unet/diffusion_pytorch_model.fp16.safetensors",
        "echo junk > unet/diffusion_pytorch_model.bin", /* safetensors come first */
        "rm unet/*; cp \"$DATA\"/forms/bf16-sharded/unet/* unet; chmod u+w unet/*; cd unet; mv "
        "diffusion_pytorch_model.safetensors.index.json "
        "diffusion_pytorch_model.safetensors.index.fp16.json",
        "mkdir deep; mv vae deep; ln -s deep/vae vae", /* a link that stays inside */
        "echo '{\"steps\": 1000, \"cfg_scale\": 0, \"spectrogram\": {}, \"other\": []}' > "
        "timbre.json",
        /* the form of the Hugging Face cache: links into the blobs of the same model */
        "cd ..; mkdir -p models--x/snapshots models--x/blobs; mv m models--x/snapshots/rev; "
        "cd models--x/snapshots/rev; mv unet/config.json ../../blobs/abc; "
        "ln -s ../../../blobs/abc unet/config.json; cd ../../..; ln -s models--x/snapshots/rev m",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        copy_tiny(lines[i]);
        tb_model_close(open_ok("m", NULL));
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const char *const names[] = {"forms/bin", "forms/bf16-sharded"};
    char *tokenizer = data_path("tiny/tokenizer"), *tiny = data_path("tiny");
    tb_model *plain = open_ok(tiny, NULL);
    for (size_t i = 0; i < COUNT(names); i++) {
        char *path = data_path(names[i]);
        tb_model *model = open_ok(path, tokenizer);
        for (int n = 0; n < TB_NETWORK_COUNT; n++)
            assert_int_equal(
                tb_parameters_measure(tb_model_parameters(model, (tb_network)n)).n_parameters,
                tb_parameters_measure(tb_model_parameters(plain, (tb_network)n)).n_parameters);
        tb_model_close(model);
        free(path);
    }
    tb_model_close(plain);
    free(tiny);
    free(tokenizer);
}

/* Single files with LDM's names, configs and vocabulary beside them. */
static void test_single_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
        int64_t element_bytes;
    } files[] = {{"forms/single/tiny.ckpt", "fp32", 4},
                 {"forms/single/tiny-fp16.safetensors", "fp16", 2}};
    char *tiny = data_path("tiny");
    tb_model *plain = open_ok(tiny, NULL);
    for (size_t i = 0; i < COUNT(files); i++) {
        char *path = data_path(files[i].name);
        tb_model *model = open_ok(path, NULL);
        assert_non_null(strstr(tb_model_tokenizer_dir(model), "forms/single/tokenizer"));
        for (int n = 0; n < TB_NETWORK_COUNT; n++) {
            tb_network network = (tb_network)n;
            tb_parameters_facts a = tb_parameters_measure(tb_model_parameters(model, network));
            tb_parameters_facts b = tb_parameters_measure(tb_model_parameters(plain, network));
            assert_int_equal(a.n_parameters, b.n_parameters);
            assert_int_equal(a.n_bytes, files[i].element_bytes * a.n_parameters);
        }
        tb_model_close(model);
        free(path);
    }
    tb_model_close(plain);
    free(tiny);
}

static void test_single_without_helpers(void **state)
{
    (void)state;
    static const char source[] = "rm -rf s; mkdir s; cp \"$DATA/forms/single/tiny.ckpt\" s;"
                                 "cp -r \"$DATA/forms/single/unet\" s; ";
    tb_error err = {0};
    tb_model *model = NULL;
    run_shell(source);
    assert_int_equal(tb_model_open("s/tiny.ckpt", NULL, &model, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "hidden_size 768 is not the unet's cross_attention_dim"));

    run_shell("rm -r s/unet"); /* all as Stable Diffusion 1.5: the first tensor differs */
    assert_int_equal(tb_model_open("s/tiny.ckpt", NULL, &model, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "text_encoder: tensor '"));
    assert_non_null(strstr(err.fix, "put the model's text_encoder/config.json beside it"));

    run_shell("for i in unet vae text_encoder; do cp -r \"$DATA/forms/single/$i\" s; done");
    assert_int_equal(tb_model_open("s/tiny.ckpt", NULL, &model, &err), TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.fix, "--tokenizer DIR"));
    char *tokenizer = data_path("tiny/tokenizer");
    model = open_ok("s/tiny.ckpt", tokenizer);
    assert_null(tb_model_scheduler_json(model));
    tb_model_close(model);
    run_shell("cp \"$DATA\"/tiny/tokenizer/[vm]* s"); /* vocab.json, merges.txt */
    model = open_ok("s/tiny.ckpt", NULL);
    assert_string_equal(tb_model_tokenizer_dir(model), "s");
    tb_model_close(model);

    run_shell("cp \"$DATA/tiny/unet/diffusion_pytorch_model.safetensors\" s/part.safetensors");
    model = NULL;
    assert_int_equal(tb_model_open("s/part.safetensors", NULL, &model, &err), TIMBRE_BAD_FILE);
    assert_null(model);
    assert_non_null(strstr(err.message, "is of none of a checkpoint's networks"));
    free(tokenizer);
}

/* ---- what is wrong ---- */

static const wrong_model wrong[] = {
    {"rm -r unet", TIMBRE_BAD_FILE, "'m' has no unet/config.json"},
    {"rm text_encoder/config.json", TIMBRE_BAD_FILE, "'m' has no text_encoder/config.json"},
    {"rm vae/*.safetensors", TIMBRE_BAD_FILE, "'m' has no weights of the vae"},
    {"rm -r model_index.json vae", TIMBRE_BAD_FILE, "neither model_index.json nor the folders"},
    {"rm -r *", TIMBRE_BAD_FILE, "'m' is not a model"},
    {"rm -r tokenizer", TIMBRE_MODEL_MISSING, "no vocabulary for 'm'"},
    {"rm tokenizer/merges.txt", TIMBRE_MODEL_MISSING, "no vocab.json with merges.txt"},
    /* configs */
    {": > unet/config.json", TIMBRE_BAD_FILE, "m/unet/config.json"},
    {"echo '[]' > vae/config.json", TIMBRE_BAD_FILE, "m/vae/config.json"},
    {"rm unet/config.json; mkdir unet/config.json", TIMBRE_BAD_FILE, "is not a regular file"},
    {"head -c 2000000 /dev/zero > unet/config.json", TIMBRE_BAD_FILE, "exceeds 1048576 bytes"},
    {"echo '{' > model_index.json", TIMBRE_BAD_FILE, "m/model_index.json"},
    {"echo '{\"unet\": [\"diffusers\", \"UNet1DModel\"]}' > model_index.json", TIMBRE_BAD_FILE,
     "unet [\"diffusers\",\"UNet1DModel\"] is not supported, only UNet2DConditionModel"},
    {"echo '{\"vae\": [null, null]}' > model_index.json", TIMBRE_BAD_FILE,
     "vae [null,null] is not supported"},
    {"echo '{\"tokenizer\": 5}' > model_index.json", TIMBRE_BAD_FILE, "tokenizer 5 is not"},
    {"echo nonsense > scheduler/scheduler_config.json", TIMBRE_BAD_FILE, "scheduler_config.json"},
    {"sed -i 's/\"cross_attention_dim\": 30/\"cross_attention_dim\": 31/' unet/config.json",
     TIMBRE_BAD_FILE, "hidden_size 30 is not the unet's cross_attention_dim 31"},
    {"sed -i 's/\"latent_channels\": 4/\"latent_channels\": 8/' vae/config.json", TIMBRE_BAD_FILE,
     "in_channels 4 are not the vae's latent_channels 8"},
    {"sed -i 's/\"out_channels\": 4/\"out_channels\": 8/' unet/config.json", TIMBRE_BAD_FILE,
     "in_channels 4 are not its out_channels 8"},
    /* tensors */
    {"sed -i 's/\"conv_in.bias\"/\"conv_xn.bias\"/' unet/*.safetensors", TIMBRE_BAD_FILE,
     "unet: tensor 'conv_in.bias' is missing"},
    {"sed -i 's/\\(\"conv_in.bias\":{\"dtype\":\"\\)F32/\\1I32/' unet/*.safetensors",
     TIMBRE_BAD_FILE, "unet: tensor 'conv_in.bias' is int32, not of a float type"},
    {"sed -i 's/\\(\"conv_in.bias\":{\"dtype\":\"\\)F32/\\1X99/' unet/*.safetensors",
     TIMBRE_BAD_FILE, "X99"},
    {"sed -i 's/\"shape\":\\[8,4,3,3\\]/\"shape\":[4,8,3,3]/' unet/*.safetensors", TIMBRE_BAD_FILE,
     "unet: tensor 'conv_in.weight' is [4, 8, 3, 3], not [8, 4, 3, 3]"},
    {"sed -i 's/\"vocab_size\": 1000/\"vocab_size\": 1001/' text_encoder/config.json",
     TIMBRE_BAD_FILE,
     "text_encoder: tensor 'text_model.embeddings.token_embedding.weight' is [1000, 30], not "
     "[1001, 30]"},
    {"sed -i 's/\"num_hidden_layers\": 3/\"num_hidden_layers\": 2/' text_encoder/config.json",
     TIMBRE_BAD_FILE, "text_encoder: tensor 'text_model.encoder.layers.2."},
    {"sed -i 's/\"num_hidden_layers\": 3/\"num_hidden_layers\": 4/' text_encoder/config.json",
     TIMBRE_BAD_FILE, "text_encoder: tensor 'text_model.encoder.layers.3."},
    {"sed -i 's/\"layers_per_block\": 1/\"layers_per_block\": 2/' vae/config.json", TIMBRE_BAD_FILE,
     "vae: tensor '"},
    {"truncate -s -1 vae/*.safetensors", TIMBRE_BAD_FILE, "vae"},
    {": > vae/diffusion_pytorch_model.safetensors", TIMBRE_BAD_FILE, "vae"},
    {"rm vae/*.safetensors; mkdir vae/diffusion_pytorch_model.safetensors", TIMBRE_BAD_FILE,
     "diffusion_pytorch_model.safetensors"},
    /* links */
    {"mv vae/config.json ../out; ln -s ../../out vae/config.json", TIMBRE_BAD_FILE,
     "vae/config.json"},
    {"mv vae/*.safetensors ../out; ln -s ../../out vae/diffusion_pytorch_model.safetensors",
     TIMBRE_BAD_FILE, "diffusion_pytorch_model.safetensors"},
    {"mv vae ../out; ln -s ../out vae", TIMBRE_BAD_FILE, "vae/config.json"},
    {"mv tokenizer ../out; ln -s ../out tokenizer", TIMBRE_BAD_FILE, "tokenizer/vocab.json"},
    {"mv model_index.json ../out; ln -s ../out model_index.json", TIMBRE_BAD_FILE,
     "model_index.json"},
    {"rm unet/config.json; ln -s nowhere unet/config.json", TIMBRE_NOT_FOUND, "unet/config.json"},
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        copy_tiny(wrong[i].line);
        assert_wrong("m", &wrong[i]);
    }
}

static void test_nothing_there(void **state)
{
    (void)state;
    static const char *const paths[] = {"absent", "absent/more", ""};
    for (size_t i = 0; i < COUNT(paths); i++) {
        tb_error err = {0};
        tb_model *model = NULL;
        assert_int_equal(tb_model_open(paths[i], NULL, &model, &err), TIMBRE_MODEL_MISSING);
        assert_null(model);
        assert_true(err.fix[0] != '\0');
    }
    tb_model_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_single_files),
        cmocka_unit_test(test_single_without_helpers),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_nothing_there),
    };
    return cmocka_run_group_tests_name("model", tests, enter_folder, leave_folder);
}
