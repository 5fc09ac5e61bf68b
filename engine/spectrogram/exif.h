/*
 * The EXIF block in which Riffusion keeps the parameters of a spectrogram image: TIFF, big-endian
 * when written (150 bytes), either order when read. Tags 11000-11080; others are ignored.
 */
#ifndef TB_SPECTROGRAM_EXIF_H
#define TB_SPECTROGRAM_EXIF_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "timbre/spectrogram.h"

enum { TB_EXIF_BYTES = 150, TB_EXIF_MAX_BYTES = 64 * 1024 };

/* The block for `params` and the spectrogram's maximum into out; *len_bytes is 150 unless values
 * above 65,535 need room (LONG has the same size in the entry: it is always 150). */
void tb_exif_format(const timbre_spectrogram_params *params, double max_value,
                    unsigned char out[TB_EXIF_BYTES]);

/*
 * Read a TIFF block (without "Exif\0\0"). *found: all nine parameters are there; else *params is
 * left alone. *max_value is NAN when absent. A block that is no TIFF or whose entries point
 * outside: BAD_FILE. Values that no spectrogram can have (hop 0, 10^9 bands): BAD_FILE naming tag,
 * value and limit (timbre_spectrogram_params_check).
 */
TB_MUST_USE tb_status tb_exif_parse(const unsigned char *bytes, size_t len_bytes,
                                    timbre_spectrogram_params *params, double *max_value,
                                    bool *found, tb_error *err);

#endif
