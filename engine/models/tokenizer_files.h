/*
 * The files of a CLIP vocabulary, read and checked as untrusted: vocab.json (token -> number),
 * merges.txt (pairs, the most frequent first) and two that may name the pad token.
 */
#ifndef TB_MODELS_TOKENIZER_FILES_H
#define TB_MODELS_TOKENIZER_FILES_H

#include <jansson.h>
#include <stddef.h>

#include "engine/base/limits.h"
#include "engine/models/bpe.h"
#include "engine/models/tokenizer.h"

typedef struct tb_tokenizer_file {
    const char *name; /* for messages; borrowed */
    char *bytes;      /* with a NUL after the end; NULL: there is none */
    size_t len_bytes;
} tb_tokenizer_file;

typedef struct tb_tokenizer_files {
    tb_tokenizer_file vocab, merges;   /* merges is cut into words */
    tb_tokenizer_file special, config; /* special_tokens_map.json, tokenizer_config.json */
} tb_tokenizer_files;

/* Borrows the files for the call. Returns owned. */
TB_MUST_USE tb_status tb_tokenizer_new(tb_tokenizer_files *files, tb_tokenizer **out,
                                       tb_error *err);

/* Name to number; an object that holds 0 to n-1 once each. Returns owned (json_decref). */
TB_MUST_USE tb_status tb_vocab_read(const tb_tokenizer_file *file, json_t **vocab, tb_error *err);
/* Number of a token, or -1. */
int32_t tb_vocab_find(const json_t *vocab, const char *token);

/* Bytes and merges of *bpe, as numbers; a byte that has no token becomes `unknown`. The caller
 * deinits *bpe, also after an error. */
TB_MUST_USE tb_status tb_merges_read(tb_tokenizer_file *file, const json_t *vocab, int32_t unknown,
                                     tb_bpe *bpe, tb_error *err);

/* The pad token that a file names, one of the vocabulary, owned by the caller; NULL where it names
 * none. */
TB_MUST_USE tb_status tb_pad_read(const tb_tokenizer_file *file, const json_t *vocab, char **pad,
                                  tb_error *err);

#endif
