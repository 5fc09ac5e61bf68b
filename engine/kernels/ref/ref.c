/* The kernels in plain C: the specification, and what runs where there is no better variant. */
#include "engine/kernels/ref/lanes.h"

#include "engine/kernels/frames_body.h"
#include "engine/kernels/network_body.h"

const tb_kernels tb_kernels_ref = KERNEL_TABLE("ref");
