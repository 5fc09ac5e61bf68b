/*
 * What the readers of the single formats share: the weights being filled, the file they read, and
 * ways to say what is wrong without repeating a stranger's bytes. A reader gets the bytes of one
 * file and adds tensors whose data lie inside them.
 */
#ifndef TB_TENSOR_WEIGHTS_FILE_H
#define TB_TENSOR_WEIGHTS_FILE_H

#include "engine/base/arena.h"
#include "engine/base/limits.h"
#include "engine/tensor/stamp.h"
#include "engine/tensor/weights.h"

enum {
    TB_WEIGHTS_CLEAN_BYTES = 64,
};

typedef struct tb_weights_entry {
    tb_tensor tensor;
    int i_file;
} tb_weights_entry;

typedef struct tb_weights_mapping {
    char *path; /* owned */
    const unsigned char *bytes;
    size_t len_bytes;
    bool is_mapped; /* else borrowed */
    tb_stamp stamp; /* of the file that is mapped, whatever is at the path now */
} tb_weights_mapping;

typedef struct tb_weights_pair {
    const char *key, *value; /* in the arena */
} tb_weights_pair;

struct tb_weights {
    tb_arena arena;
    tb_weights_entry *entries; /* owned; sorted by name once all files are read */
    size_t n_entries, capacity;
    tb_weights_mapping *files; /* owned */
    size_t n_files;
    tb_weights_pair *pairs; /* owned; __metadata__ */
    size_t n_pairs, pair_capacity;
    char format[48];
};

/* Map a file and let the reader for what it begins with add its tensors. */
TB_MUST_USE tb_status tb_weights_read_file(tb_weights *weights, const char *path, tb_error *err);

/* The readers. `bytes` stay valid until the weights are closed. */
typedef tb_status tb_weights_reader(tb_weights *weights, const unsigned char *bytes,
                                    size_t len_bytes, tb_error *err);
TB_MUST_USE tb_status tb_safetensors_read(tb_weights *weights, const unsigned char *bytes,
                                          size_t len_bytes, tb_error *err);
TB_MUST_USE tb_status tb_checkpoint_read_zip(tb_weights *weights, const unsigned char *bytes,
                                             size_t len_bytes, tb_error *err);
TB_MUST_USE tb_status tb_checkpoint_read_legacy(tb_weights *weights, const unsigned char *bytes,
                                                size_t len_bytes, tb_error *err);

/* Read "*.index.json" and every shard it names. */
TB_MUST_USE tb_status tb_shards_read(tb_weights *weights, const char *index_path, tb_error *err);

/* As tb_weights_open, of a file in memory, which is borrowed until close. */
TB_MUST_USE tb_status tb_weights_open_bytes(const void *bytes, size_t len_bytes, tb_weights **out,
                                            tb_error *err);

/* Add a tensor of the newest file; the name (not NUL-terminated) is checked and copied. The caller
 * has checked shape, strides and data. */
TB_MUST_USE tb_status tb_weights_add(tb_weights *weights, const tb_tensor *tensor, const char *name,
                                     size_t name_bytes, tb_error *err);
TB_MUST_USE tb_status tb_weights_add_metadata(tb_weights *weights, const char *key,
                                              const char *value, tb_error *err);
/* Sort by name; a name that comes twice is refused. */
TB_MUST_USE tb_status tb_weights_sort(tb_weights *weights, tb_error *err);
/* As tb_weights_find, with the file that the tensor is of. NULL: none. */
const tb_weights_entry *tb_weights_find_entry(const tb_weights *weights, const char *name);

/* Product of the dimensions, each >= 0, or false when it passes 2^62 (with or without a zero). */
bool tb_shape_product(const int64_t *shape, int rank, int64_t *product);

/* An arena gave nothing for `wanted` bytes: over its ceiling (BAD_FILE) or no memory. */
tb_status tb_weights_no_room(const tb_arena *arena, size_t wanted, tb_error *err);

/* Put "tensor 'name': " before the message just reported, keeping what to do; returns its code. */
tb_status tb_weights_blame(const char *name, size_t name_bytes, tb_error *err);

/* A stranger's text as it can be shown: cut, and '?' for all that is not printable ASCII. */
const char *tb_weights_clean(const char *text, size_t len_bytes, char out[TB_WEIGHTS_CLEAN_BYTES]);

#endif
