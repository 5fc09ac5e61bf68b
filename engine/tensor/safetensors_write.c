#include "engine/tensor/safetensors_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"

enum {
    LENGTH_BYTES = 8,
    CHUNK = 1 << 18, /* elements on their way at a time */
};

#define HALF_END 65520.0F /* the least that rounds beyond the largest half, 65504 */

static const char metadata_key[] = "__metadata__";

const char *tb_safetensors_dtype_name(tb_dtype dtype)
{
    static const char *const names[TB_DTYPE_COUNT] = {
        [TB_DTYPE_F32] = "F32",   [TB_DTYPE_F16] = "F16", [TB_DTYPE_BF16] = "BF16",
        [TB_DTYPE_F64] = "F64",   [TB_DTYPE_I64] = "I64", [TB_DTYPE_I32] = "I32",
        [TB_DTYPE_I16] = "I16",   [TB_DTYPE_I8] = "I8",   [TB_DTYPE_U8] = "U8",
        [TB_DTYPE_BOOL] = "BOOL",
    };
    return names[dtype];
}

/* ---- plan ---- */

static int by_width_and_name(const void *a, const void *b)
{
    const tb_safetensors_tensor *left = a, *right = b;
    size_t l = tb_dtype_size(left->dtype), r = tb_dtype_size(right->dtype);
    if (l != r)
        return l > r ? -1 : 1;
    return strcmp(left->name, right->name);
}

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the header of a safetensors file");
}

static json_t *shape_of(const tb_safetensors_tensor *t)
{
    json_t *shape = json_array();
    for (int d = 0; shape != NULL && d < t->rank; d++)
        if (json_array_append_new(shape, json_integer((json_int_t)t->shape[d])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return shape;
}

/* Its place in the data moves *at. */
static tb_status add_tensor(tb_safetensors_plan *plan, const tb_safetensors_tensor *t,
                            json_t *header, int64_t *at, tb_error *err)
{
    int64_t n_bytes, end;
    if (__builtin_mul_overflow(t->source->n_elements, (int64_t)tb_dtype_size(t->dtype), &n_bytes) ||
        __builtin_add_overflow(*at, n_bytes, &end) || end > TB_SAFETENSORS_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "with tensor '%.200s' the data have more than %lld bytes", t->name,
                       (long long)TB_SAFETENSORS_MAX_BYTES);
    if (strcmp(t->name, metadata_key) == 0 || json_object_get(header, t->name) != NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "two things would be called '%.200s'", t->name);
    json_t *value = json_pack("{s:s, s:o, s:[I, I]}", "dtype", tb_safetensors_dtype_name(t->dtype),
                              "shape", shape_of(t), "data_offsets", (json_int_t)*at,
                              (json_int_t)end);
    if (json_object_set_new(header, t->name, value) != 0)
        return no_memory(err);
    plan->n_bytes_of[t->dtype] += n_bytes;
    *at = end;
    return TIMBRE_OK;
}

/* Length, text, and spaces up to a multiple of 8. */
static tb_status format_head(tb_safetensors_plan *plan, const json_t *header, tb_error *err)
{
    char *text = json_dumps(header, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL)
        return no_memory(err);
    size_t len = strlen(text), padded = (len + 7) / 8 * 8;
    tb_status st = TIMBRE_OK;
    if (padded > TB_SAFETENSORS_MAX_HEADER_BYTES)
        st = tb_fail(err, TIMBRE_BAD_FILE, "the header of %zu bytes exceeds %d", padded,
                     TB_SAFETENSORS_MAX_HEADER_BYTES);
    else if ((plan->head = malloc(LENGTH_BYTES + padded)) == NULL)
        st = no_memory(err);
    if (st == TIMBRE_OK) {
        for (int i = 0; i < LENGTH_BYTES; i++)
            plan->head[i] = (char)(unsigned char)((uint64_t)padded >> 8 * i & 0xff);
        memcpy(plan->head + LENGTH_BYTES, text, len);
        memset(plan->head + LENGTH_BYTES + len, ' ', padded - len);
        plan->head_bytes = LENGTH_BYTES + padded;
    }
    free(text);
    return st;
}

tb_status tb_safetensors_plan_init(tb_safetensors_plan *plan, tb_safetensors_tensor *tensors,
                                   size_t n, const json_t *metadata, tb_error *err)
{
    *plan = (tb_safetensors_plan){.tensors = tensors, .n = n};
    if (n > 1)
        qsort(tensors, n, sizeof *tensors, by_width_and_name);
    json_t *header = json_object();
    tb_status st = header == NULL ? no_memory(err) : TIMBRE_OK;
    int64_t at = 0;
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        st = add_tensor(plan, &tensors[i], header, &at, err);
    if (st == TIMBRE_OK && json_object_set_new(header, metadata_key, json_deep_copy(metadata)) != 0)
        st = no_memory(err);
    if (st == TIMBRE_OK)
        st = format_head(plan, header, err);
    plan->n_bytes = (int64_t)plan->head_bytes + at;
    json_decref(header);
    return st;
}

void tb_safetensors_plan_deinit(tb_safetensors_plan *plan)
{
    free(plan->head);
    plan->head = NULL;
}

/* ---- data ---- */

typedef struct {
    tb_file_writer *w;
    const tb_progress *progress;
    tb_sha256 hash;
    float *floats;      /* [CHUNK] */
    uint64_t *elements; /* [CHUNK], of any type */
    int64_t n_done, n_bytes;
} job;

static tb_status put(job *j, const void *bytes, size_t len_bytes, tb_error *err)
{
    tb_status st = tb_sha256_add(&j->hash, bytes, len_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_file_append(j->w, bytes, len_bytes, err);
    j->n_done += (int64_t)len_bytes;
    if (st == TIMBRE_OK)
        tb_progress_report(j->progress, (double)j->n_done / (double)j->n_bytes);
    return st == TIMBRE_OK ? tb_progress_check(j->progress, err) : st;
}

/* Elements at .. at+n-1 of a tensor in one piece, with the pages they are on; other tensors come
 * and go whole. */
static tb_tensor part_of(const tb_tensor *source, int64_t at, int64_t n)
{
    tb_tensor part = *source;
    part.data = (const unsigned char *)source->data + (size_t)at * tb_dtype_size(source->dtype);
    part.rank = 1;
    part.shape[0] = part.n_elements = n;
    part.stride[0] = 1;
    return part;
}

static tb_status expect(const tb_tensor *tensor, tb_error *err)
{
    if (tb_weights_expect(tensor))
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%.200s' cannot be read from its file",
                           tensor->name);
    tb_fix(err, "the file was cut short meanwhile, or the disk fails: try again with a whole one");
    return st;
}

static tb_status fail_value(const tb_safetensors_tensor *t, double value, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_BAD_FILE,
                           "tensor '%.200s' has the value %g, which %s cannot hold (at most %g)",
                           t->source->name, value, tb_dtype_name(t->dtype),
                           t->dtype == TB_DTYPE_F16 ? 65504.0 : 3.4028234663852886e38);
    if (t->dtype == TB_DTYPE_F16)
        tb_fix(err, "keep the model in fp32 or bf16");
    return st;
}

/* Elements at .. at+n-1 of `from`, which has them, into j->elements in the type of the file. */
static tb_status convert(job *j, const tb_safetensors_tensor *t, const tb_tensor *from, int64_t at,
                         int64_t n, tb_error *err)
{
    if (t->dtype == from->dtype) {
        tb_tensor_copy(from, at, n, j->elements);
        return TIMBRE_OK;
    }
    tb_tensor_read(from, at, n, j->floats);
    uint16_t *halves = (uint16_t *)j->elements;
    for (int64_t i = 0; i < n; i++) {
        float value = j->floats[i];
        if (fabsf(value) >= (t->dtype == TB_DTYPE_F16 ? HALF_END : INFINITY)) {
            double was = value;
            if (from->dtype == TB_DTYPE_F64)
                tb_tensor_copy(from, at + i, 1, &was);
            if (t->dtype == TB_DTYPE_F16 || isfinite(was))
                return fail_value(t, was, err);
        }
        if (t->dtype == TB_DTYPE_F16)
            halves[i] = tb_half_of_float(value);
    }
    if (t->dtype == TB_DTYPE_F32)
        memcpy(j->elements, j->floats, (size_t)n * sizeof(float));
    return TIMBRE_OK;
}

static tb_status put_tensor(job *j, const tb_safetensors_tensor *t, tb_error *err)
{
    const tb_tensor *source = t->source;
    bool is_one_piece = tb_tensor_is_contiguous(source);
    size_t size = tb_dtype_size(t->dtype);
    tb_status st = is_one_piece ? TIMBRE_OK : expect(source, err);
    for (int64_t at = 0; st == TIMBRE_OK && at < source->n_elements; at += CHUNK) {
        int64_t n = source->n_elements - at < CHUNK ? source->n_elements - at : CHUNK;
        if (!is_one_piece) {
            st = convert(j, t, source, at, n, err);
        } else {
            tb_tensor part = part_of(source, at, n);
            st = expect(&part, err);
            if (st == TIMBRE_OK)
                st = convert(j, t, &part, 0, n, err);
            tb_weights_let_go(&part);
        }
        if (st == TIMBRE_OK)
            st = put(j, j->elements, (size_t)n * size, err);
    }
    tb_weights_let_go(source); /* also the pages where two parts meet */
    return st;
}

tb_status tb_safetensors_append(const tb_safetensors_plan *plan, tb_file_writer *w,
                                const tb_progress *progress, char sha256[TB_SHA256_HEX_BYTES],
                                tb_error *err)
{
    job j = {.w = w, .progress = progress, .n_bytes = plan->n_bytes};
    j.floats = malloc(CHUNK * sizeof *j.floats);
    j.elements = malloc(CHUNK * sizeof *j.elements);
    tb_status st = TIMBRE_OK;
    if (j.floats == NULL || j.elements == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for tensors on their way");
    if (st == TIMBRE_OK)
        st = tb_sha256_init(&j.hash, err);
    if (st == TIMBRE_OK)
        st = put(&j, plan->head, plan->head_bytes, err);
    for (size_t i = 0; st == TIMBRE_OK && i < plan->n; i++)
        st = put_tensor(&j, &plan->tensors[i], err);
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&j.hash, sha256, err);
    tb_sha256_deinit(&j.hash);
    free(j.elements);
    free(j.floats);
    return st;
}
