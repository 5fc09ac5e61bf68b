/* Prompts to what the UNet attends to. Both sides of the guidance have as many positions. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"

void tb_conditioning_deinit(tb_conditioning *conditioning)
{
    free(conditioning->key);
    tb_unet_context_free(conditioning->context);
    free(conditioning->embeddings);
    *conditioning = (tb_conditioning){0};
}

/* What the conditioning depends on, beside the model; lengths keep the texts apart. Owned. */
static char *format_key(const tb_riffusion_work *w)
{
    const timbre_request *request = w->job->request;
    const char *prompt = timbre_request_text(request, "prompt");
    const char *negative = timbre_request_text(request, "negative_prompt");
    negative = w->has_guidance ? negative : "";
    return tb_strf("%d %d %s %zu %s %zu %s %s", w->has_guidance,
                   (int)timbre_request_integer(request, "clip_skip"),
                   timbre_request_text(request, "prompt_syntax"), strlen(prompt), prompt,
                   strlen(negative), negative, timbre_request_text(request, "prompt_b"));
}

/* The texts of a take, in the order of their embeddings. */
typedef struct {
    const char *field;
    tb_prompt *prompt;
} text_row;

enum { MAX_TEXTS = 3 };

static int list_texts(tb_riffusion_work *w, text_row rows[MAX_TEXTS])
{
    int n = 0;
    if (w->has_guidance)
        rows[n++] = (text_row){"negative_prompt", &w->negative};
    rows[n++] = (text_row){"prompt", &w->prompt};
    if (w->rework.is_blend)
        rows[n++] = (text_row){"prompt_b", &w->prompt_b};
    return n;
}

/* All to the length of the longest. */
static tb_status tokenize_all(const tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    const timbre_request *request = w->job->request;
    bool is_plain = strcmp(timbre_request_text(request, "prompt_syntax"), "plain") == 0;
    int n_positions = tb_model_text_config(r->model)->n_positions, most = 0;
    text_row rows[MAX_TEXTS];
    int n = list_texts(w, rows);
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < n; i++) {
        st = tb_prompt_tokenize(r->tokenizer, timbre_request_text(request, rows[i].field), is_plain,
                                n_positions, rows[i].prompt, err);
        most = rows[i].prompt->n_chunks > most ? rows[i].prompt->n_chunks : most;
    }
    for (int i = 0; st == TIMBRE_OK && i < n; i++)
        st = tb_prompt_pad(r->tokenizer, rows[i].prompt, most, err);
    return st;
}

tb_status tb_riffusion_tokenize(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    tb_conditioning *c = &r->conditioning;
    char *key = format_key(w);
    if (key == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a prompt");
    bool is_whole = c->key != NULL && (c->context != NULL || c->embeddings != NULL);
    w->is_kept = is_whole && strcmp(c->key, key) == 0;
    if (w->is_kept) {
        tb_logger_write(w->job->log, TIMBRE_LOG_DEBUG, "the texts are those of the take before");
        free(key);
        return TIMBRE_OK;
    }
    tb_conditioning_deinit(c);
    tb_status st = tokenize_all(r, w, err);
    if (st != TIMBRE_OK) {
        free(key);
        return st;
    }
    c->key = key;
    c->n_tokens = w->prompt.n_chunks * w->prompt.n_positions;
    c->n_prompt_tokens = (int)w->prompt.n_tokens;
    c->n_dropped = w->prompt.n_dropped;
    c->n_dropped_negative = w->negative.n_dropped;
    return TIMBRE_OK;
}

typedef struct {
    const tb_text_encoder *encoder;
    text_row texts[MAX_TEXTS];
    int n_texts, clip_skip, width;
    float *out; /* [n_texts, n_chunks * n_positions, width] */
} encoding;

static void encode_all(tb_nn *nn, void *user)
{
    encoding *e = user;
    for (int i = 0; i < e->n_texts; i++) {
        const tb_prompt *p = e->texts[i].prompt;
        float *out = e->out + (size_t)i * (size_t)(p->n_chunks * p->n_positions) * (size_t)e->width;
        tb_text_encoder_forward(nn, e->encoder, p->tokens, p->n_chunks, e->clip_skip, out);
    }
}

static tb_status run_encoder(encoding *e, const tb_job *job, tb_error *err)
{
    tb_nn nn;
    tb_nn_init(&nn, job->kernels, job->pool);
    tb_status st = tb_nn_reserve(&nn, encode_all, e, err);
    if (st == TIMBRE_OK)
        st = tb_nn_run(&nn, encode_all, e, &(tb_progress){.cancel = job->stages->progress.cancel},
                       err);
    tb_nn_deinit(&nn);
    for (int i = 0; st == TIMBRE_OK && i < e->n_texts; i++) {
        const tb_prompt *p = e->texts[i].prompt;
        size_t n = (size_t)(p->n_chunks * p->n_positions) * (size_t)e->width;
        tb_prompt_weigh(p, e->out + (size_t)i * n, e->width);
    }
    return st;
}

tb_status tb_riffusion_check_clip_skip(const tb_riffusion *r, const timbre_request *request,
                                       tb_error *err)
{
    int64_t clip_skip = timbre_request_integer(request, "clip_skip");
    int n_layers = tb_model_text_config(r->model)->n_layers;
    return clip_skip < n_layers
               ? TIMBRE_OK
               : tb_fail(
                     err, TIMBRE_BAD_INPUT,
                     "clip_skip %lld is not from 0 to %d, this model's text encoder has %d layers",
                     (long long)clip_skip, n_layers - 1, n_layers);
}

/* Keys and values are the UNet's work: where memory is short the text encoder goes before it comes.
 */
static tb_status make_context(tb_riffusion *r, tb_riffusion_work *w, encoding *e, tb_error *err)
{
    tb_conditioning *c = &r->conditioning;
    const tb_progress *progress = &w->job->stages->progress;
    tb_progress quiet = {.cancel = progress->cancel};
    tb_status st = tb_riffusion_hold(r, w->job, TB_NETWORK_TEXT, &quiet, err);
    e->encoder = r->encoder;
    if (st == TIMBRE_OK)
        st = run_encoder(e, w->job, err);
    tb_riffusion_pass(r, w, TB_NETWORK_TEXT);
    if (st != TIMBRE_OK || w->rework.is_blend) /* each clip makes its own */
        return st;
    st = tb_riffusion_hold(r, w->job, TB_NETWORK_UNET, progress, err);
    if (st == TIMBRE_OK)
        st = tb_unet_context_new(r->unet, w->job->kernels, w->job->pool, e->out, e->n_texts,
                                 c->n_tokens, &c->context, err);
    return st;
}

static tb_status encode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    encoding e = {.clip_skip = (int)timbre_request_integer(w->job->request, "clip_skip"),
                  .width = tb_model_text_config(r->model)->width};
    e.n_texts = list_texts(w, e.texts);
    e.out = tb_floats_alloc((size_t)e.n_texts * (size_t)r->conditioning.n_tokens * (size_t)e.width);
    tb_status st = e.out == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the text's embeddings")
                       : make_context(r, w, &e, err);
    if (st == TIMBRE_OK && w->rework.is_blend) {
        r->conditioning.embeddings = e.out;
        e.out = NULL;
    }
    free(e.out);
    return st;
}

tb_status tb_riffusion_encode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    if (w->is_kept)
        return TIMBRE_OK;
    tb_status st = encode(r, w, err);
    if (st != TIMBRE_OK) /* half of it is nothing */
        tb_conditioning_deinit(&r->conditioning);
    return st;
}

/* e = A + alpha (B - A), as torch.lerp's plain formula. */
static void lerp(float *out, const float *a, const float *b, float alpha, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] + alpha * (b[i] - a[i]);
}

tb_status tb_riffusion_blend_texts(tb_riffusion *r, const tb_riffusion_work *w, int clip,
                                   tb_error *err)
{
    tb_conditioning *c = &r->conditioning;
    if (!w->rework.is_blend)
        return TIMBRE_OK;
    int n_sides = w->has_guidance ? 2 : 1;
    size_t n = (size_t)c->n_tokens * (size_t)tb_model_text_config(r->model)->width;
    const float *a = c->embeddings + (size_t)(n_sides - 1) * n;
    float *texts = tb_floats_alloc((size_t)n_sides * n);
    if (texts == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the text's embeddings");
    memcpy(texts, c->embeddings, (size_t)(n_sides - 1) * n * sizeof *texts);
    lerp(texts + (size_t)(n_sides - 1) * n, a, a + n,
         (float)tb_rework_alpha(w->job->request, &w->rework, clip), n);
    tb_unet_context_free(c->context);
    c->context = NULL;
    tb_status st = tb_unet_context_new(r->unet, w->job->kernels, w->job->pool, texts, n_sides,
                                       c->n_tokens, &c->context, err);
    free(texts);
    return st;
}
