/* Where the General MIDI SoundFont is, and whether a file can be one. */
#ifndef TB_SKETCH_SOUNDFONT_H
#define TB_SKETCH_SOUNDFONT_H

#include <stddef.h>

#include "engine/base/error.h"

/*
 * Path of the SoundFont to use into out[cap]. `setting` (may be NULL or empty) is used as it is or
 * refused by name; else the search order: FluidR3Mono, FluidR3, other GM banks in
 * /usr/share/sounds, then Homebrew's share folders and the Timbre data folder `data_dir` (may be
 * NULL). None: MODEL_MISSING, with the command to run as the fix. A file that is no SoundFont (RIFF
 * sfbk): BAD_FILE naming it.
 */
TB_MUST_USE tb_status tb_soundfont_find(const char *setting, const char *data_dir, char *out,
                                        size_t cap, tb_error *err);

/*
 * The first of the NULL-terminated `candidates` that exists, checked, into out[cap]. A leading "@/"
 * stands for `data_dir`; with data_dir NULL such a candidate is passed over. tb_soundfont_find with
 * the built-in list; a list of one's own is for tests.
 */
TB_MUST_USE tb_status tb_soundfont_find_among(const char *const *candidates, const char *data_dir,
                                              char *out, size_t cap, tb_error *err);

/*
 * Is `path` a SoundFont of full length: a regular file, "RIFF" "sfbk", not shorter than the size in
 * its header? MODEL_MISSING when it does not exist, else BAD_FILE or PERMISSION. The contents are
 * FluidSynth's to judge.
 */
TB_MUST_USE tb_status tb_soundfont_check(const char *path, tb_error *err);

#endif
