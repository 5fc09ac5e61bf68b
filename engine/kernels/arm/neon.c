/* The kernels for arm64. */
#include "engine/kernels/arm/lanes.h"

#include "engine/kernels/frames_body.h"
#include "engine/kernels/network_body.h"

const tb_kernels tb_kernels_neon = KERNEL_TABLE("neon");
