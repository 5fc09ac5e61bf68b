#include "engine/base/mt19937.h"

enum { WORDS = TB_MT19937_WORDS, SHIFT = 397 };

#define TWIST      0x9908b0dfU /* last row of the recurrence's matrix */
#define UPPER_MASK 0x80000000U /* the one bit that is taken of the word before */
#define LOWER_MASK 0x7fffffffU

void tb_mt19937_init(tb_mt19937 *mt, uint32_t seed)
{
    mt->state[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++) {
        uint32_t before = mt->state[i - 1];
        mt->state[i] = 1812433253U * (before ^ (before >> 30)) + i;
    }
    mt->at = WORDS;
}

static void make_words(tb_mt19937 *mt)
{
    uint32_t *s = mt->state;
    for (int i = 0; i < WORDS; i++) {
        uint32_t y = (s[i] & UPPER_MASK) | (s[(i + 1) % WORDS] & LOWER_MASK);
        s[i] = s[(i + SHIFT) % WORDS] ^ (y >> 1) ^ (y & 1 ? TWIST : 0);
    }
    mt->at = 0;
}

uint32_t tb_mt19937_next(tb_mt19937 *mt)
{
    if (mt->at >= WORDS)
        make_words(mt);
    uint32_t y = mt->state[mt->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
}

uint32_t tb_mt19937_below(tb_mt19937 *mt, uint64_t n)
{
    uint32_t last = (uint32_t)(n - 1), mask = last;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    if (last == 0)
        return 0; /* numpy draws nothing then */
    for (;;) {
        uint32_t x = tb_mt19937_next(mt) & mask;
        if (x <= last)
            return x;
    }
}
