/* The index of a model in several files, read and checked, apart from the shards themselves. */
#ifndef TB_TENSOR_SHARDS_H
#define TB_TENSOR_SHARDS_H

#include <jansson.h>

#include "engine/base/error.h"

typedef struct tb_shard_index {
    json_t *root;        /* owned */
    json_t *map;         /* tensor -> name of its shard; in root */
    const char **shards; /* owned list of names in root, each once */
    size_t n_shards;
} tb_shard_index;

/* Every shard is then a plain name (tb_path_is_plain_name). BAD_FILE says what is wrong. */
TB_MUST_USE tb_status tb_shard_index_parse(const char *bytes, size_t len_bytes,
                                           tb_shard_index *index, tb_error *err);
void tb_shard_index_deinit(tb_shard_index *index); /* accepts a zeroed one */

#endif
