#include <stdlib.h>

#include "engine/models/unet_inside.h"

/* Places of keys and values in one piece of memory; base NULL: only how many floats there are. */
static bool place(tb_unet_context *context, const tb_unet *unet, const float *base,
                  size_t *n_floats)
{
    size_t at = 0;
    for (int i = 0; i < context->n_layers; i++) {
        size_t n = (size_t)context->n, next;
        if (__builtin_mul_overflow(n, (size_t)context->n_tokens, &n) ||
            __builtin_mul_overflow(n, (size_t)unet->transformers[i].channels, &n) ||
            __builtin_add_overflow(n, n, &next) || __builtin_add_overflow(at, next, &next) ||
            next > SIZE_MAX / sizeof *base)
            return false;
        context->layers[i].n_tokens = context->n_tokens;
        if (base != NULL) {
            context->layers[i].keys = base + at;
            context->layers[i].values = base + at + n;
        }
        at = next;
    }
    *n_floats = at;
    return true;
}

tb_status tb_unet_context_shape(const tb_unet *unet, int n, int n_tokens, tb_unet_context **out,
                                tb_error *err)
{
    *out = NULL;
    if (n < 1 || n_tokens < 1)
        return tb_fail(err, TIMBRE_BAD_INPUT, "a context of %d texts of %d tokens", n, n_tokens);
    tb_unet_context *context = calloc(1, sizeof *context);
    tb_cross_attention *layers = calloc((size_t)unet->n_transformers, sizeof *layers);
    if (context == NULL || layers == NULL) {
        free(context);
        free(layers);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the texts of %d layers",
                       unet->n_transformers);
    }
    *context = (tb_unet_context){
        .n = n, .n_tokens = n_tokens, .n_layers = unet->n_transformers, .layers = layers};
    size_t n_floats;
    if (!place(context, unet, NULL, &n_floats)) {
        tb_unet_context_free(context);
        return tb_fail(err, TIMBRE_BAD_INPUT, "a context of %d texts of %d tokens is too large", n,
                       n_tokens);
    }
    *out = context;
    return TIMBRE_OK;
}

size_t tb_unet_context_bytes(const tb_unet *unet, const tb_unet_context *context)
{
    tb_unet_context copy = *context; /* its layers are written as they are */
    size_t n_floats = 0;
    (void)place(&copy, unet, NULL, &n_floats);
    return n_floats * sizeof(float);
}

typedef struct context_work {
    const tb_unet *unet;
    const tb_unet_context *context;
    const float *texts;
} context_work;

static void project(tb_nn *nn, void *user)
{
    const context_work *work = user;
    int64_t rows = (int64_t)work->context->n * work->context->n_tokens;
    size_t at = 0;
    for (int i = 0; i < work->context->n_layers; i++) {
        const tb_transformer *t = &work->unet->transformers[i];
        size_t n_floats = (size_t)rows * (size_t)t->channels;
        tb_linear(nn, work->context->floats + at, work->texts, rows, &t->k2, NULL);
        tb_linear(nn, work->context->floats + at + n_floats, work->texts, rows, &t->v2, NULL);
        at += 2 * n_floats;
    }
}

tb_status tb_unet_context_new(const tb_unet *unet, const tb_kernels *kernels, tb_pool *pool,
                              const float *context, int n, int n_tokens, tb_unet_context **out,
                              tb_error *err)
{
    tb_nn nn;
    tb_unet_context *c = NULL;
    size_t n_floats = 0;
    tb_nn_init(&nn, kernels, pool);
    *out = NULL;
    tb_status status = tb_unet_context_shape(unet, n, n_tokens, &c, err);
    if (status != TIMBRE_OK)
        goto done;
    place(c, unet, NULL, &n_floats);
    c->floats = tb_floats_alloc(n_floats);
    if (c->floats == NULL) {
        status = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the texts: %zu bytes",
                         sizeof *c->floats * n_floats);
        goto done;
    }
    place(c, unet, c->floats, &n_floats);
    context_work work = {unet, c, context};
    status = tb_nn_reserve(&nn, project, &work, err);
    if (status == TIMBRE_OK)
        status = tb_nn_run(&nn, project, &work, NULL, err);
done:
    tb_nn_deinit(&nn);
    if (status == TIMBRE_OK)
        *out = c;
    else
        tb_unet_context_free(c);
    return status;
}

void tb_unet_context_free(tb_unet_context *context)
{
    if (context == NULL)
        return;
    free(context->layers);
    free(context->floats);
    free(context);
}
