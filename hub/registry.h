/*
 * The models that Timbre knows by name, from data/models.json inside the program. Only what is
 * known is written there: a file's SHA-256 is a prefix or nothing, and the whole of it is what the
 * Hub says on the first hop, recorded in the manifest.
 */
#ifndef TB_HUB_REGISTRY_H
#define TB_HUB_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TB_KNOWN_FILES_MAX = 24, TB_KNOWN_SOURCES_MAX = 4, TB_KNOWN_MODELS_MAX = 32 };

typedef struct tb_known_file {
    const char *path;          /* in the repository; "seed_images/" is all files of that folder */
    const char *sha256_prefix; /* "": not known */
    int is_optional;           /* the model is whole without it */
} tb_known_file;

/* Files of one repository. */
typedef struct tb_known_source {
    const char *repo;
    tb_known_file files[TB_KNOWN_FILES_MAX];
    size_t n_files;
} tb_known_source;

/* In the order of preference: the first that is installed is the default. */
typedef struct tb_known_model {
    const char *name;  /* "riffusion-v1" */
    const char *title; /* "Riffusion v1, half precision" */
    const char *licence;
    const char *weights;     /* what the engine opens: a file's path in the first source; "": its
                                snapshot as a folder */
    const char *tokenizer;   /* folder of the vocabulary, "tokenizer" in `tokenizer_source`; "": the
                                model's own */
    size_t tokenizer_source; /* index in `sources` */
    int64_t about_bytes;     /* to be fetched, roughly, before the Hub has been asked */
    int64_t memory_bytes, memory_low_bytes; /* a take of 5 s: as it comes, and --memory low */
    double native_seconds;
    tb_known_source sources[TB_KNOWN_SOURCES_MAX];
    size_t n_sources;
} tb_known_model;

/* Static storage; read on first use. NULL with *n == 0 only where the built-in table is damaged. */
const tb_known_model *tb_registry(size_t *n);
/* NULL: not known. */
const tb_known_model *tb_registry_find(const char *name);
/* The nearest name, or NULL. */
const char *tb_registry_suggest(const char *name);

/* ---- licences ---- */

typedef struct tb_licence {
    const char *id;    /* as the Hub spells it: "creativeml-openrail-m" */
    const char *title; /* "CreativeML Open RAIL-M" */
    const char *plain; /* what it asks for, in one sentence; NULL */
    int needs_consent; /* a permissive one does not */
    const char *text;  /* the whole, UTF-8; NULL: not built in */
} tb_licence;

/* What is known of a licence. One that nobody knows ("unknown" too) needs consent and has neither
 * title nor text. `id` is borrowed. */
tb_licence tb_licence_get(const char *id);

#endif
