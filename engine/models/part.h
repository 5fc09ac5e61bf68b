/*
 * What the UNet and the autoencoder are built of beside engine/nn: names of parts, an activation
 * that knows its size, and sampling between sizes.
 */
#ifndef TB_MODELS_PART_H
#define TB_MODELS_PART_H

#include "engine/models/layers.h"
#include "engine/nn/conv.h"

typedef struct tb_name {
    char text[128];
} tb_name;

/* For prefixes of layers; what does not fit is cut (a name of the family is below 80 bytes). */
tb_name tb_name_make(const char *fmt, ...) TB_PRINTF(1, 2);

/* n items of `size` bytes, zeroed, owned; NULL after a failure of the loader and for n == 0. */
void *tb_loader_alloc(tb_loader *loader, int n, size_t size);

/* Progress of a forward pass, which a dry run and a cancelled one have none of. */
void tb_part_report(const tb_nn *nn, double fraction);

/* An activation in nn's memory, which whoever holds the picture gives back. */
typedef struct tb_picture {
    float *x; /* [n, h*w, c] */
    int n, h, w, c;
} tb_picture;

static inline int64_t tb_picture_positions(const tb_picture *p)
{
    return (int64_t)p->n * p->h * p->w;
}

/* A picture of the same size with c channels; its values are not set. */
tb_picture tb_picture_take(tb_nn *nn, const tb_picture *like, int c);

/* Replace the picture by conv of it; `keeps`: somebody else still needs the old one. */
void tb_picture_conv(tb_nn *nn, tb_picture *p, const tb_conv *conv, bool keeps);

/* Replace the picture by its nearest neighbours in h * w, twice as large or one less (what an odd
 * size was before it was halved), then by conv of that. */
void tb_picture_upsample(tb_nn *nn, tb_picture *p, int h, int w, const tb_conv *conv);

#endif
