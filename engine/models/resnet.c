#include "engine/models/resnet.h"

#include "engine/nn/elementwise.h"

void tb_resnet_load(tb_loader *loader, tb_resnet *resnet, const char *prefix, int c_in, int c_out,
                    const tb_resnet_style *style)
{
    resnet->c_in = c_in;
    resnet->c_out = c_out;
    resnet->time_width = style->time_width;
    tb_load_group_norm(loader, &resnet->norm1, tb_name_make("%s.norm1", prefix).text, c_in,
                       style->n_groups, style->eps);
    tb_load_conv(loader, &resnet->conv1, tb_name_make("%s.conv1", prefix).text, c_out, c_in, 3, 1);
    if (style->time_width > 0)
        tb_load_linear(loader, &resnet->time, tb_name_make("%s.time_emb_proj", prefix).text, c_out,
                       style->time_width, true);
    tb_load_group_norm(loader, &resnet->norm2, tb_name_make("%s.norm2", prefix).text, c_out,
                       style->n_groups, style->eps);
    tb_load_conv(loader, &resnet->conv2, tb_name_make("%s.conv2", prefix).text, c_out, c_out, 3, 1);
    if (c_in != c_out)
        tb_load_linear(loader, &resnet->shortcut, tb_name_make("%s.conv_shortcut", prefix).text,
                       c_out, c_in, true);
}

void tb_resnet_deinit(tb_resnet *resnet)
{
    tb_norm_deinit(&resnet->norm1);
    tb_norm_deinit(&resnet->norm2);
    tb_matrix_deinit(&resnet->conv1.matrix);
    tb_matrix_deinit(&resnet->conv2.matrix);
    tb_matrix_deinit(&resnet->time);
    tb_matrix_deinit(&resnet->shortcut);
}

size_t tb_resnet_bytes(const tb_resnet *resnet)
{
    return tb_matrix_bytes(&resnet->conv1.matrix) + tb_matrix_bytes(&resnet->conv2.matrix) +
           tb_matrix_bytes(&resnet->time) + tb_matrix_bytes(&resnet->shortcut);
}

double tb_resnet_cost(const tb_resnet *resnet)
{
    return 9.0 * resnet->c_out * (resnet->c_in + resnet->c_out); /* two 3x3 convolutions */
}

/* h += W time + bias at every position */
static void add_time(tb_nn *nn, const tb_resnet *resnet, tb_picture *h, const float *time)
{
    float *row = tb_nn_take(nn, (size_t)h->c);
    tb_linear(nn, row, time, 1, &resnet->time, NULL);
    tb_add_rows(nn, h->x, h->x, 1, tb_picture_positions(h), h->c, row);
    tb_nn_give(nn, row);
}

/*
 * At most three pictures at a time beside what the caller keeps: where there is a shortcut and
 * nobody needs the input any more, the shortcut is made first, so that the norm can write over it.
 */
void tb_resnet_forward(tb_nn *nn, const tb_resnet *resnet, tb_picture *p, const float *time,
                       bool keeps)
{
    bool has_shortcut = resnet->c_in != resnet->c_out;
    bool overwrites = has_shortcut && !keeps;
    tb_picture side = *p;
    if (has_shortcut) {
        side = tb_picture_take(nn, p, resnet->c_out);
        tb_linear(nn, side.x, p->x, tb_picture_positions(p), &resnet->shortcut, NULL);
    }
    tb_picture a = overwrites ? *p : tb_picture_take(nn, p, p->c);
    tb_group_norm(nn, a.x, p->x, p->n, (int64_t)p->h * p->w, &resnet->norm1, true);
    tb_picture_conv(nn, &a, &resnet->conv1, false);
    if (resnet->time_width > 0)
        add_time(nn, resnet, &a, time);
    tb_group_norm(nn, a.x, a.x, a.n, (int64_t)a.h * a.w, &resnet->norm2, true);
    tb_picture out = tb_picture_take(nn, &a, resnet->c_out);
    tb_conv2d(nn, out.x, a.x, a.n, a.h, a.w, &resnet->conv2, side.x);
    tb_nn_give(nn, a.x);
    if (has_shortcut)
        tb_nn_give(nn, side.x);
    if (!keeps && !overwrites)
        tb_nn_give(nn, p->x);
    *p = out;
}
