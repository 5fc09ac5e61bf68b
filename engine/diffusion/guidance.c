#include "engine/diffusion/guidance.h"

void tb_guide(float *out, const float *uncond, const float *cond, float scale, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = uncond[i] + scale * (cond[i] - uncond[i]);
}
