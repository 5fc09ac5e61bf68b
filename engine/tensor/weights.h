/*
 * Named tensors of a model's files, memory-mapped read-only: safetensors, one file or sharded by an
 * index, and PyTorch's zip and legacy checkpoints (.bin, .ckpt, .pt) through a restricted reader
 * that executes nothing. What a file says about itself is checked before anything is believed.
 */
#ifndef TB_TENSOR_WEIGHTS_H
#define TB_TENSOR_WEIGHTS_H

#include "engine/tensor/stamp.h"
#include "engine/tensor/tensor.h"

typedef struct tb_weights tb_weights;

/*
 * Open one file by what it begins with (not by its name), or "*.index.json": its shards, which must
 * be plain names of files beside it. Returns owned. BAD_FILE: malformed, with file, position and
 * value; IO family. Never reads tensor data, so that it is quick for any size.
 */
TB_MUST_USE tb_status tb_weights_open(const char *path, tb_weights **out, tb_error *err);
void tb_weights_close(tb_weights *weights); /* accepts NULL */

size_t tb_weights_count(const tb_weights *weights);
/* In order of their names (bytewise). */
const tb_tensor *tb_weights_at(const tb_weights *weights, size_t i);
/* NULL: there is none of that name. */
const tb_tensor *tb_weights_find(const tb_weights *weights, const char *name);

/* The tensor will be read now, whole: its pages come at once, not one by one. false: the system says
 * that some will never come, since the file was cut short or the disk fails; to read them would end
 * the process. true promises nothing: not every system says. */
bool tb_weights_expect(const tb_tensor *tensor);
/* The tensor has been copied: its pages may leave memory; they come back from the file on use.
 * Nothing happens to a tensor in borrowed memory, which would come back as zeros. */
void tb_weights_let_go(const tb_tensor *tensor);

/* "safetensors", "safetensors, 3 shards", "PyTorch zip", "PyTorch legacy" */
const char *tb_weights_format(const tb_weights *weights);
/* Files that they come from, for hashes and sizes: paths valid until close. */
size_t tb_weights_n_files(const tb_weights *weights);
const char *tb_weights_file(const tb_weights *weights, size_t i, int64_t *len_bytes);
/* Of the file i that is mapped; zeros for borrowed memory. */
tb_stamp tb_weights_stamp(const tb_weights *weights, size_t i);
/* Value of a key of the safetensors' __metadata__, or NULL. */
const char *tb_weights_metadata(const tb_weights *weights, const char *key);

#endif
