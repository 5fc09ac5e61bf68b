/* A prompt as the text encoder reads it: chunks of tokens, each between its own bos and eos, with a
 * weight for every position; and what the weights do to the embeddings. */
#include "engine/models/prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens of all pieces as far as they fit, without bos and eos. */
typedef struct {
    int32_t *tokens; /* owned [max_tokens] */
    float *weights;  /* owned [max_tokens] */
    size_t n, max_tokens, n_dropped;
    bool has_weights;
} line;

static tb_status line_init(line *l, size_t max_tokens, tb_error *err)
{
    *l = (line){.max_tokens = max_tokens};
    l->tokens = malloc(max_tokens * sizeof *l->tokens);
    l->weights = malloc(max_tokens * sizeof *l->weights);
    if (l->tokens == NULL || l->weights == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu tokens", max_tokens);
    return TIMBRE_OK;
}

static void line_deinit(line *l)
{
    free(l->tokens);
    free(l->weights);
}

static tb_status add_piece(const tb_tokenizer *tokenizer, const tb_prompt_piece *piece, line *l,
                           tb_error *err)
{
    int32_t *tokens = NULL;
    size_t n = 0;
    tb_status st = tb_tokenizer_encode(tokenizer, piece->text, strlen(piece->text), &tokens, &n,
                                       err);
    if (st != TIMBRE_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        if (l->n == l->max_tokens) {
            l->n_dropped += n - i;
            break;
        }
        l->tokens[l->n] = tokens[i];
        l->weights[l->n++] = (float)piece->weight;
        l->has_weights |= piece->weight != 1;
    }
    free(tokens);
    return TIMBRE_OK;
}

static tb_status add_pieces(const tb_tokenizer *tokenizer, const char *text, line *l, tb_error *err)
{
    tb_prompt_piece *pieces = NULL;
    size_t n = 0;
    tb_status st = tb_prompt_parse(text, &pieces, &n, err);
    for (size_t i = 0; i < n && st == TIMBRE_OK; i++)
        st = add_piece(tokenizer, &pieces[i], l, err);
    tb_prompt_pieces_free(pieces, n);
    return st;
}

/* Chunk i of the prompt: l's tokens from i * (n_positions - 2) on, as far as there are any. */
static void fill_chunk(const tb_tokenizer *tokenizer, const line *l, tb_prompt *p, int i)
{
    size_t n_positions = (size_t)p->n_positions, n = n_positions - 2, from = (size_t)i * n;
    int32_t *tokens = p->tokens + (size_t)i * n_positions;
    float *weights = p->weights + (size_t)i * n_positions;
    size_t left = l->n < from ? 0 : l->n - from;
    if (left < n)
        n = left;
    for (size_t k = 0; k < n_positions; k++) {
        bool is_token = k >= 1 && k <= n;
        tokens[k] = is_token ? l->tokens[from + k - 1] : tb_tokenizer_pad(tokenizer);
        weights[k] = is_token ? l->weights[from + k - 1] : 1;
    }
    tokens[0] = tb_tokenizer_bos(tokenizer);
    tokens[n + 1] = tb_tokenizer_eos(tokenizer);
}

/* Room for n_chunks; what is there stays. */
static tb_status grow(tb_prompt *p, int n_chunks, tb_error *err)
{
    size_t n = (size_t)n_chunks * (size_t)p->n_positions;
    int32_t *tokens = realloc(p->tokens, n * sizeof *tokens);
    if (tokens != NULL)
        p->tokens = tokens;
    float *weights = tokens == NULL ? NULL : realloc(p->weights, n * sizeof *weights);
    if (weights == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu tokens", n);
    p->weights = weights;
    return TIMBRE_OK;
}

static tb_status make_chunks(const tb_tokenizer *tokenizer, const line *l, tb_prompt *out,
                             tb_error *err)
{
    size_t n = (size_t)out->n_positions - 2;
    int n_chunks = l->n == 0 ? 1 : (int)((l->n - 1) / n + 1);
    tb_status st = grow(out, n_chunks, err);
    if (st != TIMBRE_OK)
        return st;
    out->n_chunks = n_chunks;
    out->has_weights = l->has_weights;
    out->n_tokens = l->n;
    out->n_dropped = l->n_dropped;
    for (int i = 0; i < n_chunks; i++)
        fill_chunk(tokenizer, l, out, i);
    return TIMBRE_OK;
}

tb_status tb_prompt_tokenize(const tb_tokenizer *tokenizer, const char *text, bool is_plain,
                             int n_positions, tb_prompt *out, tb_error *err)
{
    *out = (tb_prompt){.n_positions = n_positions};
    if (n_positions < 3 || n_positions > TB_TEXT_MAX_POSITIONS)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%d positions of a text are not 3 to %d", n_positions,
                       TB_TEXT_MAX_POSITIONS);
    line l;
    tb_status st = line_init(&l, TB_PROMPT_MAX_CHUNKS * ((size_t)n_positions - 2), err);
    if (st == TIMBRE_OK && is_plain)
        st = add_piece(tokenizer, &(tb_prompt_piece){.text = (char *)text, .weight = 1}, &l, err);
    else if (st == TIMBRE_OK)
        st = add_pieces(tokenizer, text, &l, err);
    if (st == TIMBRE_OK)
        st = make_chunks(tokenizer, &l, out, err);
    line_deinit(&l);
    if (st != TIMBRE_OK)
        tb_prompt_deinit(out);
    return st;
}

tb_status tb_prompt_pad(const tb_tokenizer *tokenizer, tb_prompt *prompt, int n_chunks,
                        tb_error *err)
{
    if (n_chunks > TB_PROMPT_MAX_CHUNKS)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%d chunks of a prompt exceed %d", n_chunks,
                       TB_PROMPT_MAX_CHUNKS);
    if (n_chunks <= prompt->n_chunks)
        return TIMBRE_OK;
    tb_status st = grow(prompt, n_chunks, err);
    for (; st == TIMBRE_OK && prompt->n_chunks < n_chunks; prompt->n_chunks++)
        fill_chunk(tokenizer, &(line){0}, prompt, prompt->n_chunks);
    return st;
}

void tb_prompt_deinit(tb_prompt *prompt)
{
    free(prompt->tokens);
    free(prompt->weights);
    *prompt = (tb_prompt){0};
}

void tb_prompt_weigh(const tb_prompt *prompt, float *embeddings, int width)
{
    if (!prompt->has_weights)
        return;
    size_t n = (size_t)prompt->n_chunks * (size_t)prompt->n_positions, n_width = (size_t)width;
    double before = 0, after = 0; /* sums of as many values: their quotient is that of the means */
    for (size_t i = 0; i < n; i++) {
        for (float *x = embeddings + i * n_width, *end = x + n_width; x < end; x++) {
            before += (double)*x;
            *x *= prompt->weights[i];
            after += (double)*x;
        }
    }
    float scale = (float)(before / after);
    if (!isfinite(scale)) /* the mean is 0 now */
        return;
    for (size_t i = 0; i < n * n_width; i++)
        embeddings[i] *= scale;
}
