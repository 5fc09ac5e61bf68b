/*
 * A score to sound through FluidSynth: each part is rendered by its own synthesiser, so parts can
 * run on different threads, and parts are summed in part order: the same bytes for any number of
 * threads.
 */
#ifndef TB_SKETCH_SYNTH_H
#define TB_SKETCH_SYNTH_H

#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/progress.h"
#include "engine/os/pool.h"
#include "engine/sketch/score.h"

/*
 * Render `score` with the SoundFont at `soundfont_path` into out[n_frames * 2] (interleaved stereo,
 * 44.1 kHz, overwritten), n_frames = score->n_frames. A loop's tail (releases, reverb) is folded
 * back onto its beginning; otherwise what rings past the end is cut (the caller fades).
 * Polls `cancel` at least every 50 ms of work; reports fractions through `progress` (may be NULL).
 * Errors: MODEL_MISSING / BAD_FILE for the SoundFont, NO_MEMORY, CANCELLED.
 */
TB_MUST_USE tb_status tb_synth_render(const tb_score *score, const char *soundfont_path,
                                      tb_pool *pool, const tb_progress *progress, float *out,
                                      tb_error *err);

/* Version of the FluidSynth library in use, e.g. "2.3.1". Static storage. */
const char *tb_synth_version(void);

#endif
