/*
 * Writing the safetensors format, the same bytes for the same tensors: the header's members sorted
 * by name and padded with spaces so that the data begin at a multiple of 8; the data of wide
 * elements first and then by name, one after the other, so that each is aligned for its type.
 */
#ifndef TB_TENSOR_SAFETENSORS_WRITE_H
#define TB_TENSOR_SAFETENSORS_WRITE_H

#include <jansson.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/progress.h"
#include "engine/tensor/weights.h"

typedef struct tb_safetensors_tensor {
    const char *name;        /* in the file; borrowed */
    const tb_tensor *source; /* borrowed */
    tb_dtype dtype;          /* in the file: the source's; fp16 or fp32 for any float type */
    int rank;                /* in the file: as many elements as the source has */
    int64_t shape[TB_TENSOR_MAX_RANK];
} tb_safetensors_tensor;

/* A file that is known to the byte, but for its data. */
typedef struct tb_safetensors_plan {
    tb_safetensors_tensor *tensors; /* borrowed, in the order of their data */
    size_t n;
    char *head; /* owned: length and header */
    size_t head_bytes;
    int64_t n_bytes;                    /* of the whole file */
    int64_t n_bytes_of[TB_DTYPE_COUNT]; /* data by type */
} tb_safetensors_plan;

/*
 * Puts `tensors` in order and makes the header of them; metadata: an object of texts. BAD_FILE: a
 * name twice, or "__metadata__", a header longer than the format allows, data beyond
 * TB_SAFETENSORS_MAX_BYTES (a checkpoint can claim any shape by strides of 0).
 */
TB_MUST_USE tb_status tb_safetensors_plan_init(tb_safetensors_plan *plan,
                                               tb_safetensors_tensor *tensors, size_t n,
                                               const json_t *metadata, tb_error *err);
void tb_safetensors_plan_deinit(tb_safetensors_plan *plan); /* accepts a zeroed one */

/*
 * Append the file to `w` in bounded memory, letting the sources' pages go behind it. BAD_FILE: a
 * value that the narrower type does not have (tensor and value are named; nothing becomes infinite
 * on the way), or data that cannot be read any more. CANCELLED; IO family; NO_MEMORY.
 */
TB_MUST_USE tb_status tb_safetensors_append(const tb_safetensors_plan *plan, tb_file_writer *w,
                                            const tb_progress *progress,
                                            char sha256[TB_SHA256_HEX_BYTES], tb_error *err);

/* As the format spells a type: "F16". */
const char *tb_safetensors_dtype_name(tb_dtype dtype);

#endif
