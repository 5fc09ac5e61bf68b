/*
 * A whole folder through one kind of work: several files at a time, each on a thread with an engine
 * of its own. Results are told in the order of the names, whatever finishes first.
 */
#ifndef TB_CLI_BATCH_H
#define TB_CLI_BATCH_H

#include "cli/codec.h"

/* For the folder that the operand names. Returns the exit code: 0 when all is made or was there, 1
 * when a file failed, 128 + n when signal n ended it. */
int tb_batch_run(tb_app *app, const tb_codec_work *work);

#endif
