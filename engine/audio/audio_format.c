#include "engine/audio/audio_format.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/audio/audio_writer.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/utf8.h"

/* In a WAV the recipe has a chunk of its own: libsndfile 1.2.0 loses comments over 2,043 bytes. */
static tb_status put_recipe_chunk(SNDFILE *sf, const char *recipe, tb_error *err)
{
    SF_CHUNK_INFO chunk = {.id_size = 4,
                           .datalen = (unsigned)strlen(recipe),
                           .data = (void *)(uintptr_t)recipe}; /* copied, not changed */
    memcpy(chunk.id, TB_AUDIO_RECIPE_CHUNK, 4);
    if (sf_set_chunk(sf, &chunk) != SF_ERR_NO_ERROR)
        return tb_fail(err, TIMBRE_FAILED, "libsndfile refused the recipe chunk: %s",
                       sf_strerror(sf));
    (void)sf_set_string(sf, SF_STR_COMMENT, "recipe in chunk '" TB_AUDIO_RECIPE_CHUNK "'");
    return TIMBRE_OK;
}

static tb_status put_recipe_comment(SNDFILE *sf, const char *recipe, tb_error *err)
{
    int failed = sf_set_string(sf, SF_STR_COMMENT, recipe);
    if (failed != 0)
        return tb_fail(err, TIMBRE_FAILED, "libsndfile refused the recipe comment: %s",
                       sf_error_number(failed));
    return TIMBRE_OK;
}

static const int opus_rates[] = {8000, 12000, 16000, 24000, 48000, 0}; /* RFC 6716 */
static const int mp3_rates[] = {8000,  11025, 12000, 16000, 22050,
                                24000, 32000, 44100, 48000, 0}; /* MPEG-1, -2 and -2.5 */

/* The length fields of a WAV have 32 bits; the rest is for header, recipe and title. */
#define WAV_MAX_BYTES (UINT32_MAX - 65536LL)

static const tb_audio_format formats[] = {
    {.name = "wav",
     .sf_format = SF_FORMAT_WAV | SF_FORMAT_PCM_16,
     .is_exact = true,
     .max_rate_hz = TB_RATE_MAX_HZ,
     .max_channels = TB_AUDIO_MAX_CHANNELS,
     .max_bytes = WAV_MAX_BYTES,
     .put_recipe = put_recipe_chunk},
    {.name = "flac",
     .sf_format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
     .is_exact = true,
     .max_rate_hz = TB_RATE_MAX_HZ,
     .max_channels = 8,
     .put_recipe = put_recipe_comment},
    {.name = "ogg",
     .sf_format = SF_FORMAT_OGG | SF_FORMAT_VORBIS,
     .max_rate_hz = 192000,
     .max_channels = 8,
     .quality = 0.6, /* about 190 kbit/s in stereo */
     .put_recipe = put_recipe_comment},
    {.name = "opus",
     .sf_format = SF_FORMAT_OGG | SF_FORMAT_OPUS,
     .rates_hz = opus_rates,
     .max_channels = 8,
     .quality = 0.6,
     .put_recipe = put_recipe_comment},
    {.name = "mp3",
     .sf_format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III,
     .rates_hz = mp3_rates,
     .max_channels = 2,
     .quality = 0.8, /* LAME's V2, about 190 kbit/s in stereo */
     .has_id3 = true},
};

enum { N_FORMATS = sizeof formats / sizeof *formats };

const tb_audio_format *tb_audio_format_find(const char *name)
{
    for (int i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const char *const *tb_audio_formats(void)
{
    static const char *const names[N_FORMATS + 1] = {"wav", "flac", "ogg", "opus", "mp3"};
    return names;
}

const char *tb_audio_format_of_path(const char *path)
{
    const char *dot = strrchr(tb_path_name(path), '.');
    for (int i = 0; dot != NULL && i < N_FORMATS; i++)
        if (strcasecmp(formats[i].name, dot + 1) == 0)
            return formats[i].name;
    return NULL;
}

bool tb_audio_format_is_exact(const char *format)
{
    const tb_audio_format *found = tb_audio_format_find(format);
    return found != NULL && found->is_exact;
}

static tb_status fail_rate(const tb_audio_format *format, int rate_hz, tb_error *err)
{
    char possible[128] = "";
    size_t len = 0;
    for (const int *rate = format->rates_hz; *rate != 0; rate++)
        len += (size_t)snprintf(possible + len, sizeof possible - len, "%s%d", len > 0 ? ", " : "",
                                *rate);
    tb_status st = tb_fail(err, TIMBRE_UNSUPPORTED, "%s cannot have a rate of %d Hz, only %s",
                           format->name, rate_hz, possible);
    tb_fix(err, "choose another format: wav and flac keep %d Hz", rate_hz);
    return st;
}

int tb_audio_format_rate(const tb_audio_format *format, int rate_hz)
{
    int highest = rate_hz;
    for (const int *rate = format->rates_hz; rate != NULL && *rate != 0; rate++) {
        if (*rate == rate_hz)
            return rate_hz;
        highest = *rate;
    }
    return highest;
}

void tb_audio_title_cut(const char *title, char out[TB_TITLE_MAX_BYTES + 1])
{
    snprintf(out, TB_TITLE_MAX_BYTES + 1, "%s", title == NULL ? "" : title);
    out[tb_utf8_check(out, strlen(out))] = '\0';
}

static tb_status check_rate(const tb_audio_format *format, int rate_hz, tb_error *err)
{
    if (format->rates_hz == NULL) {
        if (rate_hz >= 1 && rate_hz <= format->max_rate_hz)
            return TIMBRE_OK;
        return tb_fail(err, TIMBRE_UNSUPPORTED, "%s cannot have a rate of %d Hz, only 1 to %d",
                       format->name, rate_hz, format->max_rate_hz);
    }
    for (const int *rate = format->rates_hz; *rate != 0; rate++)
        if (*rate == rate_hz)
            return TIMBRE_OK;
    return fail_rate(format, rate_hz, err);
}

static tb_status check_length(const tb_audio_format *format, int n_channels, int64_t n_frames,
                              tb_error *err)
{
    int64_t bytes;
    if (format->max_bytes == 0)
        return TIMBRE_OK;
    if (!__builtin_mul_overflow(n_frames, 2 * (int64_t)n_channels, &bytes) &&
        bytes <= format->max_bytes)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_UNSUPPORTED,
                           "%lld frames of %d channels are more than the %lld bytes that fit a %s",
                           (long long)n_frames, n_channels, (long long)format->max_bytes,
                           format->name);
    tb_fix(err, "write flac instead");
    return st;
}

tb_status tb_audio_format_check(const tb_audio_spec *spec, tb_error *err)
{
    const tb_audio_format *format = tb_audio_format_find(spec->format);
    if (format == NULL)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "format '%s' cannot be written", spec->format);
    if (spec->n_channels < 1 || spec->n_channels > format->max_channels)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "%s cannot have %d channels, only 1 to %d",
                       format->name, spec->n_channels, format->max_channels);
    if (spec->recipe != NULL && strlen(spec->recipe) > TB_RECIPE_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_INPUT, "recipe of %zu bytes exceeds %d bytes",
                       strlen(spec->recipe), TB_RECIPE_MAX_BYTES);
    tb_status st = check_rate(format, spec->rate_hz, err);
    return st == TIMBRE_OK ? check_length(format, spec->n_channels, spec->n_frames, err) : st;
}
