#include "engine/models/vae_blocks.h"

#include <math.h>

#include "engine/nn/attention.h"

void tb_vae_attention_load(tb_loader *loader, tb_vae_attention *a, const char *prefix, int channels,
                           int n_groups, float eps)
{
    const struct {
        tb_matrix *matrix;
        const char *name;
    } matrices[] = {{&a->q, "to_q"}, {&a->k, "to_k"}, {&a->v, "to_v"}, {&a->out, "to_out.0"}};
    tb_load_group_norm(loader, &a->norm, tb_name_make("%s.group_norm", prefix).text, channels,
                       n_groups, eps);
    for (int i = 0; i < 4; i++)
        tb_load_linear(loader, matrices[i].matrix,
                       tb_name_make("%s.%s", prefix, matrices[i].name).text, channels, channels,
                       true);
}

void tb_vae_attention_deinit(tb_vae_attention *a)
{
    tb_norm_deinit(&a->norm);
    tb_matrix_deinit(&a->q);
    tb_matrix_deinit(&a->k);
    tb_matrix_deinit(&a->v);
    tb_matrix_deinit(&a->out);
}

size_t tb_vae_attention_bytes(const tb_vae_attention *a)
{
    return tb_matrix_bytes(&a->q) + tb_matrix_bytes(&a->k) + tb_matrix_bytes(&a->v) +
           tb_matrix_bytes(&a->out);
}

void tb_vae_attention_forward(tb_nn *nn, const tb_vae_attention *a, tb_picture *p)
{
    int positions = p->h * p->w;
    size_t c = (size_t)p->c;
    float *normed = tb_picture_take(nn, p, p->c).x, *q = tb_picture_take(nn, p, p->c).x;
    float *k = tb_picture_take(nn, p, p->c).x, *v = tb_picture_take(nn, p, p->c).x;
    tb_group_norm(nn, normed, p->x, p->n, positions, &a->norm, false);
    tb_linear(nn, q, normed, positions, &a->q, NULL);
    tb_linear(nn, k, normed, positions, &a->k, NULL);
    tb_linear(nn, v, normed, positions, &a->v, NULL);
    tb_attention attention = {.n = p->n,
                              .n_queries = positions,
                              .n_keys = positions,
                              .n_heads = 1,
                              .head_dim = p->c,
                              .scale = 1 / sqrtf((float)p->c),
                              .ldq = c,
                              .ldk = c,
                              .ldv = c,
                              .ldo = c};
    tb_attention_run(nn, normed, q, k, v, &attention);
    tb_nn_give(nn, v);
    tb_nn_give(nn, k);
    tb_nn_give(nn, q);
    tb_linear(nn, p->x, normed, positions, &a->out, p->x);
    tb_nn_give(nn, normed);
}
