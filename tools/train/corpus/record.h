/* A clip's line of clips.jsonl: what was asked and what is heard. */
#ifndef TB_TRAIN_RECORD_H
#define TB_TRAIN_RECORD_H

#include "tools/train/corpus/play.h"

/* Every line is as long, so that processes write theirs wherever they belong. */
enum { TB_RECORD_BYTES = 1024 };

/* One JSON object, spaces up to the end, a line feed. Not NUL-terminated. INTERNAL: it does not
 * fit. */
TB_MUST_USE tb_status tb_record_format(const tb_clip *clip, const tb_piece *piece, int index,
                                       bool is_silent, char out[TB_RECORD_BYTES], tb_error *err);

#endif
