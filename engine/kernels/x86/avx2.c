/* The kernels for x86-64 with AVX2, FMA and F16C: the one file that is compiled for these. */
#include "engine/kernels/x86/lanes.h"

#include "engine/kernels/frames_body.h"
#include "engine/kernels/network_body.h"
#include "engine/kernels/winograd_body.h"

const tb_frame_kernels tb_frames_avx2 = FRAME_KERNELS;
const tb_network_kernels tb_network_avx2 = NETWORK_KERNELS;
const tb_winograd_kernels tb_winograd_avx2 = WINOGRAD_KERNELS;
