/*
 * The Mersenne Twister MT19937 (Matsumoto & Nishimura 1998), seeded from 32 bits with Knuth's
 * 1812433253 as numpy's legacy generator and torch's CPU generator do.
 */
#ifndef TB_BASE_MT19937_H
#define TB_BASE_MT19937_H

#include <stdint.h>

enum { TB_MT19937_WORDS = 624 };

typedef struct tb_mt19937 {
    uint32_t state[TB_MT19937_WORDS];
    int at; /* next word; TB_MT19937_WORDS: make new ones first */
} tb_mt19937;

void tb_mt19937_init(tb_mt19937 *mt, uint32_t seed);
uint32_t tb_mt19937_next(tb_mt19937 *mt);
/* numpy.random.randint(0, n) of the legacy generator for 1 <= n <= 2^32: masked rejection. */
uint32_t tb_mt19937_below(tb_mt19937 *mt, uint64_t n);

#endif
