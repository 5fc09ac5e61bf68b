/*
 * From the child's frame to a take: the file gets its bytes, then its name, then its row, in an
 * order that leaves exactly one take whatever stops it. What is about to get its name stands in the
 * job's `pending`; after a crash the recovery finds the file there, or not, and goes on from that.
 */
#ifndef TB_WORKER_TAKE_COMMIT_H
#define TB_WORKER_TAKE_COMMIT_H

#include <jansson.h>

#include "worker/channel.h"
#include "worker/service.h"

/*
 * Read the sound that follows `frame` (op "take") from the channel, write it below the output
 * folder and enter it as the result of `job`. CANCELLED: the job was asked to stop meanwhile, and
 * nothing is left of the file. VERIFY_FAILED: what came is not what the frame says. NO_SPACE, IO
 * family: nothing is left. NOT_FOUND: the child died while sending.
 */
TB_MUST_USE tb_status tb_take_commit(tb_worker *worker, const tb_stored_job *job,
                                     const json_t *frame, int64_t len_bytes, tb_channel *channel,
                                     tb_error *err);

/*
 * Bring every job that nobody runs any more, although its row says so, to where it belongs: its
 * take entered, cancelled, or back in the queue. After a start (is_counted) the attempt counts, and
 * five fail the job; where only the row could not be written, because the disk was full, it does
 * not.
 */
TB_MUST_USE tb_status tb_take_recover(tb_worker *worker, bool is_counted, tb_error *err);

#endif
