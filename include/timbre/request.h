/*
 * A generation request and the one table of its fields. The table drives the command line's flags,
 * the check of HTTP bodies, the settings, the recipe and the documents; nothing about a field is
 * written down twice.
 */
#ifndef TIMBRE_REQUEST_H
#define TIMBRE_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "timbre/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum timbre_field_type {
    TIMBRE_FIELD_TEXT,    /* UTF-8; min and max are bytes */
    TIMBRE_FIELD_INTEGER, /* min and max are values */
    TIMBRE_FIELD_NUMBER,
    TIMBRE_FIELD_BOOLEAN,
    TIMBRE_FIELD_CHOICE, /* one of `choices` */
} timbre_field_type;

/* Backends as a bit mask: which of them use a field. */
enum {
    TIMBRE_BACKEND_SKETCH = 1 << 0,
    TIMBRE_BACKEND_RIFFUSION = 1 << 1,
};

typedef struct timbre_field {
    const char *name; /* on the wire and in the recipe: "duration_seconds" */
    timbre_field_type type;
    double min, max;            /* inclusive */
    const char *default_text;   /* as a flag's value; NULL: none, or decided when resolved */
    const char *const *choices; /* CHOICE: NULL-terminated; else NULL */
    const char *flag;           /* long option without dashes: "length"; NULL: not a flag */
    char short_flag;            /* 'l', or 0 */
    const char *value_name;     /* in help: "SEC"; NULL for BOOLEAN */
    const char *help;           /* one line, lower case, no full stop */
    unsigned backends;          /* TIMBRE_BACKEND_* that use it */
    int is_path;                /* TEXT: may be the path of a file or folder */
    int is_input;               /* TEXT: the id of a sound or picture; see
                                   timbre_request_place_input */
    int accepted_unused; /* clients of the first contract may send it to a backend without it:
                            accepted and listed in extras.unused */
} timbre_field;

/* All fields in wire order. Static storage. */
const timbre_field *timbre_request_fields(size_t *n_fields);

typedef struct timbre_request timbre_request;

/* A request with nothing set. Returns owned (timbre_request_free accepts NULL). */
TIMBRE_MUST_USE timbre_status timbre_request_new(timbre_request **out, timbre_error *err);
void timbre_request_free(timbre_request *request);
TIMBRE_MUST_USE timbre_status timbre_request_copy(const timbre_request *request,
                                                  timbre_request **out, timbre_error *err);

/*
 * Set field `name` from text as a flag or setting gives it ("10", "true", "wav"; seed also
 * "random", which unsets it). Unknown name, wrong type or out of range: BAD_INPUT naming field,
 * value, limit.
 */
TIMBRE_MUST_USE timbre_status timbre_request_set(timbre_request *request, const char *name,
                                                 const char *value, timbre_error *err);

/*
 * Set fields from a JSON object of len_bytes bytes (a request body, or a recipe's "request"). null
 * counts as absent; integers are accepted for numbers; unknown fields, duplicates and wrong types
 * are refused by name. Nothing is changed on failure.
 */
TIMBRE_MUST_USE timbre_status timbre_request_set_json(timbre_request *request, const char *json,
                                                      size_t len_bytes, timbre_error *err);

/*
 * Say where the model called model_id is: a folder or file, and the folder of its vocabulary where
 * it has none of its own (NULL: its own, else the engine's setting). The place is no field: it
 * stands in no recipe. Without one, model_id is itself "sketch" or a path. Setting model_id takes
 * the place back; path NULL does too. Texts are copied.
 */
TIMBRE_MUST_USE timbre_status timbre_request_place_model(timbre_request *request, const char *path,
                                                         const char *tokenizer, timbre_error *err);

/*
 * Say where the file behind an input field (is_input: "init", "mask") is. Its value is then the
 * SHA-256 of the file in hex, which is checked when the file is read; the place is no field and
 * stands in no recipe. Setting the field takes the place back; path NULL does too. BAD_INPUT: no
 * such input field.
 */
TIMBRE_MUST_USE timbre_status timbre_request_place_input(timbre_request *request, const char *name,
                                                         const char *path, timbre_error *err);

/* Say so of every input field whose value is the SHA-256 of a file of that name in `folder`.
 * NOT_FOUND: there is none, naming the field. */
TIMBRE_MUST_USE timbre_status timbre_request_find_inputs(timbre_request *request,
                                                         const char *folder, timbre_error *err);

/* The names that input field `name` knows without a file ("og_beat", ...), NULL behind the last;
 * NULL: it is no input field. Static storage. */
const char *const *timbre_input_names(const char *name);
/* Whether `text` is one of them. */
int timbre_input_has_name(const char *name, const char *text);
/* Whether a text is the SHA-256 of a file: 64 hex digits in lower case. */
int timbre_is_input_id(const char *text);

/* Whether a field has a value. Unknown names: 0. */
int timbre_request_has(const timbre_request *request, const char *name);

/* The request as canonical JSON: fields in table order, unset ones left out, ASCII with \u escapes.
 * Returns owned (free), NULL for memory. */
char *timbre_request_format(const timbre_request *request);

/*
 * Where no output format is asked yet, take it from the ending of the file name `path`. An ending
 * that is no known format, or not the asked one: BAD_INPUT.
 */
TIMBRE_MUST_USE timbre_status timbre_request_match_path(timbre_request *request, const char *path,
                                                        timbre_error *err);

/*
 * Fill in what was not asked: the model, its own defaults (timbre.json of its folder), those of the
 * table, a drawn seed (below 2^32). Then check the whole: a prompt is required; a field that the
 * chosen backend does not use is refused by name. After this the request makes the same sound every
 * time. MODEL_MISSING: there is no such model.
 */
TIMBRE_MUST_USE timbre_status timbre_request_resolve(timbre_request *request, timbre_error *err);

/* Values of a resolved request; text is valid until the request changes. */
const char *timbre_request_text(const timbre_request *request, const char *name);
int64_t timbre_request_integer(const timbre_request *request, const char *name);
double timbre_request_number(const timbre_request *request, const char *name);
int timbre_request_boolean(const timbre_request *request, const char *name);

#ifdef __cplusplus
}
#endif
#endif
