/*
 * Look-up in a lexicon: a hash table for exact keys, a walk over all keys for typos.
 */
#include "engine/sketch/lexicon.h"

#include <assert.h>
#include <string.h>

static uint32_t hash(const char *s, size_t len)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

int32_t *tb_lexicon_slot(const tb_lexicon *lexicon, const char *text, size_t len_bytes)
{
    uint32_t i = hash(text, len_bytes) & (lexicon->n_slots - 1);
    while (lexicon->slots[i] != 0) {
        const tb_lexicon_key *key = &lexicon->keys[lexicon->slots[i] - 1];
        if ((size_t)key->len_bytes == len_bytes && memcmp(key->text, text, len_bytes) == 0)
            break;
        i = (i + 1) & (lexicon->n_slots - 1);
    }
    return &lexicon->slots[i];
}

const tb_lexicon_key *tb_lexicon_find(const tb_lexicon *lexicon, const char *text, size_t len_bytes)
{
    int32_t index = *tb_lexicon_slot(lexicon, text, len_bytes);
    return index == 0 ? NULL : &lexicon->keys[index - 1];
}

/* Whether a and b, of which neither is a prefix match of the other, are one edit apart: skip the
 * common beginning, then allow one edit and demand equal ends. */
static bool is_one_edit(const char *a, size_t n, const char *b, size_t m)
{
    size_t i = 0;
    while (i < n && i < m && a[i] == b[i])
        i++;
    const char *x = a + i, *y = b + i;
    size_t left_a = n - i, left_b = m - i;
    if (n == m + 1)
        return memcmp(x + 1, y, left_b) == 0;
    if (m == n + 1)
        return memcmp(x, y + 1, left_a) == 0;
    if (n != m || left_a == 0)
        return false;
    if (memcmp(x + 1, y + 1, left_a - 1) == 0)
        return true;
    return left_a >= 2 && x[0] == y[1] && x[1] == y[0] && memcmp(x + 2, y + 2, left_a - 2) == 0;
}

const char *tb_lexicon_correct(const tb_lexicon *lexicon, const char *word)
{
    enum { MIN_LETTERS = 5 };
    assert(lexicon->n_keys == 0 || lexicon->keys != NULL);
    size_t len = strlen(word);
    const char *second_best = NULL;
    if (len + 1 < MIN_LETTERS || (word[0] >= '0' && word[0] <= '9') ||
        tb_lexicon_find(lexicon, word, len) != NULL)
        return word;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)word[i] >= 0x80) /* a letter there is several bytes */
            return word;
    for (int i = 0; i < lexicon->n_keys; i++) {
        const tb_lexicon_key *key = &lexicon->keys[i];
        if (key->len_bytes < MIN_LETTERS || (second_best != NULL && key->entry < 0) ||
            !is_one_edit(word, len, key->text, (size_t)key->len_bytes))
            continue;
        if (key->entry >= 0)
            return key->text;
        second_best = key->text;
    }
    return second_best != NULL ? second_best : word;
}
