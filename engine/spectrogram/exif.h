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

/* The block for `params` and the spectrogram's maximum. Whole numbers up to 65,535 are SHORT,
 * others LONG, in the same room: it is always 150 bytes. */
void tb_exif_format(const timbre_spectrogram_params *params, double max_value,
                    unsigned char out[TB_EXIF_BYTES]);

/*
 * Read a TIFF block (without "Exif\0\0"); the nine parameters may be of any numeric type. *found:
 * all nine are there; *params is then they, and the defaults for what is not in the block; else it
 * is left alone. *max_value is NAN when absent or not finite. BAD_FILE: a block that is no TIFF,
 * whose tags point outside or are no single numbers, or with values that no spectrogram can have
 * (hop 0, 10^9 bands): names tag, value and limit (timbre_spectrogram_params_check).
 */
TB_MUST_USE tb_status tb_exif_parse(const unsigned char *bytes, size_t len_bytes,
                                    timbre_spectrogram_params *params, double *max_value,
                                    bool *found, tb_error *err);

#endif
