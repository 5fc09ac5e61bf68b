/*
 * Names and calls in a checkpoint. A short list of names has a meaning here; every other becomes an
 * opaque value, and so does what is called through it. Some names have no business in a model at
 * all: they are refused so that the user learns what the file would do elsewhere. The list of those
 * protects nobody by itself; that nothing is ever executed does.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/pickle_machine.h"
#include "engine/tensor/weights_file.h"

typedef enum {
    MEANS_DICT,
    MEANS_STORAGE,
    MEANS_TENSOR,
    MEANS_PARAMETER,
} meaning;

struct tb_pickle_global {
    const char *module, *name;
    meaning meaning;
    tb_dtype dtype; /* of a storage */
};

static const tb_pickle_global globals[] = {
    {"collections", "OrderedDict", MEANS_DICT, TB_DTYPE_COUNT},
    {"torch._utils", "_rebuild_tensor", MEANS_TENSOR, TB_DTYPE_COUNT},
    {"torch._utils", "_rebuild_tensor_v2", MEANS_TENSOR, TB_DTYPE_COUNT},
    {"torch._utils", "_rebuild_parameter", MEANS_PARAMETER, TB_DTYPE_COUNT},
    {"torch", "FloatStorage", MEANS_STORAGE, TB_DTYPE_F32},
    {"torch", "HalfStorage", MEANS_STORAGE, TB_DTYPE_F16},
    {"torch", "BFloat16Storage", MEANS_STORAGE, TB_DTYPE_BF16},
    {"torch", "DoubleStorage", MEANS_STORAGE, TB_DTYPE_F64},
    {"torch", "LongStorage", MEANS_STORAGE, TB_DTYPE_I64},
    {"torch", "IntStorage", MEANS_STORAGE, TB_DTYPE_I32},
    {"torch", "ShortStorage", MEANS_STORAGE, TB_DTYPE_I16},
    {"torch", "CharStorage", MEANS_STORAGE, TB_DTYPE_I8},
    {"torch", "ByteStorage", MEANS_STORAGE, TB_DTYPE_U8},
    {"torch", "BoolStorage", MEANS_STORAGE, TB_DTYPE_BOOL},
    {"torch.storage", "UntypedStorage", MEANS_STORAGE, TB_DTYPE_U8},
};

/* name NULL: the whole module, and what is below it. */
static const struct {
    const char *module, *name;
} hostile[] = {
    {"os", NULL},
    {"posix", NULL},
    {"nt", NULL},
    {"subprocess", NULL},
    {"sys", NULL},
    {"socket", NULL},
    {"shutil", NULL},
    {"pty", NULL},
    {"runpy", NULL},
    {"ctypes", NULL},
    {"importlib", NULL},
    {"webbrowser", NULL},
    {"requests", NULL},
    {"urllib", NULL},
    {"builtins", "eval"},
    {"builtins", "exec"},
    {"builtins", "compile"},
    {"builtins", "open"},
    {"builtins", "__import__"},
    {"__builtin__", "eval"},
    {"__builtin__", "exec"},
    {"__builtin__", "execfile"},
    {"__builtin__", "compile"},
    {"__builtin__", "file"},
    {"__builtin__", "open"},
    {"__builtin__", "__import__"},
};

static bool is_text(tb_pickle_text text, const char *other)
{
    return strlen(other) == text.len_bytes && memcmp(text.bytes, other, text.len_bytes) == 0;
}

static bool is_in_module(tb_pickle_text module, const char *name)
{
    size_t len = strlen(name);
    return module.len_bytes >= len && memcmp(module.bytes, name, len) == 0 &&
           (module.len_bytes == len || module.bytes[len] == '.');
}

static bool is_hostile(tb_pickle_text module, tb_pickle_text name)
{
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        if (is_in_module(module, hostile[i].module) &&
            (hostile[i].name == NULL || is_text(name, hostile[i].name)))
            return true;
    return false;
}

/* An opaque value that is called "module.name". */
static tb_status push_named(tb_pickle_machine *m, tb_pickle_text module, tb_pickle_text name)
{
    tb_pickle_value *value;
    size_t len = module.len_bytes + 1 + name.len_bytes;
    tb_status st = tb_pickle_new(m, TB_PICKLE_OPAQUE, &value);
    if (st != TIMBRE_OK)
        return st;
    char *text = tb_arena_push(&m->pickle->arena, len + 1, 1);
    if (text == NULL)
        return tb_weights_no_room(&m->pickle->arena, len + 1, m->err);
    memcpy(text, module.bytes, module.len_bytes);
    text[module.len_bytes] = '.';
    memcpy(text + module.len_bytes + 1, name.bytes, name.len_bytes);
    value->text = (tb_pickle_text){text, len};
    return tb_pickle_push(m, value);
}

tb_status tb_pickle_push_global(tb_pickle_machine *m, tb_pickle_text module, tb_pickle_text name)
{
    enum { MAX_BYTES = 256 };
    char shown_module[TB_WEIGHTS_CLEAN_BYTES], shown_name[TB_WEIGHTS_CLEAN_BYTES];
    if (module.len_bytes > MAX_BYTES || name.len_bytes > MAX_BYTES)
        return tb_pickle_fail(m, "a name of %zu bytes exceeds %d",
                              module.len_bytes > MAX_BYTES ? module.len_bytes : name.len_bytes,
                              MAX_BYTES);
    if (is_hostile(module, name)) {
        (void)tb_pickle_fail(m,
                             "the file names '%s.%s', which no model needs; nothing was executed",
                             tb_weights_clean(module.bytes, module.len_bytes, shown_module),
                             tb_weights_clean(name.bytes, name.len_bytes, shown_name));
        tb_fix(m->err, "do not load this file with anything; take safetensors from a source that "
                       "you trust");
        return TIMBRE_BAD_FILE;
    }
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (!is_text(module, globals[i].module) || !is_text(name, globals[i].name))
            continue;
        tb_pickle_value *value;
        tb_status st = tb_pickle_new(m, TB_PICKLE_GLOBAL, &value);
        if (st != TIMBRE_OK)
            return st;
        value->global = &globals[i];
        return tb_pickle_push(m, value);
    }
    return push_named(m, module, name);
}

static tb_status take_numbers(tb_pickle_machine *m, const tb_pickle_value *from, const char *what,
                              int64_t out[TB_TENSOR_MAX_RANK], int *n)
{
    if (from->kind != TB_PICKLE_TUPLE && from->kind != TB_PICKLE_LIST)
        return tb_pickle_fail(m, "the %s of the tensor is not a tuple", what);
    if (from->items.n > TB_TENSOR_MAX_RANK)
        return tb_pickle_fail(m, "the %s of the tensor has rank %zu, more than %d", what,
                              from->items.n, TB_TENSOR_MAX_RANK);
    for (size_t i = 0; i < from->items.n; i++) {
        if (from->items.at[i]->kind != TB_PICKLE_INTEGER)
            return tb_pickle_fail(m, "the %s of the tensor has something other than an integer",
                                  what);
        out[i] = from->items.at[i]->integer;
    }
    *n = (int)from->items.n;
    return TIMBRE_OK;
}

/* torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...): what follows matters only to
 * training. */
static tb_status push_tensor(tb_pickle_machine *m, const tb_pickle_items *arguments)
{
    int n_strides = 0;
    if (arguments->n < 4)
        return tb_pickle_fail(m, "a tensor from %zu arguments, needed are 4", arguments->n);
    tb_pickle_value *value, *storage = arguments->at[0], *offset = arguments->at[1];
    if (storage->kind == TB_PICKLE_OPAQUE)
        return tb_pickle_push(m, storage);
    if (storage->kind != TB_PICKLE_STORAGE || offset->kind != TB_PICKLE_INTEGER)
        return tb_pickle_fail(m, "a tensor from something other than a storage and an offset");
    tb_status st = tb_pickle_new(m, TB_PICKLE_TENSOR, &value);
    if (st != TIMBRE_OK)
        return st;
    tb_pickle_tensor *tensor = tb_arena_push(&m->pickle->arena, 1, sizeof *tensor);
    if (tensor == NULL)
        return tb_weights_no_room(&m->pickle->arena, sizeof *tensor, m->err);
    value->tensor = tensor;
    tensor->storage = &storage->storage;
    tensor->offset = offset->integer;
    st = take_numbers(m, arguments->at[2], "shape", tensor->shape, &tensor->rank);
    if (st == TIMBRE_OK)
        st = take_numbers(m, arguments->at[3], "strides", tensor->stride, &n_strides);
    if (st == TIMBRE_OK && n_strides != tensor->rank)
        return tb_pickle_fail(m, "a tensor of rank %d with %d strides", tensor->rank, n_strides);
    return st == TIMBRE_OK ? tb_pickle_push(m, value) : st;
}

static tb_status push_dict(tb_pickle_machine *m, const tb_pickle_items *arguments)
{
    tb_pickle_value *value;
    if (arguments->n > 0)
        return tb_pickle_fail(m, "an OrderedDict with arguments, as Python 2 wrote it");
    tb_status st = tb_pickle_new(m, TB_PICKLE_DICT, &value);
    return st == TIMBRE_OK ? tb_pickle_push(m, value) : st;
}

tb_status tb_pickle_push_call(tb_pickle_machine *m, tb_pickle_value *callee,
                              const tb_pickle_value *arguments)
{
    const tb_pickle_items *items = &arguments->items;
    if (callee->kind == TB_PICKLE_OPAQUE)
        return tb_pickle_push(m, callee);
    if (callee->kind != TB_PICKLE_GLOBAL)
        return tb_pickle_fail(m, "it calls something that is no name");
    switch (callee->global->meaning) {
    case MEANS_DICT:
        return push_dict(m, items);
    case MEANS_TENSOR:
        return push_tensor(m, items);
    case MEANS_PARAMETER: /* the tensor is its first argument */
        if (items->n == 0 ||
            (items->at[0]->kind != TB_PICKLE_TENSOR && items->at[0]->kind != TB_PICKLE_OPAQUE))
            return tb_pickle_fail(m, "a parameter that is no tensor");
        return tb_pickle_push(m, items->at[0]);
    case MEANS_STORAGE:
        break;
    }
    return tb_pickle_push(m, tb_pickle_constant(m, TB_PICKLE_OPAQUE, false));
}

static tb_status keep_storage(tb_pickle_machine *m, tb_pickle_value *value)
{
    tb_pickle *pickle = m->pickle;
    if (pickle->n_storages == pickle->capacity) {
        size_t wanted = pickle->capacity == 0 ? 64 : 2 * pickle->capacity;
        tb_pickle_value **grown = realloc(pickle->storages, wanted * sizeof(void *));
        if (grown == NULL)
            return tb_fail(m->err, TIMBRE_NO_MEMORY, "no memory for the list of storages");
        pickle->storages = grown;
        pickle->capacity = wanted;
    }
    pickle->storages[pickle->n_storages++] = value;
    return TIMBRE_OK;
}

/* ('storage', class, key, location, numel) and, in the legacy form, a view: of torch before 0.4. */
tb_status tb_pickle_push_persistent(tb_pickle_machine *m, const tb_pickle_value *id)
{
    enum { WORD, CLASS, KEY, LOCATION, NUMEL, VIEW, MAX_KEY_BYTES = 64 };
    if (id->kind != TB_PICKLE_TUPLE || id->items.n <= NUMEL)
        return tb_pickle_fail(m, "it names something other than a storage");
    tb_pickle_value *const *items = id->items.at;
    if (items[WORD]->kind != TB_PICKLE_TEXT || !is_text(items[WORD]->text, "storage"))
        return tb_pickle_fail(m, "it names something other than a storage");
    if (items[CLASS]->kind == TB_PICKLE_OPAQUE) /* of a type that we do not know */
        return tb_pickle_push(m, items[CLASS]);
    if (items[CLASS]->kind != TB_PICKLE_GLOBAL || items[CLASS]->global->meaning != MEANS_STORAGE)
        return tb_pickle_fail(m, "the class of a storage is none");
    if (items[KEY]->kind != TB_PICKLE_TEXT || items[KEY]->text.len_bytes > MAX_KEY_BYTES)
        return tb_pickle_fail(m, "the key of a storage is not a text of at most %d bytes",
                              MAX_KEY_BYTES);
    if (items[NUMEL]->kind != TB_PICKLE_INTEGER || items[NUMEL]->integer < 0)
        return tb_pickle_fail(m, "the length of a storage is not a number of elements");
    if (id->items.n > VIEW && items[VIEW]->kind != TB_PICKLE_NONE)
        return tb_pickle_fail(m, "a storage that is part of another, as torch 0.3 wrote it");
    tb_pickle_value *value;
    tb_status st = tb_pickle_new(m, TB_PICKLE_STORAGE, &value);
    if (st != TIMBRE_OK)
        return st;
    value->storage = (tb_pickle_storage){.key = items[KEY]->text,
                                         .dtype = items[CLASS]->global->dtype,
                                         .n_elements = items[NUMEL]->integer};
    st = keep_storage(m, value);
    return st == TIMBRE_OK ? tb_pickle_push(m, value) : st;
}
