/*
 * Normal random numbers that equal PyTorch's for a seed: the CPU generator (MT19937 and its
 * Box-Muller) and CUDA's (Philox 4x32-10, Salmon et al. 2011).
 */
#ifndef TB_DIFFUSION_NOISE_H
#define TB_DIFFUSION_NOISE_H

#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/mt19937.h"

typedef enum tb_generator { TB_GENERATOR_TORCH_CPU, TB_GENERATOR_TORCH_CUDA } tb_generator;

typedef struct tb_noise {
    tb_generator generator;
    tb_mt19937 mt;
    uint64_t seed, offset; /* Philox */
    /* the second half of a double Box-Muller pair: draws of fewer than 16 */
    double cached;
    int has_cached;
} tb_noise;

/* "torch-cpu" takes 32 bits and refuses more: BAD_INPUT. */
TB_MUST_USE tb_status tb_noise_init(tb_noise *noise, tb_generator generator, uint64_t seed,
                                    tb_error *err);
/* torch.randn of n values, in torch's order. CUDA's: equal to a GPU with room for n threads at once
 * (40,960 on a T4, 221,184 on an A100); beyond that torch's order depends on the GPU. */
void tb_noise_draw(tb_noise *noise, float *out, int64_t n);
/* torch.randn(1, c, h, w), turned to channels last [h*w, c]; scratch: c*h*w floats. */
void tb_noise_draw_latents(tb_noise *noise, float *out, float *scratch, int c, int h, int w);

/* Spherical interpolation (Shoemake 1985) as Riffusion has it, from a (alpha 0) to b, along a line
 * where they point almost the same way. out may be either. */
void tb_noise_slerp(double alpha, const float *a, const float *b, int64_t n, float *out);

#endif
