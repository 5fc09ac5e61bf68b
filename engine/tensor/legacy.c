/*
 * Checkpoints of torch before 1.6 (and of _use_new_zipfile_serialization=False): pickles of the
 * magic number, the protocol 1001, facts about the machine, the object and the list of storage
 * keys; then for each key a 64 bit number of elements and the elements.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/checkpoint.h"
#include "engine/tensor/little.h"

enum { PROTOCOL = 1001, LENGTH_BYTES = 8 };

typedef struct {
    const tb_pickle_storage *storage;
    const unsigned char *data; /* NULL: not in the list of keys */
} place;

typedef struct {
    const unsigned char *bytes;
    size_t len_bytes, at;
    place *places; /* owned; sorted by key, each once */
    size_t n_places;
} legacy;

static int by_key(const void *a, const void *b)
{
    const tb_pickle_text *left = &((const place *)a)->storage->key;
    const tb_pickle_text *right = &((const place *)b)->storage->key;
    size_t n = left->len_bytes < right->len_bytes ? left->len_bytes : right->len_bytes;
    int order = memcmp(left->bytes, right->bytes, n);
    if (order != 0)
        return order;
    return (left->len_bytes > right->len_bytes) - (left->len_bytes < right->len_bytes);
}

static tb_status fail_storage(const tb_pickle_text *key, const char *what, tb_error *err)
{
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    return tb_fail(err, TIMBRE_BAD_FILE, "the storage '%s' %s",
                   tb_weights_clean(key->bytes, key->len_bytes, shown), what);
}

/* The storages that the object names, each once: all of its tensors must mean the same. */
static tb_status sort_places(legacy *l, const tb_pickle *pickle, tb_error *err)
{
    size_t n = 0;
    l->places = calloc(pickle->n_storages + 1, sizeof *l->places);
    if (l->places == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the list of storages");
    for (size_t i = 0; i < pickle->n_storages; i++)
        l->places[i].storage = &pickle->storages[i]->storage;
    if (pickle->n_storages > 1)
        qsort(l->places, pickle->n_storages, sizeof *l->places, by_key);
    for (size_t i = 0; i < pickle->n_storages; i++) {
        const tb_pickle_storage *here = l->places[i].storage;
        if (n == 0 || by_key(&l->places[n - 1], &l->places[i]) != 0) {
            l->places[n++] = l->places[i];
            continue;
        }
        const tb_pickle_storage *same = l->places[n - 1].storage;
        if (here->dtype != same->dtype || here->n_elements != same->n_elements)
            return fail_storage(&here->key, "has two types or lengths", err);
    }
    l->n_places = n;
    return TIMBRE_OK;
}

static place *find_place(const legacy *l, const tb_pickle_text *key)
{
    tb_pickle_storage storage = {.key = *key};
    place wanted = {.storage = &storage};
    if (l->n_places == 0)
        return NULL;
    return bsearch(&wanted, l->places, l->n_places, sizeof wanted, by_key);
}

/* The data of the storage that comes next in the file. */
static tb_status step_over(legacy *l, const tb_pickle_text *key, tb_error *err)
{
    place *found = find_place(l, key);
    int64_t len_bytes;
    if (found == NULL || found->data != NULL)
        return fail_storage(
            key, found == NULL ? "is listed, but no tensor is in it" : "is listed twice", err);
    if (l->len_bytes - l->at < LENGTH_BYTES)
        return fail_storage(key, "is missing: the file is cut short", err);
    uint64_t n = tb_little(l->bytes + l->at, LENGTH_BYTES);
    l->at += LENGTH_BYTES;
    if (n != (uint64_t)found->storage->n_elements)
        return fail_storage(key, "has another length than its tensors say", err);
    if (__builtin_mul_overflow(found->storage->n_elements,
                               (int64_t)tb_dtype_size(found->storage->dtype), &len_bytes) ||
        (uint64_t)len_bytes > l->len_bytes - l->at)
        return fail_storage(key, "is longer than the file, which is cut short", err);
    found->data = l->bytes + l->at;
    l->at += (size_t)len_bytes;
    return TIMBRE_OK;
}

static tb_status place_all(legacy *l, const tb_pickle_value *keys, tb_error *err)
{
    if (keys->kind != TB_PICKLE_LIST)
        return tb_fail(err, TIMBRE_BAD_FILE, "the list of storages is not a list");
    for (size_t i = 0; i < keys->items.n; i++) {
        if (keys->items.at[i]->kind != TB_PICKLE_TEXT)
            return tb_fail(err, TIMBRE_BAD_FILE,
                           "the list of storages has something other than text");
        tb_status st = step_over(l, &keys->items.at[i]->text, err);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

static tb_status locate_place(void *user, const tb_pickle_storage *storage,
                              const unsigned char **data, tb_error *err)
{
    const place *found = find_place(user, &storage->key);
    if (found == NULL || found->data == NULL)
        return fail_storage(&storage->key, "is not in the file", err);
    *data = found->data;
    return TIMBRE_OK;
}

static tb_status check_machine(const tb_pickle_value *protocol, const tb_pickle_value *facts,
                               tb_error *err)
{
    if (protocol->kind != TB_PICKLE_INTEGER || protocol->integer != PROTOCOL)
        return tb_fail(err, TIMBRE_BAD_FILE, "the protocol of the legacy checkpoint is not %d",
                       PROTOCOL);
    const tb_pickle_value *little = facts->kind == TB_PICKLE_DICT
                                        ? tb_pickle_get(facts, "little_endian")
                                        : NULL;
    if (little == NULL || little->kind != TB_PICKLE_BOOL || little->integer == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "the legacy checkpoint is not little-endian");
    return TIMBRE_OK;
}

tb_status tb_checkpoint_read_legacy(tb_weights *weights, const unsigned char *bytes,
                                    size_t len_bytes, tb_error *err)
{
    enum { MAGIC, NUMBER, FACTS, OBJECT, KEYS, N_PICKLES };
    legacy l = {.bytes = bytes, .len_bytes = len_bytes};
    tb_pickle pickle;
    const tb_pickle_value *values[N_PICKLES] = {0};
    tb_pickle_init(&pickle);
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < N_PICKLES; i++)
        st = tb_pickle_run(&pickle, bytes, len_bytes, &l.at, &values[i], err);
    if (st == TIMBRE_OK)
        st = check_machine(values[NUMBER], values[FACTS], err);
    if (st == TIMBRE_OK)
        st = sort_places(&l, &pickle, err);
    if (st == TIMBRE_OK)
        st = place_all(&l, values[KEYS], err);
    if (st == TIMBRE_OK)
        st = tb_checkpoint_collect(weights, values[OBJECT], locate_place, &l, err);
    free(l.places);
    tb_pickle_deinit(&pickle);
    return st;
}
