/*
 * Fuzzes the prompt reader. The input is a prompt, and after the first newline a negative prompt;
 * like every caller, the target first refuses what is no text or too long.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/utf8.h"
#include "engine/sketch/prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

static char *copy_part(const char *from, size_t len_bytes)
{
    char *text = malloc(len_bytes + 1);
    if (text == NULL)
        abort();
    memcpy(text, from, len_bytes);
    text[len_bytes] = '\0';
    return text;
}

static void check_list(int n, const char *item, size_t stride)
{
    assert(n >= 0 && n <= TB_BRIEF_MAX_WORDS);
    for (int i = 0; i < n; i++, item += stride) {
        size_t len = strnlen(item, 40);
        assert(len < 40 && tb_utf8_check(item, len) == len);
    }
}

static void check_brief(const tb_brief *b)
{
    assert(b->style >= -1 && b->style < TB_STYLE_COUNT);
    assert(b->mode >= -1 && b->mode < TB_MODE_COUNT);
    assert(b->key_root >= -1 && b->key_root < 12);
    assert(b->tempo_bpm == 0 || (b->tempo_bpm >= 30 && b->tempo_bpm <= 300));
    assert(b->tempo_bias >= -1 && b->tempo_bias <= 1);
    assert(b->energy == -1 || (b->energy >= 0 && b->energy <= 1));
    assert(b->brightness == -1 || (b->brightness >= 0 && b->brightness <= 1));
    assert(b->n_instruments >= 0 && b->n_instruments <= TB_BRIEF_MAX_INSTRUMENTS);
    for (int i = 0; i < TB_TEXTURE_COUNT; i++)
        assert(b->texture_level[i] >= 0 && b->texture_level[i] <= 1.5);
    check_list(b->n_understood, b->understood[0].word, sizeof b->understood[0]);
    check_list(b->n_understood, b->understood[0].meaning, sizeof b->understood[0]);
    check_list(b->n_unknown, b->unknown[0], sizeof b->unknown[0]);
}

static void read_both(const tb_lexicon *lexicon, const char *prompt, size_t n, const char *negative,
                      size_t m)
{
    tb_brief brief;
    if (tb_utf8_require_text("prompt", prompt, n, TB_PROMPT_MAX_BYTES, NULL) != TIMBRE_OK ||
        tb_utf8_require_text("negative", negative, m, TB_PROMPT_MAX_BYTES, NULL) != TIMBRE_OK)
        return;
    if (tb_prompt_read(lexicon, prompt, negative, &brief, NULL) == TIMBRE_OK)
        check_brief(&brief);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static tb_lexicon *lexicon; /* parsed once: it is read-only */
    if (lexicon == NULL && tb_lexicon_new(&lexicon, NULL) != TIMBRE_OK)
        abort();
    const char *text = len_bytes > 0 ? (const char *)data : "";
    const char *newline = memchr(text, '\n', len_bytes);
    size_t n = newline == NULL ? len_bytes : (size_t)(newline - text);
    size_t m = newline == NULL ? 0 : len_bytes - n - 1;
    char *prompt = copy_part(text, n);
    char *negative = copy_part(newline == NULL ? "" : newline + 1, m);
    read_both(lexicon, prompt, n, negative, m);
    free(prompt);
    free(negative);
    return 0;
}
