/*
 * A restricted machine for Python pickles as torch.save writes them. It builds dicts, lists,
 * tuples, texts, integers, storages and tensors. Everything else (classes, calls, floats) becomes
 * an opaque value that says only where it comes from: nothing that a pickle names is ever executed.
 * Values may contain each other in circles; nothing here walks through them.
 */
#ifndef TB_TENSOR_PICKLE_H
#define TB_TENSOR_PICKLE_H

#include "engine/base/arena.h"
#include "engine/base/limits.h"
#include "engine/tensor/tensor.h"

typedef enum tb_pickle_kind {
    TB_PICKLE_OPAQUE,
    TB_PICKLE_NONE,
    TB_PICKLE_BOOL,
    TB_PICKLE_INTEGER,
    TB_PICKLE_TEXT,
    TB_PICKLE_TUPLE,
    TB_PICKLE_LIST,
    TB_PICKLE_DICT, /* items: key, value, key, value... */
    TB_PICKLE_GLOBAL,
    TB_PICKLE_STORAGE,
    TB_PICKLE_TENSOR,
} tb_pickle_kind;

typedef struct tb_pickle_value tb_pickle_value;
typedef struct tb_pickle_global tb_pickle_global;

typedef struct tb_pickle_text {
    const char *bytes; /* not NUL-terminated */
    size_t len_bytes;
} tb_pickle_text;

typedef struct tb_pickle_storage {
    tb_pickle_text key;
    tb_dtype dtype;
    int64_t n_elements; /* >= 0 */
} tb_pickle_storage;

/* As the pickle says it: rank and kinds are right, the numbers are not checked. */
typedef struct tb_pickle_tensor {
    const tb_pickle_storage *storage;
    int64_t offset, shape[TB_TENSOR_MAX_RANK], stride[TB_TENSOR_MAX_RANK]; /* elements */
    int rank;
} tb_pickle_tensor;

typedef struct tb_pickle_items {
    tb_pickle_value **at;
    size_t n, capacity;
} tb_pickle_items;

struct tb_pickle_value {
    tb_pickle_kind kind;
    union {
        int64_t integer;     /* BOOL, INTEGER */
        tb_pickle_text text; /* TEXT; OPAQUE: the name of what made it, or empty */
        tb_pickle_items items;
        const tb_pickle_global *global;
        tb_pickle_storage storage;
        tb_pickle_tensor *tensor;
    };
};

enum { TB_PICKLE_TRUE = TB_PICKLE_BOOL + 1, TB_PICKLE_N_CONSTANTS };

typedef struct tb_pickle {
    tb_pickle_value constants[TB_PICKLE_N_CONSTANTS]; /* opaque, None, False, True */
    tb_arena arena;                                   /* all values; texts point into the pickle */
    tb_pickle_value **storages;                       /* owned; every storage named, in order */
    size_t n_storages, capacity;
} tb_pickle;

/* The pickle must not be moved between the two: values point into it. */
void tb_pickle_init(tb_pickle *pickle);
void tb_pickle_deinit(tb_pickle *pickle);

/*
 * Run the pickle that begins at bytes[*at]; *at moves behind its STOP. *result is valid until
 * deinit. BAD_FILE names opcode and position.
 */
TB_MUST_USE tb_status tb_pickle_run(tb_pickle *pickle, const unsigned char *bytes, size_t len_bytes,
                                    size_t *at, const tb_pickle_value **result, tb_error *err);

/* The value of a text key, the last one set; NULL: none. */
const tb_pickle_value *tb_pickle_get(const tb_pickle_value *dict, const char *key);

#endif
