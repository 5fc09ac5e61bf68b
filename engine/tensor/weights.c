#include "engine/tensor/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/utf8.h"
#include "engine/tensor/weights_file.h"

const char *tb_weights_clean(const char *text, size_t len_bytes, char out[TB_WEIGHTS_CLEAN_BYTES])
{
    size_t n = len_bytes < TB_WEIGHTS_CLEAN_BYTES - 1 ? len_bytes : TB_WEIGHTS_CLEAN_BYTES - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    out[n] = '\0';
    return out;
}

tb_status tb_weights_blame(const char *name, size_t name_bytes, tb_error *err)
{
    if (err == NULL)
        return TIMBRE_BAD_FILE;
    char shown[TB_WEIGHTS_CLEAN_BYTES], message[sizeof err->message];
    memcpy(message, err->message, sizeof message);
    snprintf(err->message, sizeof err->message, "tensor '%s': %.400s",
             tb_weights_clean(name, name_bytes, shown), message);
    return err->code;
}

tb_status tb_weights_no_room(const tb_arena *arena, size_t wanted, tb_error *err)
{
    if (arena->limit_bytes != 0 && wanted + 16 > arena->limit_bytes - arena->used_bytes)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "what the file says of its tensors needs more than %zu MiB of memory",
                       arena->limit_bytes >> 20);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the list of tensors");
}

bool tb_shape_product(const int64_t *shape, int rank, int64_t *product)
{
    int64_t n = 1;
    bool has_zero = false;
    for (int d = 0; d < rank; d++) {
        if (shape[d] < 0)
            return false;
        has_zero = has_zero || shape[d] == 0;
        if (shape[d] > 0 && (__builtin_mul_overflow(n, shape[d], &n) || n > INT64_C(1) << 62))
            return false;
    }
    *product = has_zero ? 0 : n;
    return true;
}

static tb_status check_name(const char *name, size_t len, tb_error *err)
{
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    if (len == 0 || len > TB_TENSOR_NAME_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the tensor name '%s' has %zu bytes, possible are 1 to %d",
                       tb_weights_clean(name, len, shown), len, TB_TENSOR_NAME_MAX_BYTES);
    size_t at = tb_utf8_check(name, len);
    for (size_t i = 0; i < at; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            at = i;
    if (at < len)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the tensor name '%s' has a control character or invalid UTF-8 at byte %zu",
                       tb_weights_clean(name, len, shown), at);
    return TIMBRE_OK;
}

/* Room for one more of item_bytes each. */
static void *grow(void *items, size_t n, size_t *capacity, size_t item_bytes)
{
    if (n < *capacity)
        return items;
    size_t wanted = *capacity == 0 ? 64 : 2 * *capacity, bytes;
    if (__builtin_mul_overflow(wanted, item_bytes, &bytes))
        return NULL;
    void *grown = realloc(items, bytes);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

tb_status tb_weights_add(tb_weights *weights, const tb_tensor *tensor, const char *name,
                         size_t name_bytes, tb_error *err)
{
    tb_status st = check_name(name, name_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    if (weights->n_entries >= TB_WEIGHTS_MAX_TENSORS)
        return tb_fail(err, TIMBRE_BAD_FILE, "more than %d tensors", TB_WEIGHTS_MAX_TENSORS);
    tb_weights_entry *grown = grow(weights->entries, weights->n_entries, &weights->capacity,
                                   sizeof *weights->entries);
    if (grown == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the list of tensors");
    weights->entries = grown;
    tb_weights_entry *entry = &grown[weights->n_entries];
    *entry = (tb_weights_entry){.tensor = *tensor, .i_file = (int)weights->n_files - 1};
    entry->tensor.is_mapped = weights->n_files > 0 &&
                              weights->files[weights->n_files - 1].is_mapped;
    entry->tensor.name = tb_arena_push_str(&weights->arena, name, name_bytes);
    if (entry->tensor.name == NULL)
        return tb_weights_no_room(&weights->arena, name_bytes + 1, err);
    weights->n_entries++;
    return TIMBRE_OK;
}

tb_status tb_weights_add_metadata(tb_weights *weights, const char *key, const char *value,
                                  tb_error *err)
{
    tb_weights_pair *grown = grow(weights->pairs, weights->n_pairs, &weights->pair_capacity,
                                  sizeof *weights->pairs);
    if (grown == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the metadata");
    weights->pairs = grown;
    size_t key_bytes = strlen(key), value_bytes = strlen(value);
    tb_weights_pair pair = {tb_arena_push_str(&weights->arena, key, key_bytes),
                            tb_arena_push_str(&weights->arena, value, value_bytes)};
    if (pair.key == NULL || pair.value == NULL)
        return tb_weights_no_room(&weights->arena, key_bytes + value_bytes, err);
    grown[weights->n_pairs++] = pair;
    return TIMBRE_OK;
}

static int by_name(const void *a, const void *b)
{
    const tb_weights_entry *left = a, *right = b;
    return strcmp(left->tensor.name, right->tensor.name);
}

tb_status tb_weights_sort(tb_weights *weights, tb_error *err)
{
    tb_weights_entry *entries = weights->entries;
    if (weights->n_entries > 1)
        qsort(entries, weights->n_entries, sizeof *entries, by_name);
    for (size_t i = 1; i < weights->n_entries; i++) {
        if (by_name(&entries[i - 1], &entries[i]) != 0)
            continue;
        int first = entries[i - 1].i_file, second = entries[i].i_file;
        if (first == second)
            return tb_fail(err, TIMBRE_BAD_FILE, "tensor '%s' is there twice",
                           entries[i].tensor.name);
        return tb_fail(err, TIMBRE_BAD_FILE, "tensor '%s' is in two shards, '%.120s' and '%.120s'",
                       entries[i].tensor.name, weights->files[first].path,
                       weights->files[second].path);
    }
    return TIMBRE_OK;
}

const tb_weights_entry *tb_weights_find_entry(const tb_weights *weights, const char *name)
{
    tb_weights_entry key = {.tensor = {.name = name}};
    if (weights->n_entries == 0)
        return NULL;
    return bsearch(&key, weights->entries, weights->n_entries, sizeof key, by_name);
}

size_t tb_weights_count(const tb_weights *weights)
{
    return weights->n_entries;
}

const tb_tensor *tb_weights_at(const tb_weights *weights, size_t i)
{
    return &weights->entries[i].tensor;
}

const tb_tensor *tb_weights_find(const tb_weights *weights, const char *name)
{
    const tb_weights_entry *entry = tb_weights_find_entry(weights, name);
    return entry == NULL ? NULL : &entry->tensor;
}

const char *tb_weights_format(const tb_weights *weights)
{
    return weights->format;
}

size_t tb_weights_n_files(const tb_weights *weights)
{
    return weights->n_files;
}

const char *tb_weights_file(const tb_weights *weights, size_t i, int64_t *len_bytes)
{
    if (len_bytes != NULL)
        *len_bytes = (int64_t)weights->files[i].len_bytes;
    return weights->files[i].path;
}

tb_stamp tb_weights_stamp(const tb_weights *weights, size_t i)
{
    return weights->files[i].stamp;
}

const char *tb_weights_metadata(const tb_weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->n_pairs; i++)
        if (strcmp(weights->pairs[i].key, key) == 0)
            return weights->pairs[i].value;
    return NULL;
}
