#include "engine/diffusion/noise.h"

#include <math.h>

#include "engine/base/math.h"

enum { BLOCK = 16, HALF = BLOCK / 2, PHILOX_ROUNDS = 10 };

tb_status tb_noise_init(tb_noise *noise, tb_generator generator, uint64_t seed, tb_error *err)
{
    if (generator == TB_GENERATOR_TORCH_CPU && seed > UINT32_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT,
                       "seed %llu exceeds %lu, the most that 'torch-cpu' has",
                       (unsigned long long)seed, (unsigned long)UINT32_MAX);
    *noise = (tb_noise){.generator = generator, .seed = seed};
    tb_mt19937_init(&noise->mt, (uint32_t)seed);
    return TIMBRE_OK;
}

/* [0, 1) in steps of 2^-24 */
static float draw_uniform(tb_mt19937 *mt)
{
    return (float)(tb_mt19937_next(mt) & 0xffffff) * 0x1p-24F;
}

/* [0, 1) in steps of 2^-53 */
static double draw_uniform_double(tb_mt19937 *mt)
{
    uint64_t high = tb_mt19937_next(mt);
    uint64_t bits = high << 32 | tb_mt19937_next(mt);
    return (double)(bits & (((uint64_t)1 << 53) - 1)) * 0x1p-53;
}

/* Box-Muller (1958) over 16 uniform values, in place: eight radii, then eight angles. */
static void turn_normal(float *block)
{
    for (int i = 0; i < HALF; i++) {
        float u = 1 - block[i]; /* (0, 1] */
        float radius = (float)sqrt(-2 * tb_log(u));
        float angle = (float)(2 * TB_PI) * block[i + HALF];
        block[i] = (float)(radius * tb_cos(angle));
        block[i + HALF] = (float)(radius * tb_sin(angle));
    }
}

/* torch draws all uniform values first, and the last 16 anew when n is no multiple of 16. */
static void draw_blocks(tb_mt19937 *mt, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = draw_uniform(mt);
    for (int64_t i = 0; i + BLOCK <= n; i += BLOCK)
        turn_normal(out + i);
    if (n % BLOCK == 0)
        return;
    float *last = out + n - BLOCK;
    for (int i = 0; i < BLOCK; i++)
        last[i] = draw_uniform(mt);
    turn_normal(last);
}

/* Box-Muller in double precision; the sine of a pair waits in the generator. */
static double draw_one(tb_noise *noise)
{
    if (noise->has_cached) {
        noise->has_cached = 0;
        return noise->cached;
    }
    double angle = 2 * TB_PI * draw_uniform_double(&noise->mt);
    double radius = sqrt(-2 * tb_log(1 - draw_uniform_double(&noise->mt)));
    noise->cached = radius * tb_sin(angle);
    noise->has_cached = 1;
    return radius * tb_cos(angle);
}

/* Philox 4x32-10 (Salmon et al. 2011) */
static void mix(uint32_t counter[4], uint64_t key)
{
    uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t a = (uint64_t)0xd2511f53 * counter[0];
        uint64_t b = (uint64_t)0xcd9e8d57 * counter[2];
        counter[0] = (uint32_t)(b >> 32) ^ counter[1] ^ low;
        counter[1] = (uint32_t)b;
        counter[2] = (uint32_t)(a >> 32) ^ counter[3] ^ high;
        counter[3] = (uint32_t)a;
        low += 0x9e3779b9;
        high += 0xbb67ae85;
    }
}

/*
 * Thread i of torch's grid draws element i: the first value of curand_normal4. That holds for
 * tensors of at most blocks * 256 values, where a GPU has (threads per multiprocessor / 256) blocks
 * on each multiprocessor: 40,960 on a T4, 221,184 on an A100.
 */
static float draw_thread(const tb_noise *noise, uint64_t i)
{
    uint64_t call = noise->offset / 4;
    uint32_t counter[4] = {(uint32_t)call, (uint32_t)(call >> 32), (uint32_t)i,
                           (uint32_t)(i >> 32)};
    mix(counter, noise->seed);
    float turn = 0x1p-32F * (float)(2 * TB_PI);
    float u = (float)counter[0] * 0x1p-32F + 0x1p-33F; /* (0, 1] */
    float angle = fmaf((float)counter[1], turn, turn / 2);
    return (float)(sqrt(-2 * tb_log(u)) * tb_sin(angle));
}

void tb_noise_draw(tb_noise *noise, float *out, int64_t n)
{
    if (noise->generator == TB_GENERATOR_TORCH_CUDA) {
        for (int64_t i = 0; i < n; i++)
            out[i] = draw_thread(noise, (uint64_t)i);
        noise->offset += 4;
    } else if (n >= BLOCK) {
        draw_blocks(&noise->mt, out, n);
    } else {
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)draw_one(noise);
    }
}

void tb_noise_draw_latents(tb_noise *noise, float *out, float *scratch, int c, int h, int w)
{
    int64_t n_pixels = (int64_t)h * w;
    tb_noise_draw(noise, scratch, c * n_pixels);
    for (int64_t p = 0; p < n_pixels; p++)
        for (int k = 0; k < c; k++)
            out[p * c + k] = scratch[k * n_pixels + p];
}

/* Cosine above which two directions count as one. */
#define SLERP_LINE 0.9995

/* acos by Newton's method on our own cosine, the same on every machine; |c| <= SLERP_LINE. */
static double find_angle(double c)
{
    enum { N_ITERATIONS = 12 }; /* six are enough at the line itself */
    double angle = TB_PI / 2 - c;
    for (int i = 0; i < N_ITERATIONS; i++)
        angle += (tb_cos(angle) - c) / tb_sin(angle);
    return angle;
}

void tb_noise_slerp(double alpha, const float *a, const float *b, int64_t n, float *out)
{
    double dot = 0, square_a = 0, square_b = 0;
    for (int64_t i = 0; i < n; i++) {
        dot += (double)a[i] * b[i];
        square_a += (double)a[i] * a[i];
        square_b += (double)b[i] * b[i];
    }
    double cosine = dot / sqrt(square_a * square_b), from = 1 - alpha, to = alpha;
    if (fabs(cosine) <= SLERP_LINE) {
        double angle = find_angle(cosine);
        from = tb_sin(angle - angle * alpha) / tb_sin(angle);
        to = tb_sin(angle * alpha) / tb_sin(angle);
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(from * a[i] + to * b[i]);
}
