/*
 * JSON that a model brings along, read with a limit, and its members read with theirs. The first
 * failure stays in the reader, so that reading many members needs no ladder of ifs.
 */
#ifndef TB_MODELS_JSON_CONFIG_H
#define TB_MODELS_JSON_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"

/* One object, owned (json_decref). BAD_FILE names file, position and what is wrong; NO_MEMORY. */
TB_MUST_USE tb_status tb_json_config_parse(const char *bytes, size_t len_bytes, const char *what,
                                           json_t **out, tb_error *err);
/* The same of a file. */
TB_MUST_USE tb_status tb_json_config_read(const char *path, json_t **out, tb_error *err);

typedef struct tb_json_reader {
    const json_t *json; /* borrowed; an object */
    const char *what;   /* the file, for errors */
    tb_status status;   /* the first failure */
    tb_error *err;
} tb_json_reader;

/* There is a member of this name and it is not null. */
bool tb_json_has(const tb_json_reader *reader, const char *key);

/* Members, or `fallback` where there is none. A value that is of another type or out of min..max
 * fails, and fallback comes back. */
int tb_json_int(tb_json_reader *reader, const char *key, int min, int max, int fallback);
double tb_json_double(tb_json_reader *reader, const char *key, double min, double max,
                      double fallback);
bool tb_json_bool(tb_json_reader *reader, const char *key, bool fallback);
/* Index of a string among n choices. */
int tb_json_choice(tb_json_reader *reader, const char *key, const char *const *choices, int n,
                   int fallback);
/* The length of a list of 1..max_n. */
int tb_json_length(tb_json_reader *reader, const char *key, int max_n, int fallback);
/* Item i of a list of n, else the member itself, which then is for all i. */
int tb_json_item_int(tb_json_reader *reader, const char *key, int i, int n, int min, int max,
                     int fallback);
/* Index of item i of a list of n strings among choices. */
int tb_json_item_choice(tb_json_reader *reader, const char *key, int i, int n,
                        const char *const *choices, int n_choices, int fallback);

/* A member that, where there is one, must have one of these values (of a list: every item):
 * compact JSON, "|" between them, such as "null|false". */
typedef struct tb_json_must {
    const char *key, *values;
} tb_json_must;
void tb_json_require(tb_json_reader *reader, const tb_json_must *must, size_t n);

/* "'FILE': KEY VALUE REASON" unless there is a failure already. value may be NULL. */
void tb_json_refuse(tb_json_reader *reader, const char *key, const json_t *value, const char *fmt,
                    ...) TB_PRINTF(4, 5);

#endif
