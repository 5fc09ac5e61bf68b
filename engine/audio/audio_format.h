/* The formats that audio files are written in: one table behind endings, checks and encoders. */
#ifndef TB_AUDIO_AUDIO_FORMAT_H
#define TB_AUDIO_AUDIO_FORMAT_H

#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

#define TB_AUDIO_RECIPE_CHUNK "tmbr" /* of a WAV */

typedef struct tb_audio_format {
    const char *name; /* also the ending of files */
    int sf_format;
    bool is_exact;       /* what is read back is what was written */
    const int *rates_hz; /* the only ones, ascending, 0-terminated; NULL: any up to max_rate_hz */
    int max_rate_hz, max_channels;
    int64_t max_bytes; /* of samples; 0: no limit */
    double quality;    /* 0..1 of what is lossy */
    tb_status (*put_recipe)(SNDFILE *sf, const char *recipe, tb_error *err);
} tb_audio_format;

/* By its name, in small letters; NULL when there is none. */
const tb_audio_format *tb_audio_format_find(const char *name);

#endif
