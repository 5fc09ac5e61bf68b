/* Random pieces of a sound, cut at the sample, as riffusion-hobby's sample-clips does it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/audio_writer.h"
#include "engine/audio/source.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/mt19937.h"
#include "engine/base/random.h"
#include "engine/base/str.h"
#include "engine/pipeline/engine.h"
#include "timbre/spectrogram.h"

enum { BLOCK_FRAMES = 4096 };

#define SEED_MAX 4294967295LL /* numpy.random.seed takes 32 bits */

typedef struct {
    timbre_clips_options options;
    tb_source *source;
    tb_source_info info;
    int64_t n_frames, length_ms;
    float *block;     /* [BLOCK_FRAMES * n_channels], owned */
    int16_t *block16; /* the same */
    tb_mt19937 random;
} sampling;

const char *const *timbre_audio_formats(void)
{
    return tb_audio_formats();
}

static tb_status check_options(const timbre_clips_options *o, tb_error *err)
{
    if (o->n_clips < 1 || o->n_clips > TB_CLIPS_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "number of clips %d is not within 1 to %d",
                       o->n_clips, TB_CLIPS_MAX);
    if (o->duration_ms < 1)
        return tb_fail(err, TIMBRE_BAD_INPUT, "duration of %d ms is below 1 ms", o->duration_ms);
    if (o->seed < -1 || o->seed > SEED_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "seed %lld is not within 0 to %lld",
                       (long long)o->seed, SEED_MAX);
    if (o->output_dir == NULL || o->output_dir[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "no output folder is known");
    return TIMBRE_OK;
}

static tb_audio_spec spec_of(const sampling *s, int64_t n_frames)
{
    return (tb_audio_spec){.format = s->options.extension,
                           .rate_hz = s->info.rate_hz,
                           .n_channels = s->info.n_channels,
                           .n_frames = n_frames};
}

static tb_status check_cancel(const sampling *s, tb_error *err)
{
    const timbre_cancel *cancel = s->options.cancel;
    return cancel != NULL && timbre_cancel_is_requested(cancel)
               ? tb_fail(err, TIMBRE_CANCELLED, "interrupted")
               : TIMBRE_OK;
}

/* The length by reading to the end: what a header claims may be wrong. */
static tb_status count_frames(sampling *s, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (int64_t n = 1; n > 0 && st == TIMBRE_OK; s->n_frames += n) {
        n = 0;
        st = check_cancel(s, err);
        if (st == TIMBRE_OK)
            st = tb_source_read(s->source, s->block, BLOCK_FRAMES, &n, err);
    }
    /* int(segment.duration_seconds * 1000) */
    s->length_ms = (int64_t)((double)s->n_frames / s->info.rate_hz * 1000);
    return st;
}

static tb_status open_sound(sampling *s, const char *path, tb_error *err)
{
    tb_source_spec spec = {.n_channels = s->options.mono ? 1 : 0};
    tb_status st = tb_source_open(path, &spec, &s->source, err);
    if (st != TIMBRE_OK)
        return st;
    tb_source_get_info(s->source, &s->info);
    tb_audio_spec written = spec_of(s, 0);
    st = tb_audio_format_check(&written, err);
    if (st != TIMBRE_OK)
        return st;
    size_t n_samples = (size_t)BLOCK_FRAMES * (size_t)s->info.n_channels;
    s->block = malloc(sizeof *s->block * n_samples);
    s->block16 = malloc(sizeof *s->block16 * n_samples);
    if (s->block == NULL || s->block16 == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read %d channels", s->info.n_channels);
    st = count_frames(s, err);
    if (st == TIMBRE_OK && s->length_ms < s->options.duration_ms)
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' of %lld ms is shorter than a clip of %d ms", path,
                     (long long)s->length_ms, s->options.duration_ms);
    return st;
}

static tb_status start_random(sampling *s, tb_error *err)
{
    uint32_t seed = (uint32_t)s->options.seed;
    tb_status st = s->options.seed >= 0 ? TIMBRE_OK : tb_entropy(&seed, sizeof seed, err);
    tb_mt19937_init(&s->random, seed);
    return st;
}

/* Where clip i goes; owned. */
static char *name_clip(const sampling *s, int i, int64_t start_ms)
{
    const timbre_clips_options *o = &s->options;
    if (o->stem != NULL)
        return tb_strf("%s/%s_%d_start_%lld_ms_dur_%d_ms.%s", o->output_dir, o->stem, i,
                       (long long)start_ms, o->duration_ms, o->extension);
    return tb_strf("%s/clip_%d_start_%lld_ms_duration_%d_ms.%s", o->output_dir, i,
                   (long long)start_ms, o->duration_ms, o->extension);
}

/* pydub's frame_count(ms), with its rounding. */
static int64_t frame_of(const sampling *s, int64_t ms)
{
    return (int64_t)((double)ms * ((double)s->info.rate_hz / 1000.0));
}

/* The next n frames as 16 bits: to nearest even, saturated; silence behind the end of the file. */
static tb_status read_block(sampling *s, int64_t n, tb_error *err)
{
    int64_t n_read = 0, n_channels = s->info.n_channels;
    tb_status st = check_cancel(s, err);
    if (st == TIMBRE_OK)
        st = tb_source_read(s->source, s->block, n, &n_read, err);
    for (int64_t i = 0; i < n * n_channels && st == TIMBRE_OK; i++) {
        float x = i < n_read * n_channels ? s->block[i] : 0;
        s->block16[i] = (int16_t)lrintf(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
    }
    return st;
}

static tb_status write_sound(sampling *s, int fd, int64_t n_frames, tb_sha256 *hash, tb_error *err)
{
    tb_audio_spec spec = spec_of(s, n_frames);
    tb_audio_writer *writer;
    tb_status st = tb_audio_writer_open(&spec, fd, &writer, err);
    if (st != TIMBRE_OK)
        return st;
    for (int64_t left = n_frames; left > 0 && st == TIMBRE_OK;) {
        int64_t n = left < BLOCK_FRAMES ? left : BLOCK_FRAMES;
        st = read_block(s, n, err);
        if (st == TIMBRE_OK)
            st = tb_sha256_add(hash, s->block16,
                               sizeof *s->block16 * (size_t)(n * s->info.n_channels), err);
        if (st == TIMBRE_OK)
            st = tb_audio_writer_append(writer, s->block16, n, err);
        left -= n;
    }
    if (st == TIMBRE_OK)
        return tb_audio_writer_close(writer, err);
    tb_audio_writer_abort(writer);
    return st;
}

/* What a reader will get is what was meant. */
static tb_status verify(const sampling *s, const tb_file_writer *file, int64_t n_frames,
                        const char *hex, tb_error *err)
{
    if (!tb_audio_format_is_exact(s->options.extension))
        return TIMBRE_OK;
    tb_audio_spec spec = spec_of(s, n_frames);
    timbre_audio *audio;
    tb_status st = timbre_audio_open(tb_file_read_path(file), &audio, err);
    if (st == TIMBRE_OK)
        st = tb_audio_verify_hash(audio, &spec, hex, err);
    timbre_audio_close(audio);
    return st;
}

static tb_status write_clip(sampling *s, const char *path, int64_t start_ms, tb_error *err)
{
    int64_t from = frame_of(s, start_ms);
    int64_t n_frames = frame_of(s, start_ms + s->options.duration_ms) - from;
    char hex[TB_SHA256_HEX_BYTES];
    tb_file_writer file;
    tb_sha256 hash = {0};
    tb_status st = tb_source_seek(s->source, from, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_file_begin(&file, path, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_init(&hash, err);
    if (st == TIMBRE_OK)
        st = write_sound(s, file.fd, n_frames, &hash, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    if (st == TIMBRE_OK)
        st = tb_file_sync(&file, err);
    if (st == TIMBRE_OK)
        st = verify(s, &file, n_frames, hex, err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&file, s->options.replace, err);
    if (st == TIMBRE_EXISTS)
        tb_fix(err, "choose another folder, or overwrite it with --force");
    tb_file_abort(&file);
    tb_sha256_deinit(&hash);
    return st;
}

static tb_status make_clips(sampling *s, tb_error *err)
{
    int64_t n_starts = s->length_ms - s->options.duration_ms;
    tb_status st = TIMBRE_OK;
    for (int i = 0; i < s->options.n_clips && st == TIMBRE_OK; i++) {
        /* a sound that is just long enough has one place for its clip; numpy would refuse */
        int64_t start_ms = n_starts > 0 ? tb_mt19937_below(&s->random, (uint64_t)n_starts) : 0;
        char *path = name_clip(s, i, start_ms);
        st = path != NULL ? write_clip(s, path, start_ms, err)
                          : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
        if (st == TIMBRE_OK && s->options.written != NULL)
            s->options.written(path, s->options.written_user);
        free(path);
    }
    return st;
}

tb_status timbre_sample_clips(const char *audio_path, const timbre_clips_options *options,
                              tb_error *err)
{
    sampling s = {0};
    tb_copy_options(&s.options, sizeof s.options, options, options->struct_size);
    if (s.options.extension == NULL)
        s.options.extension = tb_audio_formats()[0];
    tb_status st = check_options(&s.options, err);
    if (st == TIMBRE_OK)
        st = open_sound(&s, audio_path, err);
    if (st == TIMBRE_OK)
        st = start_random(&s, err);
    if (st == TIMBRE_OK)
        st = tb_dir_make(s.options.output_dir, err);
    if (st == TIMBRE_OK)
        st = make_clips(&s, err);
    tb_source_close(s.source);
    free(s.block);
    free(s.block16);
    return st;
}
