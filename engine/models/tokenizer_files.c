#include "engine/models/tokenizer_files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/base/str.h"
#include "engine/base/utf8.h"

enum { SHOWN_MAX_BYTES = 64, OTHER_JSON_VALUES = 4096 };

typedef struct {
    char text[SHOWN_MAX_BYTES + 8];
} shown;

/* A token as a message may have it: quoted ASCII, cut. */
static shown show(const char *token)
{
    shown s = {"?"};
    json_t *string = json_stringn(token, strnlen(token, SHOWN_MAX_BYTES)); /* NULL: not UTF-8 */
    char *text = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    if (text != NULL)
        snprintf(s.text, sizeof s.text, "%.*s", SHOWN_MAX_BYTES, text);
    free(text);
    json_decref(string);
    return s;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* jansson makes a value of every item: a file is refused before it has more than max_values. */
static tb_status check_size(const tb_tokenizer_file *file, size_t max_values, tb_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < file->len_bytes; i++)
        n += file->bytes[i] == ',' || file->bytes[i] == '[' || file->bytes[i] == '{';
    if (n > max_values)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' has more than %zu commas and brackets",
                       file->name, max_values);
    return TIMBRE_OK;
}

/* An object; *out is owned by the caller. */
static tb_status read_object(const tb_tokenizer_file *file, size_t max_values, json_t **out,
                             tb_error *err)
{
    tb_status st = check_size(file, max_values, err);
    if (st != TIMBRE_OK)
        return st;
    json_error_t why = {0};
    json_t *json = json_loadb(file->bytes, file->len_bytes, JSON_REJECT_DUPLICATES, &why);
    enum json_error_code code = json == NULL ? json_error_code(&why) : json_error_unknown;
    if (json == NULL && (code == json_error_out_of_memory || code == json_error_unknown))
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for '%s'", file->name);
    if (json == NULL) /* the text of jansson's error quotes the file */
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' line %d, column %d: %s", file->name, why.line,
                       why.column,
                       code == json_error_duplicate_key ? "the same name twice" : "not JSON");
    if (!json_is_object(json)) {
        json_decref(json);
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not a JSON object", file->name);
    }
    *out = json;
    return TIMBRE_OK;
}

static tb_status check_token(const tb_tokenizer_file *file, const char *token, const json_t *value,
                             bool *is_seen, size_t n, tb_error *err)
{
    if (strlen(token) > TB_TOKEN_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s': token %s of %zu bytes exceeds %d bytes",
                       file->name, show(token).text, strlen(token), TB_TOKEN_MAX_BYTES);
    if (!json_is_integer(value))
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s': token %s has no whole number", file->name,
                       show(token).text);
    json_int_t number = json_integer_value(value);
    if (number < 0 || (size_t)number >= n)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "'%s': token %s has number %" JSON_INTEGER_FORMAT " of 0 to %zu, one each",
                       file->name, show(token).text, number, n - 1);
    if (is_seen[number])
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "'%s': token %s has number %" JSON_INTEGER_FORMAT ", as another one",
                       file->name, show(token).text, number);
    is_seen[number] = true;
    return TIMBRE_OK;
}

/* As many different numbers below n as there are tokens: none is missing. */
static tb_status check_numbers(const tb_tokenizer_file *file, json_t *vocab, tb_error *err)
{
    size_t n = json_object_size(vocab);
    if (n == 0 || n > TB_VOCAB_MAX_TOKENS)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' has %zu tokens, not 1 to %d", file->name, n,
                       TB_VOCAB_MAX_TOKENS);
    bool *is_seen = calloc(n, sizeof *is_seen);
    if (is_seen == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu tokens", n);
    tb_status st = TIMBRE_OK;
    const char *token;
    json_t *value;
    json_object_foreach(vocab, token, value)
    {
        st = check_token(file, token, value, is_seen, n, err);
        if (st != TIMBRE_OK)
            break;
    }
    free(is_seen);
    return st;
}

tb_status tb_vocab_read(const tb_tokenizer_file *file, json_t **vocab, tb_error *err)
{
    /* a token may hold two commas or brackets on average beside the one that ends it */
    tb_status st = read_object(file, 3 * (size_t)TB_VOCAB_MAX_TOKENS, vocab, err);
    if (st == TIMBRE_OK)
        st = check_numbers(file, *vocab, err);
    if (st != TIMBRE_OK) {
        json_decref(*vocab);
        *vocab = NULL;
    }
    return st;
}

int32_t tb_vocab_find(const json_t *vocab, const char *token)
{
    const json_t *value = json_object_get(vocab, token);
    return value == NULL ? -1 : (int32_t)json_integer_value(value);
}

static tb_status copy_pad(const tb_tokenizer_file *file, const json_t *vocab, const json_t *value,
                          char **pad, tb_error *err)
{
    if (!json_is_string(value))
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s': pad_token is no text", file->name);
    const char *text = json_string_value(value);
    if (*text == '\0' || tb_vocab_find(vocab, text) < 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s': pad_token %s is not in the vocabulary",
                       file->name, show(text).text);
    *pad = tb_strdup(text);
    return *pad == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a token") : TIMBRE_OK;
}

tb_status tb_pad_read(const tb_tokenizer_file *file, const json_t *vocab, char **pad, tb_error *err)
{
    *pad = NULL;
    if (file->bytes == NULL)
        return TIMBRE_OK;
    json_t *json = NULL;
    tb_status st = read_object(file, OTHER_JSON_VALUES, &json, err);
    if (st != TIMBRE_OK)
        return st;
    const json_t *value = json_object_get(json, "pad_token");
    if (json_is_object(value))
        value = json_object_get(value, "content");
    if (value != NULL && !json_is_null(value))
        st = copy_pad(file, vocab, value, pad, err);
    json_decref(json);
    return st;
}

/* ---- merges.txt ------------------------------------------------------------------------------ */

/* Files spell a byte as a visible character: these ranges as themselves, the others from U+0100. */
static int32_t spelling_of(int byte)
{
    static const int own[][2] = {{33, 126}, {161, 172}, {174, 255}};
    int n_own = 0; /* below `byte` */
    for (int i = 0; i < 3; i++) {
        if (byte >= own[i][0] && byte <= own[i][1])
            return byte;
        if (byte > own[i][1])
            n_own += own[i][1] - own[i][0] + 1;
    }
    return 256 + byte - n_own;
}

static void read_bytes(const json_t *vocab, int32_t unknown, tb_bpe *bpe)
{
    for (int byte = 0; byte < 256; byte++) {
        char name[16] = {0};
        utf8proc_ssize_t len = utf8proc_encode_char(spelling_of(byte), (utf8proc_uint8_t *)name);
        int32_t token = tb_vocab_find(vocab, name);
        bpe->bytes[byte] = token < 0 ? unknown : token;
        snprintf(name + len, sizeof name - (size_t)len, "</w>");
        token = tb_vocab_find(vocab, name);
        bpe->last_bytes[byte] = token < 0 ? unknown : token;
    }
}

typedef struct {
    const tb_tokenizer_file *file;
    const json_t *vocab;
    size_t line; /* from 1 */
    tb_error *err;
} merges_reader;

static tb_status find_part(const merges_reader *r, const char *token, int32_t *out)
{
    *out = tb_vocab_find(r->vocab, token);
    if (*out < 0)
        return tb_fail(r->err, TIMBRE_BAD_FILE, "'%s' line %zu: %s is not in the vocabulary",
                       r->file->name, r->line, show(token).text);
    return TIMBRE_OK;
}

static tb_status read_merge(const merges_reader *r, char *line, tb_bpe_merge *m)
{
    char whole[2 * TB_TOKEN_MAX_BYTES + 1], *space = strchr(line, ' ');
    size_t len = strlen(line);
    if (space == NULL || space == line || space[1] == '\0' || strchr(space + 1, ' ') != NULL)
        return tb_fail(r->err, TIMBRE_BAD_FILE, "'%s' line %zu: %s is not two tokens",
                       r->file->name, r->line, show(line).text);
    if (len >= sizeof whole)
        return tb_fail(r->err, TIMBRE_BAD_FILE, "'%s' line %zu: %zu bytes exceed %zu bytes",
                       r->file->name, r->line, len, sizeof whole - 1);
    *space = '\0';
    memcpy(whole, line, (size_t)(space - line));
    memcpy(whole + (space - line), space + 1, strlen(space + 1) + 1);
    tb_status st = find_part(r, line, &m->left);
    if (st == TIMBRE_OK)
        st = find_part(r, space + 1, &m->right);
    return st == TIMBRE_OK ? find_part(r, whole, &m->merged) : st;
}

static tb_status count_lines(const tb_tokenizer_file *file, size_t *n, tb_error *err)
{
    size_t bad = tb_utf8_check(file->bytes, file->len_bytes);
    if (bad < file->len_bytes)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not UTF-8 at offset %zu", file->name, bad);
    const char *nul = memchr(file->bytes, '\0', file->len_bytes);
    if (nul != NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' has a NUL at offset %zu", file->name,
                       (size_t)(nul - file->bytes));
    *n = 1;
    for (size_t i = 0; i < file->len_bytes; i++)
        *n += file->bytes[i] == '\n';
    if (*n > TB_VOCAB_MAX_TOKENS + 1)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' of %zu lines exceeds %d", file->name, *n,
                       TB_VOCAB_MAX_TOKENS + 1);
    return TIMBRE_OK;
}

/* Where the text ends but for line ends and spaces. */
static char *trimmed_end(const tb_tokenizer_file *file)
{
    char *end = file->bytes + file->len_bytes;
    while (end > file->bytes && strchr(" \t\r\n", end[-1]) != NULL)
        end--;
    *end = '\0';
    return end;
}

static tb_status read_lines(merges_reader *r, tb_bpe *bpe, size_t *first_line)
{
    char *at = r->file->bytes, *end = trimmed_end(r->file);
    *first_line = strncmp(at, "#version", 8) == 0 ? 2 : 1;
    for (r->line = 1; at < end; r->line++) {
        char *line = at;
        size_t len = strcspn(line, "\n");
        at = line + len + (line[len] == '\n');
        line[len] = '\0';
        if (len > 0 && line[len - 1] == '\r')
            line[len - 1] = '\0';
        if (r->line < *first_line)
            continue;
        tb_bpe_merge *m = &bpe->merges[bpe->n_merges];
        m->rank = (uint32_t)bpe->n_merges++;
        tb_status st = read_merge(r, line, m);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

tb_status tb_merges_read(tb_tokenizer_file *file, const json_t *vocab, int32_t unknown, tb_bpe *bpe,
                         tb_error *err)
{
    size_t n_lines = 0, first_line = 0;
    tb_status st = count_lines(file, &n_lines, err);
    if (st != TIMBRE_OK)
        return st;
    bpe->merges = malloc(n_lines * sizeof *bpe->merges);
    if (bpe->merges == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu merges", n_lines);
    merges_reader r = {.file = file, .vocab = vocab, .err = err};
    st = read_lines(&r, bpe, &first_line);
    if (st != TIMBRE_OK)
        return st;
    read_bytes(vocab, unknown, bpe);
    int64_t twice = tb_bpe_sort(bpe);
    if (twice >= 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' line %zu: the same pair as on an earlier line",
                       file->name, (size_t)twice + first_line);
    return TIMBRE_OK;
}
