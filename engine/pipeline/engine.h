/* What the rest of the pipeline may have of the engine object. */
#ifndef TB_PIPELINE_ENGINE_H
#define TB_PIPELINE_ENGINE_H

#include "engine/base/log.h"
#include "engine/kernels/kernels.h"
#include "engine/os/pool.h"
#include "timbre/engine.h"

tb_pool *tb_engine_pool(timbre_engine *engine);
const tb_kernels *tb_engine_kernels(const timbre_engine *engine);
const tb_logger *tb_engine_log(const timbre_engine *engine);

/* What the caller's struct has, which may be of an older or newer header; the rest of `out` stays
 * as it is. */
void tb_copy_options(void *out, size_t size, const void *in, size_t struct_size);

#endif
