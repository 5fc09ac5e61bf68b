/*
 * A model in several files: "*.index.json" says in which shard each tensor is. The shards are plain
 * names of files beside the index; links may not lead out of the folder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/tensor/inside.h"
#include "engine/tensor/json_limits.h"
#include "engine/tensor/shards.h"
#include "engine/tensor/weights_file.h"

enum {
    MAX_DEPTH = 8, /* the metadata are anything */
};

static bool has_shard(const tb_shard_index *index, const char *name)
{
    for (size_t i = 0; i < index->n_shards; i++)
        if (index->shards[i] != NULL && strcmp(index->shards[i], name) == 0)
            return true;
    return false;
}

static tb_status add_shard(tb_shard_index *index, const char *tensor, const json_t *value,
                           tb_error *err)
{
    char shown[TB_WEIGHTS_CLEAN_BYTES], at[TB_WEIGHTS_CLEAN_BYTES];
    const char *name = json_string_value(value);
    (void)tb_weights_clean(tensor, strlen(tensor), at);
    if (name == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "the shard of '%s' is not a text", at);
    if (!tb_path_is_plain_name(name))
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the shard '%s' of '%s' is not the plain name of a file beside the index",
                       tb_weights_clean(name, strlen(name), shown), at);
    if (has_shard(index, name))
        return TIMBRE_OK;
    if (index->n_shards >= TB_WEIGHTS_MAX_SHARDS)
        return tb_fail(err, TIMBRE_BAD_FILE, "more than %d shards", TB_WEIGHTS_MAX_SHARDS);
    index->shards[index->n_shards++] = name;
    return TIMBRE_OK;
}

static tb_status parse_map(tb_shard_index *index, tb_error *err)
{
    const char *tensor;
    json_t *value;
    index->map = json_object_get(index->root, "weight_map");
    if (!json_is_object(index->map) || json_object_size(index->map) == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "there is no 'weight_map' object with tensors");
    index->shards = calloc(TB_WEIGHTS_MAX_SHARDS, sizeof *index->shards);
    if (index->shards == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the list of shards");
    json_object_foreach(index->map, tensor, value)
    {
        tb_status st = add_shard(index, tensor, value, err);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

tb_status tb_shard_index_parse(const char *bytes, size_t len_bytes, tb_shard_index *index,
                               tb_error *err)
{
    *index = (tb_shard_index){0};
    tb_status st = tb_json_parse(bytes, len_bytes, MAX_DEPTH, TB_TENSOR_JSON_MAX_VALUES,
                                 &index->root, err);
    if (st == TIMBRE_OK)
        st = parse_map(index, err);
    if (st != TIMBRE_OK)
        tb_shard_index_deinit(index);
    return st;
}

void tb_shard_index_deinit(tb_shard_index *index)
{
    free(index->shards);
    json_decref(index->root);
    *index = (tb_shard_index){0};
}

static tb_status read_shard(tb_weights *weights, const char *folder, const char *name,
                            tb_error *err)
{
    char *path = tb_strf("%s/%s", folder, name);
    tb_status st = path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                : TIMBRE_OK;
    if (st == TIMBRE_OK)
        st = tb_path_require_inside(path, folder, err);
    if (st == TIMBRE_OK)
        st = tb_weights_read_file(weights, path, err);
    free(path);
    return st;
}

/* What the index promises is where it promises it. */
static tb_status check_promises(const tb_weights *weights, const tb_shard_index *index,
                                tb_error *err)
{
    const char *tensor;
    json_t *value;
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    json_object_foreach(index->map, tensor, value)
    {
        const char *shard = json_string_value(value);
        const tb_weights_entry *entry = tb_weights_find_entry(weights, tensor);
        if (entry == NULL || strcmp(tb_path_name(weights->files[entry->i_file].path), shard) != 0)
            return tb_fail(err, TIMBRE_BAD_FILE,
                           "the index promises the tensor '%s' in '%.120s', but it is not there",
                           tb_weights_clean(tensor, strlen(tensor), shown), shard);
    }
    return TIMBRE_OK;
}

static tb_status read_shards(tb_weights *weights, const tb_shard_index *index,
                             const char *index_path, tb_error *err)
{
    char *folder = tb_path_folder(index_path);
    if (folder == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < index->n_shards; i++)
        st = read_shard(weights, folder, index->shards[i], err);
    free(folder);
    if (st == TIMBRE_OK)
        st = tb_weights_sort(weights, err);
    if (st == TIMBRE_OK)
        st = check_promises(weights, index, err);
    if (st == TIMBRE_OK) {
        size_t len = strlen(weights->format);
        snprintf(weights->format + len, sizeof weights->format - len, ", %zu shard%s",
                 index->n_shards, index->n_shards == 1 ? "" : "s");
    }
    return st;
}

tb_status tb_shards_read(tb_weights *weights, const char *index_path, tb_error *err)
{
    char *bytes = NULL;
    size_t len_bytes = 0;
    tb_shard_index index;
    tb_status st = tb_file_read(index_path, TB_SHARD_INDEX_MAX_BYTES, &bytes, &len_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_shard_index_parse(bytes, len_bytes, &index, err);
    free(bytes);
    if (st != TIMBRE_OK)
        return st;
    st = read_shards(weights, &index, index_path, err);
    tb_shard_index_deinit(&index);
    return st;
}
