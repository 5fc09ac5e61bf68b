#include "engine/base/random.h"

#include <errno.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#define GOLDEN_GAMMA 0x9e3779b97f4a7c15ULL /* 2^64 / golden ratio, SplitMix64's increment */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t tb_random_at(uint64_t key, uint64_t index)
{
    return mix(key + (index + 1) * GOLDEN_GAMMA);
}

uint64_t tb_random_key(uint64_t seed, const char *label)
{
    uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a, 64 bit */
    for (const char *p = label; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3ULL;
    return mix(mix(seed + GOLDEN_GAMMA) ^ h);
}

tb_random tb_random_init(uint64_t seed, const char *label)
{
    return (tb_random){.key = tb_random_key(seed, label)};
}

uint64_t tb_random_next(tb_random *r)
{
    return tb_random_at(r->key, r->counter++);
}

double tb_random_unit(tb_random *r)
{
    return (double)(tb_random_next(r) >> 11) * 0x1p-53;
}

int tb_random_range(tb_random *r, int lo, int hi)
{
    uint32_t span = (uint32_t)hi - (uint32_t)lo + 1;
    if (span == 0)
        return (int)(uint32_t)tb_random_next(r);
    uint32_t threshold = (0u - span) % span;
    for (;;) {
        uint64_t m = (tb_random_next(r) >> 32) * span;
        if ((uint32_t)m >= threshold)
            return (int)((uint32_t)lo + (uint32_t)(m >> 32));
    }
}

_Bool tb_random_chance(tb_random *r, double p)
{
    return tb_random_unit(r) < p;
}

int tb_random_weighted(tb_random *r, const double *weights, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += weights[i];
    double x = tb_random_unit(r) * sum;
    for (int i = 0; i < n - 1; i++) {
        if (x < weights[i])
            return i;
        x -= weights[i];
    }
    return n - 1;
}

double tb_random_normal(tb_random *r)
{
    double sum = 0; /* Irwin-Hall: 12 uniforms have variance 1 */
    for (int i = 0; i < 12; i++)
        sum += tb_random_unit(r);
    double z = sum - 6.0;
    return z > 4 ? 4 : z < -4 ? -4 : z;
}

tb_status tb_entropy(void *out, unsigned n, tb_error *err)
{
    if (getentropy(out, n) != 0)
        return tb_fail_errno(err, errno, "cannot read %u random bytes from the system", n);
    return TIMBRE_OK;
}
