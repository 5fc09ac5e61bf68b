/* The kernels in plain C: the specification, and what runs where there is no better variant. */
#include "engine/kernels/ref/lanes.h"

#include "engine/kernels/frames_body.h"
#include "engine/kernels/network_body.h"
#include "engine/kernels/winograd_body.h"

const tb_frame_kernels tb_frames_ref = FRAME_KERNELS;
const tb_network_kernels tb_network_ref = NETWORK_KERNELS;
const tb_winograd_kernels tb_winograd_ref = WINOGRAD_KERNELS;
