#include "engine/audio/memory_file.h"

#include <stdlib.h>
#include <string.h>

static sf_count_t get_length(void *user)
{
    return (sf_count_t)((tb_memory_file *)user)->len;
}

static sf_count_t seek_to(sf_count_t offset, int whence, void *user)
{
    tb_memory_file *f = user;
    sf_count_t base = whence == SEEK_CUR   ? (sf_count_t)f->position
                      : whence == SEEK_END ? (sf_count_t)f->len
                                           : 0;
    sf_count_t target;
    if (__builtin_add_overflow(base, offset, &target) || target < 0)
        return -1;
    f->position = (size_t)target;
    return target;
}

static sf_count_t read_from(void *out, sf_count_t count, void *user)
{
    tb_memory_file *f = user;
    if (count <= 0 || f->position >= f->len)
        return 0;
    size_t n = f->len - f->position;
    if (n > (size_t)count)
        n = (size_t)count;
    memcpy(out, f->bytes + f->position, n);
    f->position += n;
    return (sf_count_t)n;
}

static bool grow(tb_memory_file *f, size_t need)
{
    if (need <= f->capacity)
        return true;
    size_t capacity = f->capacity < 65536 ? 65536 : f->capacity;
    while (capacity < need)
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
            capacity = need;
    unsigned char *grown = realloc(f->bytes, capacity);
    if (grown == NULL)
        return false;
    memset(grown + f->capacity, 0, capacity - f->capacity); /* a seek past the end leaves zeros */
    f->bytes = grown;
    f->capacity = capacity;
    return true;
}

static sf_count_t write_to(const void *in, sf_count_t count, void *user)
{
    tb_memory_file *f = user;
    size_t end;
    if (count <= 0)
        return 0;
    if (!f->writable || __builtin_add_overflow(f->position, (size_t)count, &end) || !grow(f, end)) {
        f->failed = true;
        return 0;
    }
    memcpy(f->bytes + f->position, in, (size_t)count);
    f->position = end;
    if (end > f->len)
        f->len = end;
    return count;
}

static sf_count_t tell(void *user)
{
    return (sf_count_t)((tb_memory_file *)user)->position;
}

SF_VIRTUAL_IO tb_memory_file_io = {
    .get_filelen = get_length, .seek = seek_to, .read = read_from, .write = write_to, .tell = tell};
