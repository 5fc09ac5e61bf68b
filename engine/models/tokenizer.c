#include "engine/models/tokenizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/base/file.h"
#include "engine/base/str.h"
#include "engine/models/bpe.h"
#include "engine/models/clip_text.h"
#include "engine/models/tokenizer_files.h"

enum { MAX_SPECIALS = 3 };

static const char bos_text[] = "<|startoftext|>";
static const char eos_text[] = "<|endoftext|>";

typedef struct {
    int32_t token;
    tb_clip_text text; /* as it is found in a text of normal form */
} special;

struct tb_tokenizer {
    tb_bpe bpe;
    int vocab_size;
    int32_t bos, eos, pad;
    special specials[MAX_SPECIALS];
    int n_specials;
};

/* ---- loading --------------------------------------------------------------------------------- */

/* A token that stands for itself wherever a text spells it in normal form. (transformers looks for
 * a pad token that is given without flags in the text as it came: the same for <|endoftext|> and !,
 * the two that models of this family have.) */
static tb_status add_special(tb_tokenizer *t, const tb_tokenizer_files *files, const json_t *vocab,
                             const char *name, int32_t *token, tb_error *err)
{
    *token = tb_vocab_find(vocab, name);
    if (*token < 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' lacks the special token '%s'", files->vocab.name,
                       name);
    for (int i = 0; i < t->n_specials; i++)
        if (t->specials[i].token == *token)
            return TIMBRE_OK;
    special *s = &t->specials[t->n_specials++];
    s->token = *token;
    return tb_clip_text_init(&s->text, name, strlen(name), err);
}

/* transformers lets special_tokens_map.json have the last word; nothing said: as eos. */
static tb_status add_pad(tb_tokenizer *t, const tb_tokenizer_files *files, const json_t *vocab,
                         tb_error *err)
{
    char *name = NULL;
    tb_status st = tb_pad_read(&files->special, vocab, &name, err);
    if (st == TIMBRE_OK && name == NULL)
        st = tb_pad_read(&files->config, vocab, &name, err);
    if (st == TIMBRE_OK)
        st = add_special(t, files, vocab, name == NULL ? eos_text : name, &t->pad, err);
    free(name);
    return st;
}

static tb_status fill(tb_tokenizer *t, tb_tokenizer_files *files, tb_error *err)
{
    json_t *vocab = NULL;
    tb_status st = tb_vocab_read(&files->vocab, &vocab, err);
    if (st != TIMBRE_OK)
        return st;
    t->vocab_size = (int)json_object_size(vocab);
    st = add_special(t, files, vocab, bos_text, &t->bos, err);
    if (st == TIMBRE_OK)
        st = add_special(t, files, vocab, eos_text, &t->eos, err);
    if (st == TIMBRE_OK)
        st = add_pad(t, files, vocab, err);
    if (st == TIMBRE_OK) /* eos is CLIP's unknown token too */
        st = tb_merges_read(&files->merges, vocab, t->eos, &t->bpe, err);
    json_decref(vocab);
    return st;
}

tb_status tb_tokenizer_new(tb_tokenizer_files *files, tb_tokenizer **out, tb_error *err)
{
    tb_tokenizer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a tokenizer");
    tb_status st = fill(t, files, err);
    if (st == TIMBRE_OK)
        *out = t;
    else
        tb_tokenizer_free(t);
    return st;
}

/* *path names the file in messages; owned by the caller. */
static tb_status read_file(const char *folder, const char *name, bool is_needed, char **path,
                           tb_tokenizer_file *file, tb_error *err)
{
    *path = tb_strf("%s/%s", folder, name);
    if (*path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    file->name = *path;
    tb_error why = {0};
    tb_status st = tb_file_read(*path, TB_VOCAB_MAX_BYTES, &file->bytes, &file->len_bytes, &why);
    if (st == TIMBRE_NOT_FOUND && !is_needed)
        return TIMBRE_OK;
    if (st == TIMBRE_NOT_FOUND) {
        st = tb_fail(err, TIMBRE_MODEL_MISSING, "no vocabulary: there is no '%s'", *path);
        tb_fix(err, "give a folder that has vocab.json and merges.txt with --tokenizer");
    } else if (st != TIMBRE_OK && err != NULL) {
        *err = why;
    }
    return st;
}

tb_status tb_tokenizer_open(const char *folder, tb_tokenizer **out, tb_error *err)
{
    tb_tokenizer_files files = {0};
    char *paths[4] = {0};
    const struct {
        const char *name;
        bool is_needed;
        tb_tokenizer_file *file;
    } list[4] = {{"vocab.json", true, &files.vocab},
                 {"merges.txt", true, &files.merges},
                 {"special_tokens_map.json", false, &files.special},
                 {"tokenizer_config.json", false, &files.config}};
    tb_status st = TIMBRE_OK;
    for (int i = 0; i < 4 && st == TIMBRE_OK; i++)
        st = read_file(folder, list[i].name, list[i].is_needed, &paths[i], list[i].file, err);
    if (st == TIMBRE_OK)
        st = tb_tokenizer_new(&files, out, err);
    for (int i = 0; i < 4; i++) {
        free(list[i].file->bytes);
        free(paths[i]);
    }
    return st;
}

void tb_tokenizer_free(tb_tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    for (int i = 0; i < tokenizer->n_specials; i++)
        tb_clip_text_deinit(&tokenizer->specials[i].text);
    tb_bpe_deinit(&tokenizer->bpe);
    free(tokenizer);
}

int tb_tokenizer_vocab_size(const tb_tokenizer *tokenizer)
{
    return tokenizer->vocab_size;
}

int32_t tb_tokenizer_bos(const tb_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t tb_tokenizer_eos(const tb_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

int32_t tb_tokenizer_pad(const tb_tokenizer *tokenizer)
{
    return tokenizer->pad;
}

/* ---- encoding -------------------------------------------------------------------------------- */

typedef struct {
    const tb_tokenizer *tokenizer;
    tb_bpe_space *space; /* owned */
    uint8_t *word;       /* owned [bytes of the text] */
    int32_t *tokens;     /* owned [bytes of the text + 1]: a token takes a byte or more */
    size_t n_tokens;
} encoder;

/* The longest special token that codes[0, n) begins with, or NULL. */
static const special *special_at(const tb_tokenizer *t, const int32_t *codes, size_t n)
{
    const special *longest = NULL;
    for (int i = 0; i < t->n_specials; i++) {
        const tb_clip_text *text = &t->specials[i].text;
        if (text->n > n || memcmp(text->codes, codes, text->n * sizeof *codes) != 0)
            continue;
        if (longest == NULL || text->n > longest->text.n)
            longest = &t->specials[i];
    }
    return longest;
}

static void encode_word(encoder *e, const int32_t *codes, size_t n)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < n; i++)
        n_bytes += (size_t)utf8proc_encode_char(codes[i], e->word + n_bytes);
    e->n_tokens += tb_bpe_encode(&e->tokenizer->bpe, e->space, e->word, n_bytes,
                                 e->tokens + e->n_tokens);
}

/* Text without special tokens. */
static void encode_part(encoder *e, const int32_t *codes, size_t n)
{
    size_t begin = 0;
    for (;;) {
        size_t end = tb_clip_text_piece(codes, &begin, n);
        if (begin == end)
            return;
        encode_word(e, codes + begin, end - begin);
        begin = end;
    }
}

static void encode_all(encoder *e, const tb_clip_text *text)
{
    size_t begin = 0;
    for (size_t at = 0; at < text->n;) {
        const special *found = special_at(e->tokenizer, text->codes + at, text->n - at);
        if (found == NULL) {
            at++;
            continue;
        }
        encode_part(e, text->codes + begin, at - begin);
        e->tokens[e->n_tokens++] = found->token;
        at += found->text.n;
        begin = at;
    }
    encode_part(e, text->codes + begin, text->n - begin);
}

static tb_status begin(encoder *e, const tb_clip_text *text, tb_error *err)
{
    size_t n = text->n_bytes + 4; /* never nothing; utf8proc may write four bytes at a time */
    e->word = malloc(n);
    e->tokens = malloc(n * sizeof *e->tokens);
    if (e->word == NULL || e->tokens == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu tokens", n);
    return tb_bpe_space_new(n, &e->space, err);
}

tb_status tb_tokenizer_encode(const tb_tokenizer *tokenizer, const char *text, size_t len_bytes,
                              int32_t **tokens, size_t *n, tb_error *err)
{
    encoder e = {.tokenizer = tokenizer};
    tb_clip_text normal = {0};
    tb_status st = tb_clip_text_init(&normal, text, len_bytes, err);
    if (st == TIMBRE_OK)
        st = begin(&e, &normal, err);
    if (st == TIMBRE_OK) {
        encode_all(&e, &normal);
        *tokens = e.tokens;
        *n = e.n_tokens;
        e.tokens = NULL;
    }
    tb_clip_text_deinit(&normal);
    tb_bpe_space_free(e.space);
    free(e.word);
    free(e.tokens);
    return st;
}
