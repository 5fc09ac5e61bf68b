/* Where the General MIDI SoundFont is. */
#ifndef TB_SKETCH_SOUNDFONT_H
#define TB_SKETCH_SOUNDFONT_H

#include <stddef.h>

#include "engine/base/error.h"

/*
 * Path of the SoundFont to use into out[cap]. `setting` (may be NULL or empty) is used as it is or
 * refused by name; else the search order: FluidR3Mono, FluidR3, other GM banks in /usr/share/sounds,
 * then Homebrew's share folders and the Timbre data folder `data_dir` (may be NULL).
 * None: MODEL_MISSING, with the command to run as the fix. A file that is no SoundFont (RIFF sfbk):
 * BAD_FILE naming it.
 */
TB_MUST_USE tb_status tb_soundfont_find(const char *setting, const char *data_dir, char *out,
                                        size_t cap, tb_error *err);

#endif
