#include "engine/models/unet_blocks.h"

#include <math.h>

#include "engine/nn/attention.h"

#define BLOCK "%s.transformer_blocks.0."

enum { N_MATRICES = 13, N_NORMS = 4, FF_FACTOR = 4 };

/* All matrices, for what is done to each. */
static void list_matrices(tb_transformer *t, tb_matrix *list[N_MATRICES])
{
    tb_matrix *all[N_MATRICES] = {&t->proj_in, &t->proj_out, &t->q1,    &t->k1, &t->v1,
                                  &t->out1,    &t->q2,       &t->k2,    &t->v2, &t->out2,
                                  &t->ff_in,   &t->ff_gate,  &t->ff_out};
    for (int i = 0; i < N_MATRICES; i++)
        list[i] = all[i];
}

static void load_norms(tb_loader *loader, tb_transformer *t, const char *prefix)
{
    tb_norm *norms[] = {&t->norm1, &t->norm2, &t->norm3};
    for (int i = 0; i < 3; i++)
        tb_load_layer_norm(loader, norms[i], tb_name_make(BLOCK "norm%d", prefix, i + 1).text,
                           t->channels, 1e-5f /* LayerNorm's default eps */);
}

void tb_transformer_load(tb_loader *loader, tb_transformer *t, const char *prefix, int channels,
                         const tb_transformer_style *style)
{
    int c = channels, cross = style->cross_width;
    t->channels = channels;
    t->n_heads = style->n_heads;
    const struct {
        tb_matrix *matrix;
        const char *fmt;
        int n_out, n_in;
        bool has_bias;
    } matrices[] = {{&t->proj_in, "%s.proj_in", c, c, true},
                    {&t->proj_out, "%s.proj_out", c, c, true},
                    {&t->q1, BLOCK "attn1.to_q", c, c, false},
                    {&t->k1, BLOCK "attn1.to_k", c, c, false},
                    {&t->v1, BLOCK "attn1.to_v", c, c, false},
                    {&t->out1, BLOCK "attn1.to_out.0", c, c, true},
                    {&t->q2, BLOCK "attn2.to_q", c, c, false},
                    {&t->k2, BLOCK "attn2.to_k", c, cross, false},
                    {&t->v2, BLOCK "attn2.to_v", c, cross, false},
                    {&t->out2, BLOCK "attn2.to_out.0", c, c, true},
                    {&t->ff_out, BLOCK "ff.net.2", c, FF_FACTOR * c, true}};
    tb_load_group_norm(loader, &t->norm_in, tb_name_make("%s.norm", prefix).text, c,
                       style->n_groups, 1e-6f /* Transformer2DModel's */);
    load_norms(loader, t, prefix);
    tb_load_linear_halves(loader, &t->ff_in, &t->ff_gate,
                          tb_name_make(BLOCK "ff.net.0.proj", prefix).text, FF_FACTOR * c, c);
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        tb_load_linear(loader, matrices[i].matrix, tb_name_make(matrices[i].fmt, prefix).text,
                       matrices[i].n_out, matrices[i].n_in, matrices[i].has_bias);
}

void tb_transformer_deinit(tb_transformer *t)
{
    tb_matrix *matrices[N_MATRICES];
    list_matrices(t, matrices);
    for (int i = 0; i < N_MATRICES; i++)
        tb_matrix_deinit(matrices[i]);
    tb_norm *norms[N_NORMS] = {&t->norm_in, &t->norm1, &t->norm2, &t->norm3};
    for (int i = 0; i < N_NORMS; i++)
        tb_norm_deinit(norms[i]);
}

size_t tb_transformer_bytes(const tb_transformer *t)
{
    tb_transformer copy = *t;
    tb_matrix *matrices[N_MATRICES];
    list_matrices(&copy, matrices);
    size_t n_bytes = 0;
    for (int i = 0; i < N_MATRICES; i++)
        n_bytes += tb_matrix_bytes(matrices[i]);
    return n_bytes;
}

static tb_attention attention_of(const tb_transformer *t, const tb_picture *p, int n_keys)
{
    int head_dim = t->channels / t->n_heads;
    size_t c = (size_t)t->channels;
    return (tb_attention){.n = p->n,
                          .n_queries = p->h * p->w,
                          .n_keys = n_keys,
                          .n_heads = t->n_heads,
                          .head_dim = head_dim,
                          .scale = 1 / sqrtf((float)head_dim),
                          .ldq = c,
                          .ldk = c,
                          .ldv = c,
                          .ldo = c};
}

/* x += attention of LayerNorm(x) to itself */
static void attend_self(tb_nn *nn, const tb_transformer *t, const tb_picture *x)
{
    int64_t rows = tb_picture_positions(x);
    float *a = tb_picture_take(nn, x, x->c).x, *q = tb_picture_take(nn, x, x->c).x;
    float *k = tb_picture_take(nn, x, x->c).x, *v = tb_picture_take(nn, x, x->c).x;
    tb_layer_norm(nn, a, x->x, rows, &t->norm1);
    tb_linear(nn, q, a, rows, &t->q1, NULL);
    tb_linear(nn, k, a, rows, &t->k1, NULL);
    tb_linear(nn, v, a, rows, &t->v1, NULL);
    tb_attention attention = attention_of(t, x, x->h * x->w);
    tb_attention_run(nn, a, q, k, v, &attention);
    tb_nn_give(nn, v);
    tb_nn_give(nn, k);
    tb_nn_give(nn, q);
    tb_linear(nn, x->x, a, rows, &t->out1, x->x);
    tb_nn_give(nn, a);
}

/* x += attention of LayerNorm(x) to the texts */
static void attend_texts(tb_nn *nn, const tb_transformer *t, const tb_picture *x,
                         const tb_cross_attention *texts)
{
    int64_t rows = tb_picture_positions(x);
    float *a = tb_picture_take(nn, x, x->c).x, *q = tb_picture_take(nn, x, x->c).x;
    tb_layer_norm(nn, a, x->x, rows, &t->norm2);
    tb_linear(nn, q, a, rows, &t->q2, NULL);
    tb_attention attention = attention_of(t, x, texts->n_tokens);
    tb_attention_run(nn, a, q, texts->keys, texts->values, &attention);
    tb_nn_give(nn, q);
    tb_linear(nn, x->x, a, rows, &t->out2, x->x);
    tb_nn_give(nn, a);
}

/* x += W2 (hidden * gelu(gate)), [hidden, gate] = W1 LayerNorm(x) (Shazeer 2020) */
static void feed_forward(tb_nn *nn, const tb_transformer *t, const tb_picture *x)
{
    int64_t rows = tb_picture_positions(x);
    float *a = tb_picture_take(nn, x, x->c).x;
    float *hidden = tb_picture_take(nn, x, FF_FACTOR * x->c).x;
    tb_layer_norm(nn, a, x->x, rows, &t->norm3);
    tb_linear_geglu(nn, hidden, a, rows, &t->ff_in, &t->ff_gate);
    tb_nn_give(nn, a);
    tb_linear(nn, x->x, hidden, rows, &t->ff_out, x->x);
    tb_nn_give(nn, hidden);
}

void tb_transformer_forward(tb_nn *nn, const tb_transformer *t, tb_picture *p,
                            const tb_cross_attention *texts)
{
    int64_t rows = tb_picture_positions(p);
    tb_picture normed = tb_picture_take(nn, p, p->c), x = tb_picture_take(nn, p, p->c);
    tb_group_norm(nn, normed.x, p->x, p->n, (int64_t)p->h * p->w, &t->norm_in, false);
    tb_linear(nn, x.x, normed.x, rows, &t->proj_in, NULL);
    tb_nn_give(nn, normed.x);
    attend_self(nn, t, &x);
    attend_texts(nn, t, &x, texts);
    feed_forward(nn, t, &x);
    tb_linear(nn, p->x, x.x, rows, &t->proj_out, p->x);
    tb_nn_give(nn, x.x);
}
