/* Little-endian numbers at any address. */
#ifndef TB_TENSOR_LITTLE_H
#define TB_TENSOR_LITTLE_H

#include <stdint.h>

static inline uint64_t tb_little(const unsigned char *bytes, int n_bytes)
{
    uint64_t value = 0;
    for (int i = n_bytes - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

#endif
