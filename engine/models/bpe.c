#include "engine/models/bpe.h"

#include <stdbool.h>
#include <stdlib.h>

/* A pair that may be merged: the symbol at `at` with the one after it. It is stale when that pair
 * no longer makes `merged`. */
typedef struct {
    uint32_t rank, at;
    int32_t merged;
} candidate;

typedef struct {
    int32_t token; /* NONE: merged into the one before */
    int32_t previous, next;
} symbol;

enum { NONE = -1 };

struct tb_bpe_space {
    symbol *symbols;       /* owned [max_bytes] */
    candidate *candidates; /* owned [3 * max_bytes]: a heap, lowest rank and then place on top */
    size_t n_candidates;
};

/* ---- the list of merges ---------------------------------------------------------------------- */

static int compare_pairs(int32_t left_a, int32_t right_a, int32_t left_b, int32_t right_b)
{
    if (left_a != left_b)
        return left_a < left_b ? -1 : 1;
    return (right_a > right_b) - (right_a < right_b);
}

static int compare_merges(const void *a, const void *b)
{
    const tb_bpe_merge *x = a, *y = b;
    int by_pair = compare_pairs(x->left, x->right, y->left, y->right);
    return by_pair != 0 ? by_pair : (x->rank > y->rank) - (x->rank < y->rank);
}

int64_t tb_bpe_sort(tb_bpe *bpe)
{
    if (bpe->n_merges > 0)
        qsort(bpe->merges, bpe->n_merges, sizeof *bpe->merges, compare_merges);
    for (size_t i = 1; i < bpe->n_merges; i++) {
        const tb_bpe_merge *a = &bpe->merges[i - 1], *b = &bpe->merges[i];
        if (compare_pairs(a->left, a->right, b->left, b->right) == 0)
            return b->rank;
    }
    return NONE;
}

void tb_bpe_deinit(tb_bpe *bpe)
{
    free(bpe->merges);
    *bpe = (tb_bpe){0};
}

static const tb_bpe_merge *find(const tb_bpe *bpe, int32_t left, int32_t right)
{
    size_t low = 0, high = bpe->n_merges;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const tb_bpe_merge *m = &bpe->merges[middle];
        int order = compare_pairs(left, right, m->left, m->right);
        if (order == 0)
            return m;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- room ------------------------------------------------------------------------------------ */

tb_status tb_bpe_space_new(size_t max_bytes, tb_bpe_space **out, tb_error *err)
{
    tb_bpe_space *space = calloc(1, sizeof *space);
    size_t n = 0;
    bool is_sane = !__builtin_mul_overflow(max_bytes + 1, (size_t)3, &n) && n < INT32_MAX;
    if (space != NULL && is_sane) {
        space->symbols = malloc((max_bytes + 1) * sizeof *space->symbols);
        space->candidates = malloc(n * sizeof *space->candidates);
    }
    if (space == NULL || space->symbols == NULL || space->candidates == NULL) {
        tb_bpe_space_free(space);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for words of %zu bytes", max_bytes);
    }
    *out = space;
    return TIMBRE_OK;
}

void tb_bpe_space_free(tb_bpe_space *space)
{
    if (space == NULL)
        return;
    free(space->symbols);
    free(space->candidates);
    free(space);
}

/* ---- the heap -------------------------------------------------------------------------------- */

static bool is_before(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(tb_bpe_space *space, candidate c)
{
    size_t i = space->n_candidates++;
    while (i > 0 && is_before(&c, &space->candidates[(i - 1) / 2])) {
        space->candidates[i] = space->candidates[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    space->candidates[i] = c;
}

static candidate pop(tb_bpe_space *space)
{
    candidate *heap = space->candidates, top = heap[0], last = heap[--space->n_candidates];
    size_t n = space->n_candidates, i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &last))
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

/* ---- a word ---------------------------------------------------------------------------------- */

/* Offer the symbol at `at` and the next one, when the list has them. */
static void offer(const tb_bpe *bpe, tb_bpe_space *space, int32_t at)
{
    const symbol *s = space->symbols;
    if (at == NONE || s[at].next == NONE)
        return;
    const tb_bpe_merge *m = find(bpe, s[at].token, s[s[at].next].token);
    if (m != NULL)
        push(space, (candidate){.rank = m->rank, .at = (uint32_t)at, .merged = m->merged});
}

static bool is_stale(const tb_bpe *bpe, const symbol *s, const candidate *c)
{
    const symbol *left = &s[c->at];
    if (left->token == NONE || left->next == NONE)
        return true;
    const tb_bpe_merge *m = find(bpe, left->token, s[left->next].token);
    return m == NULL || m->merged != c->merged;
}

static void merge(symbol *s, int32_t at, int32_t merged)
{
    int32_t gone = s[at].next, next = s[gone].next;
    s[at].token = merged;
    s[at].next = next;
    s[gone].token = NONE;
    if (next != NONE)
        s[next].previous = at;
}

size_t tb_bpe_encode(const tb_bpe *bpe, tb_bpe_space *space, const uint8_t *word, size_t n_bytes,
                     int32_t *out)
{
    symbol *s = space->symbols;
    int32_t n = (int32_t)n_bytes;
    space->n_candidates = 0;
    for (int32_t i = 0; i < n; i++)
        s[i] = (symbol){.token = i + 1 < n ? bpe->bytes[word[i]] : bpe->last_bytes[word[i]],
                        .previous = i - 1,
                        .next = i + 1 < n ? i + 1 : NONE};
    for (int32_t i = 0; i < n; i++)
        offer(bpe, space, i);
    while (space->n_candidates > 0) {
        candidate c = pop(space);
        if (is_stale(bpe, s, &c))
            continue;
        merge(s, (int32_t)c.at, c.merged);
        offer(bpe, space, s[c.at].previous);
        offer(bpe, space, (int32_t)c.at);
    }
    size_t n_tokens = 0;
    for (int32_t i = 0; i < n && i != NONE; i = s[i].next)
        out[n_tokens++] = s[i].token;
    return n_tokens;
}
