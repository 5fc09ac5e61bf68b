/* The one who claims jobs and has the generator child make them. */
#ifndef TB_WORKER_RUNNER_H
#define TB_WORKER_RUNNER_H

#include "engine/base/error.h"

struct tb_model_place;
struct tb_runner;

/* Have the generator load a model when nothing else runs. Returns at once; `place` is borrowed. */
TB_MUST_USE tb_status tb_runner_warm(struct tb_runner *runner, const struct tb_model_place *place,
                                     tb_error *err);

#endif
