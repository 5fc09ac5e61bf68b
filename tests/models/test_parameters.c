/* Every name that a file may use for a tensor leads to it, its shape is checked, and what nobody
 * asks for is found. The names of checkpoints are compared with diffusers' own conversion
 * (tools/reference/ldm_names.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/models/layers.h"
#include "engine/models/names_ldm.h"
#include "engine/models/parameters.h"
#include "tests/models/small_weights.h"
#include "tests/support/folder.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- names ---- */

typedef struct {
    tb_network network;
    const char *lines; /* "OLD NEW\n", until an empty string or "## " */
} section;

static const char *next_line(const char *lines, char old[256], char new[256])
{
    int n = 0;
    if (lines == NULL || strncmp(lines, "## ", 3) == 0 ||
        sscanf(lines, "%255s %255s%n", old, new, &n) != 2)
        return NULL;
    return lines + n + 1;
}

/* The other direction. */
static void check_originals(const section *s)
{
    static const char *const prefixes[] = {"cond_stage_model.transformer.",
                                           "model.diffusion_model.", "first_stage_model."};
    char old[256], new[256], got[TB_TENSOR_NAME_MAX_BYTES], want[600];
    tb_ldm_blocks blocks = {0};
    for (const char *at = s->lines; (at = next_line(at, old, new)) != NULL;)
        tb_ldm_blocks_add(&blocks, new);
    for (const char *at = s->lines; (at = next_line(at, old, new)) != NULL;) {
        snprintf(want, sizeof want, "%s%s", prefixes[s->network], old);
        assert_true(tb_ldm_original(&blocks, s->network, new, got));
        assert_string_equal(got, want);
    }
}

/* All pairs of a section; returns how many. */
static int check_section(const section *s)
{
    char old[256], new[256], got[TB_TENSOR_NAME_MAX_BYTES];
    tb_ldm_layout layout = {0};
    for (const char *at = s->lines; (at = next_line(at, old, new)) != NULL;)
        tb_ldm_layout_add(&layout, old);
    tb_ldm_layout_settle(&layout);
    int n = 0;
    for (const char *at = s->lines; (at = next_line(at, old, new)) != NULL; n++) {
        assert_true(tb_ldm_translate(&layout, s->network, old, got));
        assert_string_equal(got, new);
        assert_true(tb_ldm_translate(&layout, s->network, new, got)); /* today's stay */
        assert_string_equal(got, new);
    }
    return n;
}

static void test_names_of_checkpoints(void **state)
{
    (void)state;
    char path[4096], *bytes = NULL;
    size_t len;
    snprintf(path, sizeof path, "%s/vectors/ldm_names.txt", getenv("TIMBRE_TESTS_DIR"));
    assert_int_equal(tb_file_read(path, 1 << 20, &bytes, &len, NULL), TIMBRE_OK);
    int n = 0, n_sections = 0;
    for (const char *at = bytes; (at = strstr(at, "## ")) != NULL; n_sections++) {
        section s = {strncmp(at + 3, "unet", 4) == 0 ? TB_NETWORK_UNET : TB_NETWORK_VAE, NULL};
        at = strchr(at, '\n') + 1;
        s.lines = at;
        n += check_section(&s);
        check_originals(&s);
    }
    assert_int_equal(n_sections, 4);
    assert_int_equal(n, 783); /* lines that are not titles */
    free(bytes);
}

static void test_names_of_old_folders(void **state)
{
    (void)state;
    static const struct {
        tb_network network;
        const char *old, *new;
    } names[] = {
        {TB_NETWORK_VAE, "decoder.mid_block.attentions.0.query.bias",
         "decoder.mid_block.attentions.0.to_q.bias"},
        {TB_NETWORK_VAE, "encoder.mid_block.attentions.0.key.weight",
         "encoder.mid_block.attentions.0.to_k.weight"},
        {TB_NETWORK_VAE, "encoder.mid_block.attentions.0.value.weight",
         "encoder.mid_block.attentions.0.to_v.weight"},
        {TB_NETWORK_VAE, "decoder.mid_block.attentions.0.proj_attn.weight",
         "decoder.mid_block.attentions.0.to_out.0.weight"},
        {TB_NETWORK_VAE, "decoder.mid_block.attentions.0.group_norm.weight",
         "decoder.mid_block.attentions.0.group_norm.weight"},
        {TB_NETWORK_TEXT, "encoder.layers.3.mlp.fc1.weight",
         "text_model.encoder.layers.3.mlp.fc1.weight"},
        {TB_NETWORK_TEXT, "text_model.final_layer_norm.bias", "text_model.final_layer_norm.bias"},
        /* no rule of another network applies, and indices are plain numbers in range */
        {TB_NETWORK_VAE, "out.0.weight", "out.0.weight"},
        {TB_NETWORK_UNET, "input_blocks.01.0.op.weight", "input_blocks.01.0.op.weight"},
        {TB_NETWORK_UNET, "input_blocks.160.0.op.weight", "input_blocks.160.0.op.weight"},
        {TB_NETWORK_UNET, "input_blocks.99999999999999999999.0.op.weight",
         "input_blocks.99999999999999999999.0.op.weight"},
        {TB_NETWORK_UNET, "input_blocks..0.op.weight", "input_blocks..0.op.weight"},
        {TB_NETWORK_UNET, "input_blocks", "input_blocks"},
    };
    tb_ldm_layout layout = {0};
    tb_ldm_layout_settle(&layout);
    for (size_t i = 0; i < COUNT(names); i++) {
        char got[TB_TENSOR_NAME_MAX_BYTES];
        assert_true(tb_ldm_translate(&layout, names[i].network, names[i].old, got));
        assert_string_equal(got, names[i].new);
    }
    char longest[TB_TENSOR_NAME_MAX_BYTES + 1], got[TB_TENSOR_NAME_MAX_BYTES];
    memset(longest, 'a', sizeof longest);
    longest[TB_TENSOR_NAME_MAX_BYTES] = '\0';
    assert_false(tb_ldm_translate(&layout, TB_NETWORK_UNET, longest, got));
    longest[TB_TENSOR_NAME_MAX_BYTES - 1] = '\0';
    assert_true(tb_ldm_translate(&layout, TB_NETWORK_UNET, longest, got));
    assert_false(tb_ldm_translate(&layout, TB_NETWORK_TEXT, longest, got));
}

/* ---- tensors ---- */

static tb_weights *open_small(const small_tensor *tensors, size_t n)
{
    small_weights_write("small.safetensors", tensors, n);
    tb_weights *weights = NULL;
    tb_error err = {0};
    if (tb_weights_open("small.safetensors", &weights, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return weights;
}

static tb_parameters *select_network(const tb_weights *weights, tb_network network)
{
    tb_parameters *parameters = NULL;
    tb_error err = {0};
    if (tb_parameters_new(weights, network, &parameters, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return parameters;
}

static void test_shapes(void **state)
{
    (void)state;
    static const small_tensor tensors[] = {
        {"a.weight", "F32", 4, {3, 2, 1, 1}}, {"b.weight", "F16", 2, {3, 1}},
        {"c.weight", "I64", 1, {3}},          {"d.weight", "F32", 4, {3, 2, 3, 3}},
        {"e.weight", "BF16", 0, {0}},
    };
    tb_weights *weights = open_small(tensors, COUNT(tensors));
    tb_parameters *p = select_network(weights, TB_NETWORK_UNET);
    const tb_tensor *t = NULL;
    tb_error err = {0};
    assert_int_equal(tb_parameters_get(p, "a.weight", 2, (int64_t[]){3, 2}, &t, &err), TIMBRE_OK);
    assert_int_equal(t->rank, 2);
    float values[6], wants[6];
    tb_tensor_read(t, 0, 6, values);
    small_values(&tensors[0], wants);
    assert_memory_equal(values, wants, sizeof wants);
    assert_int_equal(tb_parameters_get(p, "a.weight", 4, (int64_t[]){3, 2, 1, 1}, &t, &err),
                     TIMBRE_OK);
    assert_int_equal(t->rank, 4);
    assert_int_equal(tb_parameters_get(p, "b.weight", 4, (int64_t[]){3, 1, 1, 1}, &t, &err),
                     TIMBRE_OK);
    assert_int_equal(t->shape[3], 1);
    assert_int_equal(tb_parameters_get(p, "b.weight", 1, (int64_t[]){3}, &t, &err), TIMBRE_OK);
    assert_int_equal(tb_parameters_get(p, "e.weight", 1, (int64_t[]){1}, &t, &err), TIMBRE_OK);
    assert_int_equal(tb_parameters_get(p, "d.weight", 0, NULL, &t, &err), TIMBRE_OK);
    assert_int_equal(t->rank, 4);
    static const struct {
        const char *name, *says;
        int rank;
        int64_t shape[4];
    } bad[] = {
        {"a.weight", "unet: tensor 'a.weight' is [3, 2, 1, 1], not [2, 3]", 2, {2, 3}},
        {"a.weight", "is [3, 2, 1, 1], not [3]", 1, {3}},
        {"a.weight", "is [3, 2, 1, 1], not [3, 2, 3, 3]", 4, {3, 2, 3, 3}},
        {"d.weight", "is [3, 2, 3, 3], not [3, 2]", 2, {3, 2}},
        {"c.weight", "unet: tensor 'c.weight' is int64, not of a float type", 1, {3}},
        {"f.weight", "unet: tensor 'f.weight' is missing", 1, {3}},
        {"", "is missing", 1, {3}},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(tb_parameters_get(p, bad[i].name, bad[i].rank, bad[i].shape, &t, &err),
                         TIMBRE_BAD_FILE);
        if (strstr(err.message, bad[i].says) == NULL)
            fail_msg("%s", err.message);
    }
    tb_parameters_facts facts = tb_parameters_measure(p);
    assert_int_equal(facts.n_tensors, 5);
    assert_int_equal(facts.n_parameters, 6 + 3 + 3 + 54 + 1);
    assert_int_equal(facts.n_bytes_of[TB_DTYPE_F32], 4 * 60);
    assert_int_equal(facts.n_bytes, 4 * 60 + 2 * 3 + 8 * 3 + 2);
    tb_parameters_free(p);
    tb_weights_close(weights);
}

static void test_extra(void **state)
{
    (void)state;
    static const small_tensor tensors[] = {
        {"conv_in.bias", "F32", 1, {2}},    {"surplus.bias", "F32", 1, {2}},
        {"another.weight", "F32", 1, {2}},  {"text.position_ids", "I64", 1, {2}},
        {"model_ema.decay", "F32", 1, {1}},
    };
    tb_weights *weights = open_small(tensors, COUNT(tensors));
    tb_parameters *p = select_network(weights, TB_NETWORK_UNET);
    const tb_tensor *t;
    tb_error err = {0};
    assert_int_equal(tb_parameters_get(p, "conv_in.bias", 1, (int64_t[]){2}, &t, &err), TIMBRE_OK);
    assert_int_equal(tb_parameters_check_extra(p, &err), TIMBRE_BAD_FILE);
    assert_string_equal(err.message, "unet: tensor 'another.weight' is not part of the network, "
                                     "and 1 more are not");
    assert_int_equal(tb_parameters_get(p, "another.weight", 0, NULL, &t, &err), TIMBRE_OK);
    assert_int_equal(tb_parameters_check_extra(p, &err), TIMBRE_BAD_FILE);
    assert_string_equal(err.message, "unet: tensor 'surplus.bias' is not part of the network");
    assert_int_equal(tb_parameters_get(p, "surplus.bias", 0, NULL, &t, &err), TIMBRE_OK);
    assert_int_equal(tb_parameters_check_extra(p, &err), TIMBRE_OK);
    assert_false(tb_parameters_has(p, "text.position_ids"));
    tb_parameters_free(p);
    tb_weights_close(weights);
}

static void test_checkpoint(void **state)
{
    (void)state;
    static const small_tensor tensors[] = {
        {"model.diffusion_model.input_blocks.0.0.weight", "F32", 1, {1}},
        {"model.diffusion_model.input_blocks.1.0.op.bias", "F32", 1, {2}},
        {"model.diffusion_model.input_blocks.2.0.in_layers.0.bias", "F32", 1, {3}},
        {"first_stage_model.decoder.up.1.block.0.nin_shortcut.bias", "F32", 1, {4}},
        {"first_stage_model.loss.logvar", "F32", 1, {1}},
        {"cond_stage_model.transformer.text_model.final_layer_norm.bias", "F32", 1, {5}},
        {"cond_stage_model.transformer.text_model.embeddings.position_ids", "I64", 1, {5}},
        {"model_ema.diffusion_modelout0bias", "F32", 1, {1}},
        {"alphas_cumprod", "F32", 1, {6}},
        {"cond_stage_model.logit_scale", "F32", 0, {0}},
    };
    static const struct {
        tb_network network;
        const char *name;
        int64_t n;
    } wants[] = {
        {TB_NETWORK_UNET, "conv_in.weight", 1},
        {TB_NETWORK_UNET, "down_blocks.0.downsamplers.0.conv.bias", 2},
        {TB_NETWORK_UNET, "down_blocks.1.resnets.0.norm1.bias", 3},
        {TB_NETWORK_VAE, "decoder.up_blocks.0.resnets.0.conv_shortcut.bias", 4},
        {TB_NETWORK_TEXT, "text_model.final_layer_norm.bias", 5},
    };
    tb_weights *weights = open_small(tensors, COUNT(tensors));
    tb_parameters *p[TB_NETWORK_COUNT];
    tb_error err = {0};
    for (int i = 0; i < TB_NETWORK_COUNT; i++)
        p[i] = select_network(weights, (tb_network)i);
    for (size_t i = 0; i < COUNT(wants); i++) {
        const tb_tensor *t;
        if (tb_parameters_get(p[wants[i].network], wants[i].name, 1, &wants[i].n, &t, &err) !=
            TIMBRE_OK)
            fail_msg("%s", err.message);
    }
    for (int i = 0; i < TB_NETWORK_COUNT; i++) {
        if (tb_parameters_check_extra(p[i], &err) != TIMBRE_OK)
            fail_msg("%s", err.message);
        tb_parameters_free(p[i]);
    }
    assert_int_equal(tb_parameters_check_strangers(weights, &err), TIMBRE_OK);
    tb_weights_close(weights);
}

static void test_strangers_and_twins(void **state)
{
    (void)state;
    static const small_tensor stranger[] = {{"first_stage_model.a", "F32", 1, {1}},
                                            {"control_model.b", "F32", 1, {1}}};
    tb_error err = {0};
    tb_weights *weights = open_small(stranger, 2);
    assert_int_equal(tb_parameters_check_strangers(weights, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "'control_model.b'"));
    tb_weights_close(weights);

    static const small_tensor twins[] = {
        {"text_model.final_layer_norm.bias", "F32", 1, {1}},
        {"final_layer_norm.bias", "F32", 1, {1}},
    };
    weights = open_small(twins, 2);
    tb_parameters *p = NULL;
    assert_int_equal(tb_parameters_new(weights, TB_NETWORK_TEXT, &p, &err), TIMBRE_BAD_FILE);
    assert_null(p);
    assert_non_null(strstr(err.message, "are both 'text_model.final_layer_norm.bias'"));
    tb_weights_close(weights);
}

/* ---- layers ---- */

static const small_tensor layer_tensors[] = {
    {"lin.weight", "F16", 2, {5, 3}},
    {"lin.bias", "F32", 1, {5}},
    {"conv.weight", "F32", 4, {4, 3, 3, 3}},
    {"conv.bias", "F32", 1, {4}},
    {"norm.weight", "F32", 1, {6}},
    {"norm.bias", "F32", 1, {6}},
    {"table", "F32", 2, {2, 3}},
};

static void load_all(tb_loader *loader, tb_matrix *lin, tb_conv *conv, tb_norm *group,
                     tb_norm *layer, float **table)
{
    tb_load_linear(loader, lin, "lin", 5, 3, true);
    tb_load_conv(loader, conv, "conv", 4, 3, 3, 2);
    tb_load_group_norm(loader, group, "norm", 6, 2, 1e-6f);
    tb_load_layer_norm(loader, layer, "norm", 6, 1e-5f);
    tb_load_table(loader, table, "table", 2, 3);
}

static void test_layers(void **state)
{
    (void)state;
    for (int is_check_only = 0; is_check_only < 2; is_check_only++) {
        tb_weights *weights = open_small(layer_tensors, COUNT(layer_tensors));
        tb_parameters *p = select_network(weights, TB_NETWORK_VAE);
        tb_parameters_set_check_only(p, is_check_only);
        tb_error err = {0};
        tb_loader loader = {p, TIMBRE_OK, &err};
        tb_matrix lin = {0};
        tb_conv conv = {0};
        tb_norm group = {0}, layer = {0};
        float *table = NULL;
        load_all(&loader, &lin, &conv, &group, &layer, &table);
        assert_int_equal(loader.status, TIMBRE_OK);
        assert_int_equal(tb_parameters_check_extra(p, &err), TIMBRE_OK);
        assert_true(lin.n_out == 5 && lin.n_in == 3);
        assert_true(conv.matrix.n_in == 27 && conv.stride == 2 && conv.pad_before == 1);
        assert_true(group.n_groups == 2 && group.eps == 1e-6f && layer.n_channels == 6);
        assert_int_equal(lin.panels == NULL, is_check_only);
        assert_int_equal(conv.matrix.panels == NULL, is_check_only);
        assert_int_equal(group.gain == NULL || layer.shift == NULL, is_check_only);
        assert_int_equal(table == NULL, is_check_only);
        if (!is_check_only) {
            float wants[6];
            assert_int_equal(lin.dtype, TB_DTYPE_F16);
            small_values(&layer_tensors[6], wants);
            assert_memory_equal(table, wants, sizeof wants);
            small_values(&layer_tensors[4], wants);
            assert_memory_equal(group.gain, wants, sizeof wants);
        }
        tb_matrix_deinit(&lin);
        tb_matrix_deinit(&conv.matrix);
        tb_norm_deinit(&group);
        tb_norm_deinit(&layer);
        free(table);
        tb_parameters_free(p);
        tb_weights_close(weights);
    }
}

/* The first failure is the one that is told; nothing is loaded after it. */
static void test_failed_layers(void **state)
{
    (void)state;
    tb_weights *weights = open_small(layer_tensors, COUNT(layer_tensors));
    tb_parameters *p = select_network(weights, TB_NETWORK_VAE);
    tb_error err = {0};
    tb_loader loader = {p, TIMBRE_OK, &err};
    tb_matrix lin = {0};
    tb_norm norm = {0};
    tb_load_linear(&loader, &lin, "absent", 5, 3, true);
    assert_null(lin.panels);
    tb_load_layer_norm(&loader, &norm, "norm", 7, 1e-5f);
    assert_null(norm.gain);
    tb_load_linear(&loader, &lin, "lin", 5, 3, true);
    assert_null(lin.panels);
    assert_int_equal(loader.status, TIMBRE_BAD_FILE);
    assert_string_equal(err.message, "vae: tensor 'absent.weight' is missing");
    tb_parameters_free(p);
    tb_weights_close(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_checkpoints),
        cmocka_unit_test(test_names_of_old_folders),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_strangers_and_twins),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_failed_layers),
    };
    return cmocka_run_group_tests_name("parameters", tests, enter_folder, leave_folder);
}
