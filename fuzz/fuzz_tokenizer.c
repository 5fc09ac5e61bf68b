/*
 * Fuzzes the readers of a vocabulary, and what they make of a text and of a prompt. The input is
 * vocab.json, merges.txt, special_tokens_map.json and a text, with a NUL between them; without a
 * special_tokens_map.json (nothing between two NULs) there is none.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/clip_text.h"
#include "engine/models/prompt.h"
#include "engine/models/tokenizer_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

enum { N_PARTS = 4, N_POSITIONS = 9 };

/* The next part of the input as an owned copy; *at moves behind it. */
static tb_tokenizer_file take_part(const uint8_t *data, size_t len_bytes, size_t *at)
{
    const uint8_t *end = *at < len_bytes ? memchr(data + *at, '\0', len_bytes - *at) : NULL;
    size_t len = end != NULL ? (size_t)(end - data) - *at : len_bytes - *at;
    tb_tokenizer_file part = {.name = "file", .bytes = malloc(len + 1), .len_bytes = len};
    if (part.bytes == NULL)
        abort();
    if (len > 0)
        memcpy(part.bytes, data + *at, len);
    part.bytes[len] = '\0';
    *at += len + (end != NULL);
    return part;
}

static void check_tokens(const tb_tokenizer *t, const int32_t *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert(tokens[i] >= 0 && tokens[i] < tb_tokenizer_vocab_size(t));
}

static void read_text(const tb_tokenizer *t, const char *text, size_t len_bytes)
{
    int32_t *tokens = NULL;
    size_t n = 0;
    if (tb_tokenizer_encode(t, text, len_bytes, &tokens, &n, NULL) == TIMBRE_OK)
        check_tokens(t, tokens, n);
    free(tokens);
    tb_prompt prompt = {0};
    if (tb_prompt_tokenize(t, text, false, N_POSITIONS, &prompt, NULL) == TIMBRE_OK &&
        tb_prompt_pad(t, &prompt, TB_PROMPT_MAX_CHUNKS, NULL) == TIMBRE_OK) {
        float embeddings[TB_PROMPT_MAX_CHUNKS * N_POSITIONS] = {1, 2, 3};
        assert(prompt.n_chunks == TB_PROMPT_MAX_CHUNKS);
        check_tokens(t, prompt.tokens, sizeof embeddings / sizeof embeddings[0]);
        tb_prompt_weigh(&prompt, embeddings, 1);
    }
    tb_prompt_deinit(&prompt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    tb_tokenizer_file parts[N_PARTS];
    size_t at = 0;
    for (int i = 0; i < N_PARTS; i++)
        parts[i] = take_part(data, len_bytes, &at);
    tb_tokenizer_files files = {.vocab = parts[0], .merges = parts[1], .special = parts[2]};
    if (parts[2].len_bytes == 0)
        files.special.bytes = NULL;
    tb_tokenizer *t = NULL;
    tb_error err = {0};
    if (tb_tokenizer_new(&files, &t, &err) == TIMBRE_OK)
        read_text(t, parts[3].bytes, parts[3].len_bytes);
    else
        assert(err.message[0] != '\0' && t == NULL);
    tb_tokenizer_free(t);
    for (int i = 0; i < N_PARTS; i++)
        free(parts[i].bytes);
    return 0;
}
