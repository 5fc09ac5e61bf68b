/* The kernels for x86-64 with AVX2, FMA and F16C: the one file that is compiled for these. */
#include "engine/kernels/x86/lanes.h"

#include "engine/kernels/frames_body.h"
#include "engine/kernels/network_body.h"

const tb_kernels tb_kernels_avx2 = KERNEL_TABLE("avx2");
