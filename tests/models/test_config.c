/* Configs of published models are read as diffusers reads them; all others are refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/models/config.h"
#include "engine/models/json_config.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* config.json of runwayml/stable-diffusion-v1-5 and riffusion/riffusion-model-v1 */
static const char text_sd15[] =
    "{\"_name_or_path\": \"openai/clip-vit-large-patch14\", \"architectures\": [\"CLIPTextModel\"],"
    "\"attention_dropout\": 0.0, \"bos_token_id\": 0, \"dropout\": 0.0, \"eos_token_id\": 2,"
    "\"hidden_act\": \"quick_gelu\", \"hidden_size\": 768, \"initializer_factor\": 1.0,"
    "\"initializer_range\": 0.02, \"intermediate_size\": 3072, \"layer_norm_eps\": 1e-05,"
    "\"max_position_embeddings\": 77, \"model_type\": \"clip_text_model\","
    "\"num_attention_heads\": 12, \"num_hidden_layers\": 12, \"pad_token_id\": 1,"
    "\"projection_dim\": 768, \"torch_dtype\": \"float32\","
    "\"transformers_version\": \"4.22.0.dev0\", \"vocab_size\": 49408}";
static const char unet_sd15[] =
    "{\"_class_name\": \"UNet2DConditionModel\", \"_diffusers_version\": \"0.6.0\","
    "\"act_fn\": \"silu\", \"attention_head_dim\": 8,"
    "\"block_out_channels\": [320, 640, 1280, 1280], \"center_input_sample\": false,"
    "\"cross_attention_dim\": 768, \"down_block_types\": [\"CrossAttnDownBlock2D\","
    "\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    "\"downsample_padding\": 1, \"flip_sin_to_cos\": true, \"freq_shift\": 0, \"in_channels\": 4,"
    "\"layers_per_block\": 2, \"mid_block_scale_factor\": 1, \"norm_eps\": 1e-05,"
    "\"norm_num_groups\": 32, \"out_channels\": 4, \"sample_size\": 64, \"up_block_types\":"
    "[\"UpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\"]}";
static const char vae_sd15[] =
    "{\"_class_name\": \"AutoencoderKL\", \"_diffusers_version\": \"0.6.0\", \"act_fn\": \"silu\","
    "\"block_out_channels\": [128, 256, 512, 512], \"down_block_types\": [\"DownEncoderBlock2D\","
    "\"DownEncoderBlock2D\", \"DownEncoderBlock2D\", \"DownEncoderBlock2D\"], \"in_channels\": 3,"
    "\"latent_channels\": 4, \"layers_per_block\": 2, \"norm_num_groups\": 32, \"out_channels\": 3,"
    "\"sample_size\": 512, \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\","
    "\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]}";

static json_t *parse(const char *text)
{
    tb_error err = {0};
    json_t *json = NULL;
    if (tb_json_config_parse(text, strlen(text), "config.json", &json, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return json;
}

static void assert_same_text(const tb_text_config *a, const tb_text_config *b)
{
    assert_int_equal(a->vocab_size, b->vocab_size);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_heads, b->n_heads);
    assert_int_equal(a->mlp_width, b->mlp_width);
    assert_int_equal(a->n_positions, b->n_positions);
    assert_int_equal(a->is_quick_gelu, b->is_quick_gelu);
    assert_true(a->eps == b->eps);
}

static void assert_same_unet(const tb_unet_config *a, const tb_unet_config *b)
{
    assert_int_equal(a->in_channels, b->in_channels);
    assert_int_equal(a->out_channels, b->out_channels);
    assert_int_equal(a->n_blocks, b->n_blocks);
    for (int i = 0; i < a->n_blocks; i++) {
        assert_int_equal(a->block_channels[i], b->block_channels[i]);
        assert_int_equal(a->has_attention_down[i], b->has_attention_down[i]);
        assert_int_equal(a->has_attention_up[i], b->has_attention_up[i]);
        assert_int_equal(a->layers_per_block[i], b->layers_per_block[i]);
        assert_int_equal(a->n_heads[i], b->n_heads[i]);
    }
    assert_int_equal(a->cross_width, b->cross_width);
    assert_int_equal(a->n_groups, b->n_groups);
    assert_true(a->eps == b->eps && a->frequency_shift == b->frequency_shift);
    assert_int_equal(a->has_linear_projection, b->has_linear_projection);
    assert_int_equal(a->flips_sin_to_cos, b->flips_sin_to_cos);
    assert_int_equal(a->sample_size, b->sample_size);
}

static void assert_same_vae(const tb_vae_config *a, const tb_vae_config *b)
{
    assert_int_equal(a->in_channels, b->in_channels);
    assert_int_equal(a->out_channels, b->out_channels);
    assert_int_equal(a->latent_channels, b->latent_channels);
    assert_int_equal(a->n_blocks, b->n_blocks);
    for (int i = 0; i < a->n_blocks; i++)
        assert_int_equal(a->block_channels[i], b->block_channels[i]);
    assert_int_equal(a->layers_per_block, b->layers_per_block);
    assert_int_equal(a->n_groups, b->n_groups);
    assert_true(a->eps == b->eps && a->scaling_factor == b->scaling_factor);
}

static void test_sd15(void **state)
{
    (void)state;
    json_t *text = parse(text_sd15), *unet = parse(unet_sd15), *vae = parse(vae_sd15);
    tb_text_config text_read, text_known;
    tb_unet_config unet_read, unet_known;
    tb_vae_config vae_read, vae_known;
    assert_int_equal(tb_text_config_read(text, "t", &text_read, NULL), TIMBRE_OK);
    assert_int_equal(tb_unet_config_read(unet, "u", &unet_read, NULL), TIMBRE_OK);
    assert_int_equal(tb_vae_config_read(vae, "v", &vae_read, NULL), TIMBRE_OK);
    tb_text_config_sd15(&text_known);
    tb_unet_config_sd15(&unet_known);
    tb_vae_config_sd15(&vae_known);
    assert_same_text(&text_read, &text_known);
    assert_same_unet(&unet_read, &unet_known);
    assert_same_vae(&vae_read, &vae_known);
    assert_int_equal(tb_vae_factor(&vae_read), 8);
    json_decref(text);
    json_decref(unet);
    json_decref(vae);
}

/* Which class's constructor has which defaults: diffusers 0.24, transformers 4.36. */
static void test_defaults(void **state)
{
    (void)state;
    json_t *empty = json_object();
    tb_text_config text;
    tb_unet_config unet;
    tb_vae_config vae;
    assert_int_equal(tb_text_config_read(empty, "t", &text, NULL), TIMBRE_OK);
    assert_int_equal(text.width, 512);
    assert_int_equal(text.n_heads, 8);
    assert_int_equal(text.mlp_width, 2048);
    assert_true(text.is_quick_gelu);
    assert_int_equal(tb_unet_config_read(empty, "u", &unet, NULL), TIMBRE_OK);
    assert_int_equal(unet.cross_width, 1280);
    assert_int_equal(unet.n_blocks, 4);
    assert_int_equal(unet.sample_size, 0);
    assert_true(unet.has_attention_down[2] && !unet.has_attention_down[3]);
    assert_true(!unet.has_attention_up[0] && unet.has_attention_up[1]);
    assert_int_equal(tb_vae_config_read(empty, "v", &vae, NULL), TIMBRE_OK);
    assert_int_equal(vae.n_blocks, 1);
    assert_int_equal(vae.block_channels[0], 64);
    assert_int_equal(vae.layers_per_block, 1);
    assert_int_equal(tb_vae_factor(&vae), 1);
    json_decref(empty);
}

static void test_lists_and_names(void **state)
{
    (void)state;
    json_t *json = parse(
        "{\"block_out_channels\": [32, 64], \"norm_num_groups\": 8,"
        "\"down_block_types\": [\"DownBlock2D\", \"CrossAttnDownBlock2D\"],"
        "\"up_block_types\": [\"CrossAttnUpBlock2D\", \"UpBlock2D\"],"
        "\"layers_per_block\": [1, 3], \"attention_head_dim\": [5, 2],"
        "\"num_attention_heads\": null, \"transformer_layers_per_block\": [1, 1],"
        "\"sample_size\": null, \"freq_shift\": 1, \"use_linear_projection\": true,"
        "\"upcast_attention\": true, \"dropout\": 0.5, \"unheard_of\": {}}");
    tb_unet_config unet;
    tb_error err = {0};
    if (tb_unet_config_read(json, "u", &unet, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(unet.layers_per_block[0], 1);
    assert_int_equal(unet.layers_per_block[1], 3);
    assert_int_equal(unet.n_heads[0], 5); /* does not divide 32, which has no attention */
    assert_int_equal(unet.n_heads[1], 2);
    assert_true(unet.has_attention_down[1] && unet.has_attention_up[0]);
    assert_true(unet.has_linear_projection && unet.frequency_shift == 1);
    json_object_set_new(json, "num_attention_heads", json_integer(4));
    assert_int_equal(tb_unet_config_read(json, "u", &unet, NULL), TIMBRE_OK);
    assert_int_equal(unet.n_heads[1], 4);
    json_decref(json);

    json = parse("{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 96,"
                 "\"num_attention_heads\": 3, \"hidden_act\": \"gelu\"}}");
    tb_text_config text;
    assert_int_equal(tb_text_config_read(json, "t", &text, NULL), TIMBRE_OK);
    assert_int_equal(text.width, 96);
    assert_false(text.is_quick_gelu);
    json_decref(json);
}

typedef enum { TEXT, UNET, VAE } which;

/* One key of a good config is given a value: all of these are refused, and the message has the
 * file, the key and what is said here. */
static const struct {
    which config;
    const char *key, *value, *says;
} refused[] = {
    {TEXT, "vocab_size", "0", "0 is not in 3..262144"},
    {TEXT, "vocab_size", "262145", "262145 is not in"},
    {TEXT, "hidden_size", "768.0", "768.0 is not a whole number"},
    {TEXT, "hidden_size", "\"768\"", "\"768\" is not a whole number"},
    {TEXT, "hidden_size", "[768]", "[768] is not a whole number"},
    {TEXT, "hidden_size", "null", "null is not a whole number"},
    {TEXT, "hidden_size", "true", "true is not a whole number"},
    {TEXT, "hidden_size", "9223372036854775807", "is not in 1..8192"},
    {TEXT, "hidden_size", "-768", "-768 is not in 1..8192"},
    {TEXT, "num_attention_heads", "7", "7 does not divide hidden_size 768"},
    {TEXT, "num_hidden_layers", "65", "65 is not in 1..64"},
    {TEXT, "max_position_embeddings", "2", "2 is not in 3..4096"},
    {TEXT, "hidden_act", "\"relu\"", "\"relu\" is none of quick_gelu, gelu"},
    {TEXT, "hidden_act", "7", "7 is none of"},
    {TEXT, "layer_norm_eps", "0", "0 is not in"},
    {TEXT, "layer_norm_eps", "1e300", "is not in"},
    {TEXT, "layer_norm_eps", "\"x\"", "is not a number"},
    {TEXT, "model_type", "\"bert\"", "\"bert\" is not supported"},
    {UNET, "_class_name", "\"UNet3DConditionModel\"", "is not supported"},
    {UNET, "in_channels", "0", "0 is not in 1..64"},
    {UNET, "block_out_channels", "[]", "has 0 items, not 1..8"},
    {UNET, "block_out_channels", "[32,32,32,32,32,32,32,32,32]", "has 9 items, not 1..8"},
    {UNET, "block_out_channels", "320", "320 is not a list"},
    {UNET, "block_out_channels", "{}", "{} is not a list"},
    {UNET, "block_out_channels", "[320, 640, 1280, 8224]", "8224 is not in 1..8192"},
    {UNET, "block_out_channels", "[320, 640, 1280, \"x\"]", "\"x\" is not a whole number"},
    {UNET, "norm_num_groups", "33", "33 does not divide 320"},
    {UNET, "norm_num_groups", "0", "0 is not in 1..8192"},
    {UNET, "norm_num_groups", "null", "null is not a whole number"},
    {UNET, "layers_per_block", "17", "17 is not in 1..16"},
    {UNET, "layers_per_block", "[2, 2, 2]", "has 3 items, not one for each of the 4 blocks"},
    {UNET, "layers_per_block", "2.5", "2.5 is not a whole number"},
    {UNET, "attention_head_dim", "7", "7 (heads) does not divide 320"},
    {UNET, "attention_head_dim", "[8, 8, 8]", "has 3 items"},
    {UNET, "attention_head_dim", "0", "0 is not in"},
    {UNET, "num_attention_heads", "-1", "-1 is not in"},
    {UNET, "cross_attention_dim", "[768, 768]", "is not a whole number"},
    {UNET, "cross_attention_dim", "1e9", "is not a whole number"},
    {UNET, "down_block_types", "\"DownBlock2D\"", "is not a list"},
    {UNET, "down_block_types", "[\"DownBlock2D\"]", "has 1 items"},
    {UNET, "down_block_types",
     "[\"AttnDownBlock2D\",\"DownBlock2D\",\"DownBlock2D\",\"DownBlock2D\"]",
     "\"AttnDownBlock2D\" is none of DownBlock2D, CrossAttnDownBlock2D"},
    {UNET, "up_block_types", "[\"UpBlock2D\",\"UpBlock2D\",\"UpBlock2D\",null]",
     "null is none of UpBlock2D, CrossAttnUpBlock2D"},
    {UNET, "mid_block_type", "null", "null is not supported"},
    {UNET, "mid_block_type", "\"UNetMidBlock2D\"", "is not supported"},
    {UNET, "act_fn", "\"gelu\"", "\"gelu\" is not supported"},
    {UNET, "class_embed_type", "\"timestep\"", "is not supported, only null"},
    {UNET, "num_class_embeds", "10", "10 is not supported, only null"},
    {UNET, "addition_embed_type", "\"text_time\"", "is not supported"},
    {UNET, "encoder_hid_dim", "1024", "is not supported"},
    {UNET, "dual_cross_attention", "true", "is not supported"},
    {UNET, "only_cross_attention", "true", "is not supported"},
    {UNET, "only_cross_attention", "[false, false, true, false]", "true is not supported"},
    {UNET, "resnet_time_scale_shift", "\"scale_shift\"", "is not supported"},
    {UNET, "time_embedding_type", "\"fourier\"", "is not supported"},
    {UNET, "time_cond_proj_dim", "256", "is not supported"},
    {UNET, "center_input_sample", "true", "is not supported"},
    {UNET, "center_input_sample", "0", "0 is not supported, only false"},
    {UNET, "transformer_layers_per_block", "2", "is not supported"},
    {UNET, "transformer_layers_per_block", "[1, 2, 10]", "2 is not supported"},
    {UNET, "conv_in_kernel", "1", "is not supported, only 3"},
    {UNET, "conv_out_kernel", "5", "is not supported"},
    {UNET, "downsample_padding", "0", "is not supported"},
    {UNET, "use_linear_projection", "1", "1 is not true or false"},
    {UNET, "flip_sin_to_cos", "\"yes\"", "\"yes\" is not true or false"},
    {UNET, "freq_shift", "2", "2 is not in -1..1"},
    {UNET, "norm_eps", "-1e-5", "is not in"},
    {UNET, "sample_size", "0", "0 is not in 1..4096"},
    {UNET, "sample_size", "[64, 64]", "is not a whole number"},
    {VAE, "_class_name", "\"VQModel\"", "is not supported"},
    {VAE, "in_channels", "4", "4 is not supported, only 3"},
    {VAE, "out_channels", "1", "1 is not supported, only 3"},
    {VAE, "latent_channels", "65", "65 is not in 1..64"},
    {VAE, "layers_per_block", "[2, 2, 2, 2]", "is not a whole number"},
    {VAE, "scaling_factor", "0", "0 is not in"},
    {VAE, "scaling_factor", "null", "null is not a number"},
    {VAE, "block_out_channels", "[128, 256, 512, 516]", "does not divide 516"},
    {VAE, "block_out_channels", "[128, 256, 512]", "down_block_types must have 3 items"},
    {VAE, "down_block_types", "[\"AttnDownEncoderBlock2D\"]", "is not supported"},
    {VAE, "up_block_types", "\"UpDecoderBlock2D\"", "is not a list"},
};

static tb_status read_one(which config, const json_t *json, tb_error *err)
{
    tb_text_config text;
    tb_unet_config unet;
    tb_vae_config vae;
    switch (config) {
    case TEXT:
        return tb_text_config_read(json, "some/config.json", &text, err);
    case UNET:
        return tb_unet_config_read(json, "some/config.json", &unet, err);
    default:
        return tb_vae_config_read(json, "some/config.json", &vae, err);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const good[] = {text_sd15, unet_sd15, vae_sd15};
    for (size_t i = 0; i < COUNT(refused); i++) {
        json_t *json = parse(good[refused[i].config]);
        json_t *value = json_loads(refused[i].value, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        assert_int_equal(json_object_set_new(json, refused[i].key, value), 0);
        tb_error err = {0};
        if (read_one(refused[i].config, json, &err) != TIMBRE_BAD_FILE ||
            strstr(err.message, "'some/config.json'") == NULL ||
            strstr(err.message, refused[i].says) == NULL ||
            strstr(err.message, refused[i].key) == NULL)
            fail_msg("%s = %s: '%s' does not say '%s'", refused[i].key, refused[i].value,
                     err.message, refused[i].says);
        json_decref(json);
    }
}

/* Half of the first channels are the exponents of the time embedding, which are divided by what
 * freq_shift leaves of them: 0/0 of two channels and a shift of 1. */
static void test_time_embedding(void **state)
{
    (void)state;
    static const struct {
        int channels;
        double shift;
        const char *says; /* NULL: right */
    } cases[] = {{2, 1, "'u': freq_shift 1 is not below 1, half of the first"},
                 {2, 0.5, NULL},
                 {2, -1, NULL},
                 {4, 1, NULL},
                 {3, 0, "block_out_channels 3, the first, is odd"},
                 {1, 0, "is odd"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = json_pack("{s:[i], s:i, s:i, s:[s], s:[s], s:f}", "block_out_channels",
                                 cases[i].channels, "norm_num_groups", 1, "attention_head_dim", 1,
                                 "down_block_types", "CrossAttnDownBlock2D", "up_block_types",
                                 "CrossAttnUpBlock2D", "freq_shift", cases[i].shift);
        tb_unet_config unet;
        tb_error err = {0};
        assert_non_null(json);
        tb_status st = tb_unet_config_read(json, "u", &unet, &err);
        assert_int_equal(st, cases[i].says == NULL ? TIMBRE_OK : TIMBRE_BAD_FILE);
        if (cases[i].says != NULL && strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s", err.message);
        json_decref(json);
    }
}

static void test_not_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "invalid JSON at byte"},
        {"\xef\xbb\xbf{}", "invalid JSON at byte"},
        {"{\"in_channels\": NaN}", "invalid JSON at byte 19"},
        {"{\"in_channels\": 99999999999999999999}", "invalid JSON at byte"},
        {"{\"norm_eps\": 1e999}", "invalid JSON at byte"},
        {"{\"a\": 1", "invalid JSON at byte"},
        {"{} x", "invalid JSON at byte"},
        {"{\"a\": \"\xff\"}", "invalid JSON at byte"},
        {"[]", "is not an object"},
        {"PK\x03\x04", "invalid JSON at byte"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        tb_error err = {0};
        json_t *json = NULL;
        assert_int_equal(
            tb_json_config_parse(bad[i].text, strlen(bad[i].text), "x.json", &json, &err),
            TIMBRE_BAD_FILE);
        assert_null(json);
        if (strstr(err.message, bad[i].says) == NULL || strstr(err.message, "'x.json'") == NULL)
            fail_msg("'%s': %s", bad[i].text, err.message);
    }
}

static void test_deep_json(void **state)
{
    (void)state;
    enum { DEPTH = 400000 };
    char *text = malloc(2 * DEPTH + 16);
    assert_non_null(text);
    size_t at = (size_t)sprintf(text, "{\"a\":");
    memset(text + at, '[', DEPTH);
    memset(text + at + DEPTH, ']', DEPTH);
    memcpy(text + at + 2 * DEPTH, "}", 2);
    json_t *json = NULL;
    tb_error err = {0};
    assert_int_equal(tb_json_config_parse(text, strlen(text), "x.json", &json, &err),
                     TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "nested deeper than 32 levels"));
    free(text);
}

/* What a file says is quoted in ASCII and cut: no line breaks, no escapes for a terminal. */
static void test_quoting(void **state)
{
    (void)state;
    json_t *json = parse("{\"act_fn\": \"\\u001b[2J\\n\\u00e9\"}");
    tb_error err = {0};
    assert_int_equal(read_one(UNET, json, &err), TIMBRE_BAD_FILE);
    for (const char *c = err.message; *c != '\0'; c++)
        assert_in_range(*c, 0x20, 0x7e);
    json_decref(json);
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    json = json_pack("{s:s}", "act_fn", text);
    assert_int_equal(read_one(UNET, json, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "... is not supported, only \"silu\""));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sd15),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_lists_and_names),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_time_embedding),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_deep_json),
        cmocka_unit_test(test_quoting),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
