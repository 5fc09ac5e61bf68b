/* The kernels for arm64. */
#include "engine/kernels/arm/lanes.h"

#include "engine/kernels/frames_body.h"
#include "engine/kernels/network_body.h"
#include "engine/kernels/winograd_body.h"

const tb_frame_kernels tb_frames_neon = FRAME_KERNELS;
const tb_network_kernels tb_network_neon = NETWORK_KERNELS;
const tb_winograd_kernels tb_winograd_neon = WINOGRAD_KERNELS;
