#include "engine/models/part.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

tb_name tb_name_make(const char *fmt, ...)
{
    tb_name name;
    va_list args;
    va_start(args, fmt);
    vsnprintf(name.text, sizeof name.text, fmt, args);
    va_end(args);
    return name;
}

void *tb_loader_alloc(tb_loader *loader, int n, size_t size)
{
    if (loader->status != TIMBRE_OK || n == 0)
        return NULL;
    void *items = calloc((size_t)n, size);
    if (items == NULL)
        loader->status = tb_fail(loader->err, TIMBRE_NO_MEMORY, "no memory for %d layers", n);
    return items;
}

void tb_part_report(const tb_nn *nn, double fraction)
{
    if (!nn->is_dry && !nn->is_stopped)
        tb_progress_report(nn->progress, fraction);
}

tb_picture tb_picture_take(tb_nn *nn, const tb_picture *like, int c)
{
    tb_picture p = *like;
    p.c = c;
    p.x = tb_nn_take(nn, (size_t)tb_picture_positions(&p) * (size_t)c);
    return p;
}

void tb_picture_conv(tb_nn *nn, tb_picture *p, const tb_conv *conv, bool keeps)
{
    tb_picture out = *p;
    out.h = tb_conv_size(conv, p->h);
    out.w = tb_conv_size(conv, p->w);
    out = tb_picture_take(nn, &out, conv->matrix.n_out);
    tb_conv2d(nn, out.x, p->x, p->n, p->h, p->w, conv, NULL);
    if (!keeps)
        tb_nn_give(nn, p->x);
    *p = out;
}

void tb_picture_upsample(tb_nn *nn, tb_picture *p, int h, int w, const tb_conv *conv)
{
    assert((h + 1) / 2 == p->h && (w + 1) / 2 == p->w);
    tb_picture out = *p;
    out.h = tb_conv_size(conv, h);
    out.w = tb_conv_size(conv, w);
    out = tb_picture_take(nn, &out, conv->matrix.n_out);
    tb_conv_run(nn, out.x, &(tb_conv_pictures){p->x, p->n, h, w, true}, conv, NULL);
    tb_nn_give(nn, p->x);
    *p = out;
}
