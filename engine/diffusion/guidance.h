/* Classifier-free guidance (Ho & Salimans 2022). */
#ifndef TB_DIFFUSION_GUIDANCE_H
#define TB_DIFFUSION_GUIDANCE_H

#include <stdint.h>

/* out = uncond + scale * (cond - uncond), as torch computes it; out may be either. */
void tb_guide(float *out, const float *uncond, const float *cond, float scale, int64_t n);

#endif
