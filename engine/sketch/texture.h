/*
 * Rain, vinyl crackle, wind and waves: a procedural stereo layer for what General MIDI lacks.
 * A pure function of (texture, seed, frame), made with our own exp/log/sin/cos, so it is the same
 * on every machine.
 */
#ifndef TB_SKETCH_TEXTURE_H
#define TB_SKETCH_TEXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/progress.h"
#include "engine/sketch/brief.h"

/*
 * Add `texture` at `gain` (linear, 1 = its natural level, about -30 dBFS RMS) to
 * out[n_frames * 2], interleaved stereo at 44.1 kHz. With `loop` the layer is periodic in n_frames:
 * its seam is like any other place.
 */
TB_MUST_USE tb_status tb_texture_add(tb_texture texture, uint64_t seed, float gain, bool loop,
                                     float *out, int64_t n_frames, const tb_progress *progress,
                                     tb_error *err);

/*
 * Add every texture of level[i] > 0 to mix[n_frames * 2]: at level 1 it lies 7 dB under what is
 * there, or has its natural level when it is alone.
 */
TB_MUST_USE tb_status tb_texture_mix(const double level[TB_TEXTURE_COUNT], bool is_alone,
                                     uint64_t seed, bool loop, float *mix, int64_t n_frames,
                                     const tb_progress *progress, tb_error *err);

#endif
