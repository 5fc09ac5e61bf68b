#include "engine/tensor/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "engine/tensor/zip.h"

/* Of dict -> tensor; the numbers come from the file. *last: the highest element used, or -1. */
static bool find_last(const tb_tensor *tensor, int64_t offset, int64_t *last)
{
    *last = offset;
    for (int d = 0; d < tensor->rank; d++) {
        int64_t reach;
        if (tensor->stride[d] < 0)
            return false;
        if (tensor->n_elements > 0 &&
            (__builtin_mul_overflow(tensor->shape[d] - 1, tensor->stride[d], &reach) ||
             __builtin_add_overflow(*last, reach, last)))
            return false;
    }
    if (tensor->n_elements == 0)
        *last = offset - 1;
    return true;
}

/* PyTorch writes anything as the stride of a dimension that is never stepped along, and a stranger
 * may write 2^62, which whoever multiplies it by an element's size must not meet. */
static void settle_strides(tb_tensor *tensor)
{
    for (int d = 0; d < tensor->rank; d++)
        if (tensor->n_elements == 0 || tensor->shape[d] == 1)
            tensor->stride[d] = 1;
}

static tb_status check_tensor(const tb_pickle_tensor *from, tb_tensor *tensor, tb_error *err)
{
    char shape[160], strides[160];
    int64_t last;
    *tensor = (tb_tensor){.dtype = from->storage->dtype, .rank = from->rank};
    memcpy(tensor->shape, from->shape, sizeof tensor->shape);
    memcpy(tensor->stride, from->stride, sizeof tensor->stride);
    tb_shape_format(tensor->shape, tensor->rank, shape, sizeof shape);
    tb_shape_format(tensor->stride, tensor->rank, strides, sizeof strides);
    if (!tb_shape_product(tensor->shape, tensor->rank, &tensor->n_elements))
        return tb_fail(err, TIMBRE_BAD_FILE, "the shape %s is negative or too large", shape);
    if (from->offset < 0 || !find_last(tensor, from->offset, &last) ||
        last >= from->storage->n_elements)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "%s with strides %s from element %lld leaves its storage of %lld elements",
                       shape, strides, (long long)from->offset,
                       (long long)from->storage->n_elements);
    settle_strides(tensor);
    return TIMBRE_OK;
}

static tb_status add_tensor(tb_weights *weights, const tb_pickle_text *name,
                            const tb_pickle_tensor *from, tb_checkpoint_locate *locate, void *user,
                            tb_error *err)
{
    tb_tensor tensor;
    const unsigned char *data = NULL;
    tb_status st = check_tensor(from, &tensor, err);
    if (st == TIMBRE_OK)
        st = locate(user, from->storage, &data, err);
    if (st != TIMBRE_OK)
        return tb_weights_blame(name->bytes, name->len_bytes, err);
    tensor.data = data;
    if (tensor.n_elements > 0)
        tensor.data = data + from->offset * (int64_t)tb_dtype_size(tensor.dtype);
    return tb_weights_add(weights, &tensor, name->bytes, name->len_bytes, err);
}

static tb_status fail_root(const tb_pickle_value *root, tb_error *err)
{
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    if (root->kind == TB_PICKLE_OPAQUE && root->text.len_bytes > 0)
        tb_fail(err, TIMBRE_BAD_FILE,
                "the checkpoint is what '%s' would make, which is never executed",
                tb_weights_clean(root->text.bytes, root->text.len_bytes, shown));
    else
        tb_fail(err, TIMBRE_BAD_FILE, "the checkpoint is not a dict of tensors");
    tb_fix(err, "save the state_dict() of the model");
    return TIMBRE_BAD_FILE;
}

tb_status tb_checkpoint_collect(tb_weights *weights, const tb_pickle_value *root,
                                tb_checkpoint_locate *locate, void *user, tb_error *err)
{
    if (root->kind != TB_PICKLE_DICT)
        return fail_root(root, err);
    const tb_pickle_value *inner = tb_pickle_get(root, "state_dict");
    if (inner != NULL && inner->kind == TB_PICKLE_DICT)
        root = inner;
    size_t n_before = weights->n_entries;
    for (size_t i = 0; i + 1 < root->items.n; i += 2) {
        const tb_pickle_value *name = root->items.at[i], *value = root->items.at[i + 1];
        if (name->kind != TB_PICKLE_TEXT || value->kind != TB_PICKLE_TENSOR)
            continue;
        tb_status st = add_tensor(weights, &name->text, value->tensor, locate, user, err);
        if (st != TIMBRE_OK)
            return st;
    }
    if (weights->n_entries > n_before)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_FILE,
                   "the checkpoint has no tensors at its top or under 'state_dict'");
}

typedef struct {
    tb_zip zip;
    const char *root; /* the folder inside the archive, not NUL-terminated */
    size_t root_bytes;
} archive;

enum { MAX_MEMBER_NAME = 512 };

/* The member ROOT/name; NULL: there is none. */
static const tb_zip_member *find_member(const archive *a, const char *folder, const char *name,
                                        size_t name_bytes)
{
    char path[MAX_MEMBER_NAME];
    size_t folder_bytes = strlen(folder);
    if (a->root_bytes + folder_bytes + name_bytes > sizeof path)
        return NULL;
    memcpy(path, a->root, a->root_bytes);
    memcpy(path + a->root_bytes, folder, folder_bytes);
    memcpy(path + a->root_bytes + folder_bytes, name, name_bytes);
    return tb_zip_find(&a->zip, path, a->root_bytes + folder_bytes + name_bytes);
}

/* "ROOT/data.pkl" names the folder of everything else. */
static tb_status find_root(archive *a, const tb_zip_member **pickle, tb_error *err)
{
    static const char ending[] = "/data.pkl";
    size_t n = sizeof ending - 1;
    *pickle = NULL;
    for (size_t i = 0; i < a->zip.n_members; i++) {
        const tb_zip_member *member = &a->zip.members[i];
        if (member->name_bytes <= n ||
            memcmp(member->name + member->name_bytes - n, ending, n) != 0 ||
            memchr(member->name, '/', member->name_bytes - n) != NULL)
            continue;
        if (*pickle != NULL)
            return tb_fail(err, TIMBRE_BAD_FILE, "the zip archive has several data.pkl");
        *pickle = member;
        a->root = member->name;
        a->root_bytes = member->name_bytes - n;
    }
    if (*pickle == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "a zip archive without FOLDER/data.pkl is no PyTorch checkpoint");
    return TIMBRE_OK;
}

static tb_status check_byteorder(const archive *a, tb_error *err)
{
    static const char little[] = "little";
    const unsigned char *data = NULL;
    const tb_zip_member *member = find_member(a, "/byteorder", "", 0);
    if (member == NULL)
        return TIMBRE_OK;
    tb_status st = tb_zip_locate(&a->zip, member, &data, err);
    if (st == TIMBRE_OK &&
        (member->len_bytes != sizeof little - 1 || memcmp(data, little, sizeof little - 1) != 0))
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the byte order of the checkpoint is not 'little', the only one supported");
    return st;
}

static tb_status locate_member(void *user, const tb_pickle_storage *storage,
                               const unsigned char **data, tb_error *err)
{
    const archive *a = user;
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    int64_t len_bytes;
    const tb_pickle_text *key = &storage->key;
    const tb_zip_member *member = find_member(a, "/data/", key->bytes, key->len_bytes);
    if (member == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "its storage 'data/%s' is not in the archive",
                       tb_weights_clean(key->bytes, key->len_bytes, shown));
    if (__builtin_mul_overflow(storage->n_elements, (int64_t)tb_dtype_size(storage->dtype),
                               &len_bytes) ||
        (uint64_t)len_bytes != member->len_bytes)
        return tb_fail(
            err, TIMBRE_BAD_FILE, "its storage 'data/%s' of %lld elements of %s has %llu bytes",
            tb_weights_clean(key->bytes, key->len_bytes, shown), (long long)storage->n_elements,
            tb_dtype_name(storage->dtype), (unsigned long long)member->len_bytes);
    return tb_zip_locate(&a->zip, member, data, err);
}

static tb_status run_member(const archive *a, const tb_zip_member *member, tb_pickle *pickle,
                            const tb_pickle_value **root, tb_error *err)
{
    const unsigned char *bytes = NULL;
    size_t at = 0;
    if (member->len_bytes > TB_PICKLE_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "data.pkl of %llu bytes exceeds %d",
                       (unsigned long long)member->len_bytes, TB_PICKLE_MAX_BYTES);
    tb_status st = tb_zip_locate(&a->zip, member, &bytes, err);
    return st == TIMBRE_OK ? tb_pickle_run(pickle, bytes, (size_t)member->len_bytes, &at, root, err)
                           : st;
}

tb_status tb_checkpoint_read_zip(tb_weights *weights, const unsigned char *bytes, size_t len_bytes,
                                 tb_error *err)
{
    archive a = {0};
    tb_pickle pickle;
    const tb_zip_member *member = NULL;
    const tb_pickle_value *root = NULL;
    tb_pickle_init(&pickle);
    tb_status st = tb_zip_init(&a.zip, bytes, len_bytes, err);
    if (st == TIMBRE_OK)
        st = find_root(&a, &member, err);
    if (st == TIMBRE_OK)
        st = check_byteorder(&a, err);
    if (st == TIMBRE_OK)
        st = run_member(&a, member, &pickle, &root, err);
    if (st == TIMBRE_OK)
        st = tb_checkpoint_collect(weights, root, locate_member, &a, err);
    tb_pickle_deinit(&pickle);
    tb_zip_deinit(&a.zip);
    return st;
}
