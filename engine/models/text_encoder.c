#include "engine/models/text_encoder.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "engine/models/part.h"
#include "engine/nn/attention.h"
#include "engine/nn/elementwise.h"

enum { N_MATRICES = 6 }; /* of a layer */

typedef struct text_layer {
    tb_norm norm1, norm2;
    tb_matrix q, k, v, out, fc1, fc2;
} text_layer;

struct tb_text_encoder {
    tb_text_config config;
    float *tokens;    /* owned [vocab_size, width] */
    float *positions; /* owned [n_positions, width] */
    text_layer *layers;
    tb_norm norm;
};

static void load_layer(tb_loader *loader, const tb_text_config *config, text_layer *layer, int i)
{
    int width = config->width;
    tb_name at = tb_name_make("text_model.encoder.layers.%d", i);
    const struct {
        tb_matrix *matrix;
        const char *name;
        int n_out, n_in;
    } matrices[N_MATRICES] = {{&layer->q, "self_attn.q_proj", width, width},
                              {&layer->k, "self_attn.k_proj", width, width},
                              {&layer->v, "self_attn.v_proj", width, width},
                              {&layer->out, "self_attn.out_proj", width, width},
                              {&layer->fc1, "mlp.fc1", config->mlp_width, width},
                              {&layer->fc2, "mlp.fc2", width, config->mlp_width}};
    for (int m = 0; m < N_MATRICES; m++)
        tb_load_linear(loader, matrices[m].matrix,
                       tb_name_make("%s.%s", at.text, matrices[m].name).text, matrices[m].n_out,
                       matrices[m].n_in, true);
    tb_load_layer_norm(loader, &layer->norm1, tb_name_make("%s.layer_norm1", at.text).text, width,
                       config->eps);
    tb_load_layer_norm(loader, &layer->norm2, tb_name_make("%s.layer_norm2", at.text).text, width,
                       config->eps);
}

tb_status tb_text_encoder_load(const tb_text_config *config, tb_parameters *parameters,
                               tb_text_encoder **out, tb_error *err)
{
    tb_loader loader = {.parameters = parameters, .status = TIMBRE_OK, .err = err};
    *out = NULL;
    tb_text_encoder *encoder = tb_loader_alloc(&loader, 1, sizeof *encoder);
    if (encoder == NULL)
        return loader.status;
    encoder->config = *config;
    encoder->layers = tb_loader_alloc(&loader, config->n_layers, sizeof *encoder->layers);
    tb_load_table(&loader, &encoder->tokens, "text_model.embeddings.token_embedding.weight",
                  config->vocab_size, config->width);
    tb_load_table(&loader, &encoder->positions, "text_model.embeddings.position_embedding.weight",
                  config->n_positions, config->width);
    for (int i = 0; i < config->n_layers && loader.status == TIMBRE_OK; i++)
        load_layer(&loader, config, &encoder->layers[i], i);
    tb_load_layer_norm(&loader, &encoder->norm, "text_model.final_layer_norm", config->width,
                       config->eps);
    if (loader.status == TIMBRE_OK)
        *out = encoder;
    else
        tb_text_encoder_free(encoder);
    return loader.status;
}

static void deinit_layer(text_layer *layer)
{
    tb_matrix *matrices[N_MATRICES] = {&layer->q,   &layer->k,   &layer->v,
                                       &layer->out, &layer->fc1, &layer->fc2};
    for (int m = 0; m < N_MATRICES; m++)
        tb_matrix_deinit(matrices[m]);
    tb_norm_deinit(&layer->norm1);
    tb_norm_deinit(&layer->norm2);
}

void tb_text_encoder_free(tb_text_encoder *encoder)
{
    if (encoder == NULL)
        return;
    for (int i = 0; i < encoder->config.n_layers && encoder->layers != NULL; i++)
        deinit_layer(&encoder->layers[i]);
    tb_norm_deinit(&encoder->norm);
    free(encoder->layers);
    free(encoder->tokens);
    free(encoder->positions);
    free(encoder);
}

size_t tb_text_encoder_bytes(const tb_text_encoder *encoder)
{
    const tb_text_config *config = &encoder->config;
    size_t n_rows = (size_t)config->vocab_size + (size_t)config->n_positions;
    size_t n_bytes = sizeof(float) * n_rows * (size_t)config->width;
    for (int i = 0; i < config->n_layers; i++) {
        const text_layer *l = &encoder->layers[i];
        n_bytes += tb_matrix_bytes(&l->q) + tb_matrix_bytes(&l->k) + tb_matrix_bytes(&l->v) +
                   tb_matrix_bytes(&l->out) + tb_matrix_bytes(&l->fc1) + tb_matrix_bytes(&l->fc2);
    }
    return n_bytes;
}

/* x[n, n_positions, width] = embedding of the token + of the position */
static void embed(tb_nn *nn, const tb_text_encoder *encoder, const int32_t *tokens, int n, float *x)
{
    if (!tb_nn_begin(nn, 0))
        return;
    const tb_text_config *config = &encoder->config;
    size_t width = (size_t)config->width;
    for (int i = 0; i < n * config->n_positions; i++, x += width) {
        assert(tokens[i] >= 0 && tokens[i] < config->vocab_size);
        const float *token = encoder->tokens + (size_t)tokens[i] * width;
        const float *position = encoder->positions + (size_t)(i % config->n_positions) * width;
        for (size_t c = 0; c < width; c++)
            x[c] = token[c] + position[c];
    }
}

/* x += attention(LayerNorm(x)) */
static void attend(tb_nn *nn, const tb_text_config *config, const text_layer *layer, int n,
                   float *x)
{
    int64_t rows = (int64_t)n * config->n_positions;
    size_t width = (size_t)config->width, n_floats = (size_t)rows * width;
    int head_dim = config->width / config->n_heads;
    float *a = tb_nn_take(nn, n_floats), *q = tb_nn_take(nn, n_floats);
    float *k = tb_nn_take(nn, n_floats), *v = tb_nn_take(nn, n_floats);
    tb_layer_norm(nn, a, x, rows, &layer->norm1);
    tb_linear(nn, q, a, rows, &layer->q, NULL);
    tb_linear(nn, k, a, rows, &layer->k, NULL);
    tb_linear(nn, v, a, rows, &layer->v, NULL);
    tb_attention attention = {.n = n,
                              .n_queries = config->n_positions,
                              .n_keys = config->n_positions,
                              .n_heads = config->n_heads,
                              .head_dim = head_dim,
                              .is_causal = true,
                              .scale = 1 / sqrtf((float)head_dim),
                              .ldq = width,
                              .ldk = width,
                              .ldv = width,
                              .ldo = width};
    tb_attention_run(nn, a, q, k, v, &attention);
    tb_linear(nn, x, a, rows, &layer->out, x);
    tb_nn_give(nn, v);
    tb_nn_give(nn, k);
    tb_nn_give(nn, q);
    tb_nn_give(nn, a);
}

/* x += fc2(act(fc1(LayerNorm(x)))) */
static void feed_forward(tb_nn *nn, const tb_text_config *config, const text_layer *layer, int n,
                         float *x)
{
    int64_t rows = (int64_t)n * config->n_positions;
    size_t n_hidden = (size_t)rows * (size_t)config->mlp_width;
    float *a = tb_nn_take(nn, (size_t)rows * (size_t)config->width);
    float *hidden = tb_nn_take(nn, n_hidden);
    tb_layer_norm(nn, a, x, rows, &layer->norm2);
    tb_linear(nn, hidden, a, rows, &layer->fc1, NULL);
    tb_activate(nn, hidden, hidden, n_hidden,
                config->is_quick_gelu ? TB_ACTIVATION_QUICK_GELU : TB_ACTIVATION_GELU);
    tb_linear(nn, x, hidden, rows, &layer->fc2, x);
    tb_nn_give(nn, hidden);
    tb_nn_give(nn, a);
}

void tb_text_encoder_forward(tb_nn *nn, const tb_text_encoder *encoder, const int32_t *tokens,
                             int n, int clip_skip, float *out)
{
    const tb_text_config *config = &encoder->config;
    int64_t rows = (int64_t)n * config->n_positions;
    int n_layers = config->n_layers - clip_skip;
    float *x = tb_nn_take(nn, (size_t)rows * (size_t)config->width);
    embed(nn, encoder, tokens, n, x);
    for (int i = 0; i < n_layers; i++) {
        attend(nn, config, &encoder->layers[i], n, x);
        feed_forward(nn, config, &encoder->layers[i], n, x);
        tb_part_report(nn, (double)(i + 1) / n_layers);
    }
    tb_layer_norm(nn, out, x, rows, &encoder->norm);
    tb_nn_give(nn, x);
}
