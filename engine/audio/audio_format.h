/* The formats that audio files are written in: one table behind endings, checks and encoders. */
#ifndef TB_AUDIO_AUDIO_FORMAT_H
#define TB_AUDIO_AUDIO_FORMAT_H

#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"

#define TB_AUDIO_RECIPE_CHUNK "tmbr" /* of a WAV */

typedef struct tb_audio_format {
    const char *name; /* also the ending of files */
    int sf_format;
    bool is_exact;       /* what is read back is what was written */
    const int *rates_hz; /* the only ones, ascending, 0-terminated; NULL: any up to max_rate_hz */
    int max_rate_hz, max_channels;
    int64_t max_bytes; /* of samples; 0: no limit */
    double quality;    /* 0..1 of what is lossy */
    bool has_id3;      /* texts stand in a tag of ours before libsndfile's bytes (id3.h) */
    /* NULL with has_id3 */
    tb_status (*put_recipe)(SNDFILE *sf, const char *recipe, tb_error *err);
} tb_audio_format;

/* The title as a file keeps it: UTF-8, cut at a character; "" for NULL. */
void tb_audio_title_cut(const char *title, char out[TB_TITLE_MAX_BYTES + 1]);
/* The rate to write a sound of rate_hz with: that one where the format can have it, else the
 * highest of those that it knows. */
int tb_audio_format_rate(const tb_audio_format *format, int rate_hz);

/* By its name, in small letters; NULL when there is none. */
const tb_audio_format *tb_audio_format_find(const char *name);

#endif
