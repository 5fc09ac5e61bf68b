/*
 * A sound on its way to a file that appears whole or not at all: 16-bit samples are collected on a
 * spool and hashed, then written with their recipe, read back and named. Any length.
 */
#ifndef TB_PIPELINE_SOUND_TARGET_H
#define TB_PIPELINE_SOUND_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/audio/audio_writer.h"
#include "engine/base/hash.h"
#include "engine/base/progress.h"
#include "engine/base/spool.h"

typedef struct tb_sound_target {
    const char *path;   /* borrowed */
    const char *format; /* by the path's ending */
    int n_channels, rate_hz;
    int64_t n_frames; /* collected so far */
    tb_spool spool;
    tb_sha256 hash;
    char pcm_sha256[TB_SHA256_HEX_BYTES]; /* after tb_sound_target_end */
} tb_sound_target;

/* The ending is one of a format that can be written, and the place is free. NULL: BAD_INPUT. */
TB_MUST_USE tb_status tb_sound_target_check(const char *path, bool replace, tb_error *err);

/* spool folder: that of `path`. */
TB_MUST_USE tb_status tb_sound_target_begin(tb_sound_target *target, const char *path,
                                            int n_channels, int rate_hz, tb_error *err);
TB_MUST_USE tb_status tb_sound_target_append(tb_sound_target *target, const int16_t *pcm, int64_t n,
                                             tb_error *err);
/* Nothing more comes: pcm_sha256 is known, and the recipe can be made. */
TB_MUST_USE tb_status tb_sound_target_end(tb_sound_target *target, tb_error *err);
/* Write the file with `recipe` (JSON) and `title`, read it back, name it. */
TB_MUST_USE tb_status tb_sound_target_commit(tb_sound_target *target, const char *recipe,
                                             const char *title, bool replace,
                                             const tb_progress *progress, tb_error *err);
/* Free everything. Accepts a target whose begin failed. */
void tb_sound_target_deinit(tb_sound_target *target);

#endif
