/*
 * The last stage: encode, read back, and give the file its name in one step. Either the take and
 * its sidecar are there whole, or nothing is.
 */
#ifndef TB_PIPELINE_SAVE_H
#define TB_PIPELINE_SAVE_H

#include "engine/pipeline/take.h"

/* Refuse early what saving would refuse: an existing file, a missing or unwritable folder. */
TB_MUST_USE tb_status tb_save_check(const timbre_output *output, const timbre_request *request,
                                    tb_error *err);

/* Encode result->pcm with take->recipe and write it as `output` says. take->metadata must be set;
 * sets path or bytes, file_sha256 and sidecar. */
TB_MUST_USE tb_status tb_save_run(const timbre_output *output, const tb_job *job,
                                  const tb_result *result, timbre_take *take, tb_error *err);

#endif
