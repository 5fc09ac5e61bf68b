/* What everybody here asks of FluidSynth: its settings, a part's seat on a synthesiser, and actions
 * on it. */
#ifndef TB_SKETCH_FLUID_H
#define TB_SKETCH_FLUID_H

#include <fluidsynth.h>

#include "engine/sketch/playlist.h"

/* Before the first synthesiser of the process, by any number of threads: silent, no audio drivers,
 * tables filled. */
void tb_fluid_prepare(void);

/* Stereo at 44.1 kHz with reverb and chorus, one thread. Owned (delete_fluid_settings); NULL for
 * memory. */
fluid_settings_t *tb_fluid_settings(void);

/* The part's program and controllers on its channel. False: the bank has no such preset; of drum
 * kits the first stands in for the others. */
bool tb_fluid_seat(fluid_synth_t *synth, const tb_part *part, int sfont_id);

/* Refusals (no sample for a key) are silence. */
void tb_fluid_do(fluid_synth_t *synth, int channel, const tb_action *action);

#endif
