/*
 * Files of weights in memory: opened, mapped, told apart by what they begin with, let go, closed.
 * The mapping is private and read-only. A file that somebody cuts short while it is mapped ends the
 * process with SIGBUS at the next use of the lost pages; a library cannot catch that, only ask the
 * system beforehand (tb_weights_expect). Whoever replaces a model file gives the new one its name
 * instead of writing into the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/str.h"
#include "engine/tensor/weights_file.h"

enum { START_BYTES = 16 };

#define LEGACY_MAGIC "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

/* What a file can begin with: text at an offset. Without a reader: what it is, and what to do. */
static const struct {
    size_t at, len;
    const char *start;
    tb_weights_reader *read;
    const char *format, *fix;
} kinds[] = {
    {0, 4, "PK\003\004", tb_checkpoint_read_zip, "PyTorch zip", NULL},
    {0, 4, "PK\005\006", tb_checkpoint_read_zip, "PyTorch zip", NULL},
    /* LONG1 of ten bytes behind PROTO, or behind PROTO and FRAME: torch's magic number
     * 0x1950a86a20f9469cfc6c */
    {2, 12, LEGACY_MAGIC, tb_checkpoint_read_legacy, "PyTorch legacy", NULL},
    {11, 12, LEGACY_MAGIC, tb_checkpoint_read_legacy, "PyTorch legacy", NULL},
    {8, 1, "{", tb_safetensors_read, "safetensors", NULL},
    {0, 14, "version https:", NULL, "a Git LFS pointer in place of the weights",
     "fetch the file itself: git lfs pull, or download it again"},
    {0, 4, "GGUF", NULL, "GGUF, which is not supported", "take the safetensors form of the model"},
    {0, 1, "<", NULL, "a web page in place of the weights", "download the file again"},
    {0, 1, "\x80", NULL, "a pickle without the mark of a PyTorch checkpoint",
     "save it again with torch.save"},
};

static size_t kind_of(const unsigned char *bytes, size_t len_bytes)
{
    size_t i = 0;
    for (; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].at + kinds[i].len <= len_bytes &&
            memcmp(bytes + kinds[i].at, kinds[i].start, kinds[i].len) == 0)
            break;
    return i;
}

static tb_status read_bytes(tb_weights *weights, const unsigned char *bytes, size_t len_bytes,
                            tb_error *err)
{
    size_t kind = kind_of(bytes, len_bytes);
    if (len_bytes < START_BYTES && kind == sizeof kinds / sizeof *kinds)
        return tb_fail(err, TIMBRE_BAD_FILE, "%zu bytes are too short for weights", len_bytes);
    if (kind == sizeof kinds / sizeof *kinds)
        return tb_fail(err, TIMBRE_BAD_FILE, "neither safetensors nor a PyTorch checkpoint");
    if (kinds[kind].read == NULL) {
        tb_fail(err, TIMBRE_BAD_FILE, "this is %s", kinds[kind].format);
        tb_fix(err, "%s", kinds[kind].fix);
        return TIMBRE_BAD_FILE;
    }
    memcpy(weights->format, kinds[kind].format, strlen(kinds[kind].format) + 1);
    return kinds[kind].read(weights, bytes, len_bytes, err);
}

/* The file becomes the newest of `weights`, which then owns its mapping. */
static tb_status push_file(tb_weights *weights, const char *path, tb_weights_mapping **out,
                           tb_error *err)
{
    tb_weights_mapping *grown = realloc(weights->files,
                                        (weights->n_files + 1) * sizeof *weights->files);
    if (grown != NULL)
        weights->files = grown;
    char *copy = grown == NULL ? NULL : tb_strdup(path);
    if (copy == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    *out = &grown[weights->n_files++];
    **out = (tb_weights_mapping){.path = copy};
    return TIMBRE_OK;
}

static tb_status map(int fd, tb_weights_mapping *file, tb_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return tb_fail_errno(err, errno, "cannot examine '%s'", file->path);
    if (!S_ISREG(info.st_mode))
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not a regular file", file->path);
    if (info.st_size == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is empty", file->path);
    if ((unsigned long long)info.st_size > SIZE_MAX / 2)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' of %lld bytes does not fit the address space",
                       file->path, (long long)info.st_size);
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return tb_fail_errno(err, errno, "cannot map the %lld bytes of '%s'",
                             (long long)info.st_size, file->path);
    file->bytes = bytes;
    file->len_bytes = (size_t)info.st_size;
    file->is_mapped = true;
    file->stamp = tb_stamp_of(&info);
    return TIMBRE_OK;
}

tb_status tb_weights_read_file(tb_weights *weights, const char *path, tb_error *err)
{
    tb_weights_mapping *file = NULL;
    tb_status st = push_file(weights, path, &file, err);
    if (st != TIMBRE_OK)
        return st;
    /* O_NONBLOCK: a pipe without a writer must not keep us waiting */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", path);
    st = map(fd, file, err);
    close(fd);
    if (st == TIMBRE_OK)
        st = read_bytes(weights, file->bytes, file->len_bytes, err);
    if (st == TIMBRE_BAD_FILE)
        tb_error_name(err, path);
    return st;
}

static tb_weights *weights_new(void)
{
    tb_weights *weights = calloc(1, sizeof *weights);
    if (weights != NULL)
        tb_arena_init(&weights->arena, TB_WEIGHTS_MAX_ARENA_BYTES);
    return weights;
}

static bool is_index(const char *path)
{
    static const char *const endings[] = {".index.json", ".index.fp16.json"}; /* of diffusers */
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (len > n && strcmp(path + len - n, endings[i]) == 0)
            return true;
    }
    return false;
}

tb_status tb_weights_open(const char *path, tb_weights **out, tb_error *err)
{
    *out = NULL;
    tb_weights *weights = weights_new();
    if (weights == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to open '%s'", path);
    tb_status st;
    if (is_index(path)) {
        st = tb_shards_read(weights, path, err);
    } else {
        st = tb_weights_read_file(weights, path, err);
        if (st == TIMBRE_OK)
            st = tb_weights_sort(weights, err);
    }
    if (st != TIMBRE_OK) {
        if (st == TIMBRE_BAD_FILE)
            tb_error_name(err, path);
        tb_weights_close(weights);
        return st;
    }
    *out = weights;
    return TIMBRE_OK;
}

tb_status tb_weights_open_bytes(const void *bytes, size_t len_bytes, tb_weights **out,
                                tb_error *err)
{
    *out = NULL;
    tb_weights *weights = weights_new();
    tb_weights_mapping *file = NULL;
    tb_status st = weights == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for weights")
                                   : push_file(weights, "memory", &file, err);
    if (st == TIMBRE_OK) {
        file->bytes = bytes;
        file->len_bytes = len_bytes;
        st = read_bytes(weights, bytes, len_bytes, err);
    }
    if (st == TIMBRE_OK)
        st = tb_weights_sort(weights, err);
    if (st == TIMBRE_OK)
        *out = weights;
    else
        tb_weights_close(weights);
    return st;
}

void tb_weights_close(tb_weights *weights)
{
    if (weights == NULL)
        return;
    for (size_t i = 0; i < weights->n_files; i++) {
        tb_weights_mapping *file = &weights->files[i];
        if (file->is_mapped)
            (void)munmap((void *)(uintptr_t)file->bytes, file->len_bytes);
        free(file->path);
    }
    free(weights->files);
    free(weights->entries);
    free(weights->pairs);
    tb_arena_deinit(&weights->arena);
    free(weights);
}

/* The whole pages inside a tensor's bytes: neighbours may still be in use. false: there are none.
 */
static bool find_pages(const tb_tensor *tensor, uintptr_t *begin, uintptr_t *end)
{
    if (tensor->n_elements == 0 || !tensor->is_mapped)
        return false;
    int64_t last = 0;
    for (int d = 0; d < tensor->rank; d++)
        last += (tensor->shape[d] - 1) * tensor->stride[d];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    *begin = (uintptr_t)tensor->data;
    *end = *begin + ((uintptr_t)last + 1) * tb_dtype_size(tensor->dtype);
    *begin = (*begin + page - 1) / page * page;
    *end = *end / page * page;
    return *begin < *end;
}

bool tb_weights_expect(const tb_tensor *tensor)
{
    uintptr_t begin, end;
    if (!find_pages(tensor, &begin, &end))
        return true;
#if defined(MADV_POPULATE_READ)
    if (madvise((void *)begin, end - begin, MADV_POPULATE_READ) == 0)
        return true;
    if (errno == EFAULT) /* in place of SIGBUS */
        return false;
#endif
    (void)madvise((void *)begin, end - begin, MADV_WILLNEED);
    return true;
}

void tb_weights_let_go(const tb_tensor *tensor)
{
    uintptr_t begin, end;
    if (find_pages(tensor, &begin, &end))
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}
