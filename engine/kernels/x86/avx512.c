/* The network's kernels for x86-64 with AVX-512 (F, BW, DQ, VL): the one file that is compiled for
 * it. Frames of spectra are those of avx2: they wait for memory. */
#include "engine/kernels/x86/lanes512.h"

#include "engine/kernels/network_body.h"
#include "engine/kernels/winograd_body.h"

const tb_network_kernels tb_network_avx512 = NETWORK_KERNELS;
const tb_winograd_kernels tb_winograd_avx512 = WINOGRAD_KERNELS;
