/*
 * Spectrogram images as Riffusion makes them: sound to picture, picture to sound, and the look at a
 * sound. Audio of any length is worked through in bounded memory.
 */
#ifndef TIMBRE_SPECTROGRAM_H
#define TIMBRE_SPECTROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "timbre/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Riffusion's SpectrogramParams. */
typedef struct timbre_spectrogram_params {
    size_t struct_size;
    int stereo; /* 0 or 1: left in G, right in B */
    int sample_rate_hz;
    int step_size_ms;       /* one pixel */
    int window_duration_ms; /* Hann */
    int padded_duration_ms; /* length of the transform */
    int num_frequencies;    /* mel bands: height of the image */
    int min_frequency_hz, max_frequency_hz;
    double power_for_image;
    const char *mel_scale_norm; /* "none" or "slaney"; not in the EXIF block */
    const char *mel_scale_type; /* "htk" or "slaney"; not in the EXIF block */
    int max_mel_iters;          /* of inverse_mel "sgd"; not in the EXIF block */
    int num_griffin_lim_iters;  /* not in the EXIF block */
} timbre_spectrogram_params;

/* Riffusion's defaults: mono, 44,100 Hz, 10 ms, 100 ms, 400 ms, 512 bands, 0-10,000 Hz, 0.25, none,
 * htk, 200, 32. Sets struct_size. */
void timbre_spectrogram_params_init(timbre_spectrogram_params *params);
/* BAD_INPUT naming the field, its value and the limit. */
TIMBRE_MUST_USE timbre_status
timbre_spectrogram_params_check(const timbre_spectrogram_params *params, timbre_error *err);

/* What stands in an image file. */
typedef struct timbre_image_info {
    size_t struct_size;
    int width, height;
    char format[32];
    int has_exif, has_params; /* has_params: the EXIF block names all nine parameters */
    timbre_spectrogram_params
        params;       /* of the EXIF block, else the defaults; set its struct_size */
    double max_value; /* NAN when not given */
} timbre_image_info;

TIMBRE_MUST_USE timbre_status timbre_image_read_info(const char *path, timbre_image_info *info,
                                                     timbre_error *err);

/* A picture in memory, PNG or JPEG, as another kind of image file. */
typedef struct timbre_image_convert_options {
    size_t struct_size;
    const char *format; /* "png": RGB of 8 bits; "jpeg": 4:2:0, from quality 95 on 4:4:4 */
    int jpeg_quality;   /* 0: 75, Pillow's default */
} timbre_image_convert_options;

/* The same pixels without an EXIF block. *out is owned (free). BAD_FILE: no image, damaged, over
 * the limits of images; UNSUPPORTED: CMYK; BAD_INPUT: another format or quality, more than 2^26
 * pixels, a JPEG of more than 65,500 in width. */
TIMBRE_MUST_USE timbre_status timbre_image_convert(const unsigned char *bytes, size_t len_bytes,
                                                   const timbre_image_convert_options *options,
                                                   unsigned char **out, size_t *out_len_bytes,
                                                   timbre_error *err);

/* Sound to picture. Stages: "analyze" "save". */
typedef struct timbre_encode_options {
    size_t struct_size;
    /* NULL: defaults. sample_rate_hz 0 in it: the file's own; else the sound is resampled to it. */
    const timbre_spectrogram_params *params;
    const char *output; /* PATH.png or PATH.jpg; exactly this file */
    int replace;
    int jpeg_quality; /* 0: 75, Pillow's default */
    timbre_progress_fn progress;
    void *progress_user;
    const timbre_cancel *cancel;
} timbre_encode_options;

typedef struct timbre_encode_report {
    size_t struct_size;
    int width, height;
    double max_value;        /* of the mel amplitudes, as in the EXIF block */
    double duration_seconds; /* of the sound */
    int sample_rate_hz;
    double offset;     /* mean of the samples, the largest of the channels, of full scale: an offset
                          takes the place of the sound in the lowest bands */
    int n_empty_bands; /* bands above half the rate, or narrower than a bin: always silent */
} timbre_encode_report;

TIMBRE_MUST_USE timbre_status timbre_encode(timbre_engine *engine, const char *audio_path,
                                            const timbre_encode_options *options,
                                            timbre_encode_report *report, timbre_error *err);

/* Picture to sound. Stages: "load" "vocode" "master" "save". */
typedef struct timbre_decode_options {
    size_t struct_size;
    const timbre_spectrogram_params
        *params;        /* NULL: of the image's EXIF block, else the defaults */
    const char *output; /* PATH with the ending of a format of timbre_audio_formats */
    int replace;
    const char *phase;       /* see timbre_phase_names; NULL: the first */
    const char *inverse_mel; /* "lstsq" or "sgd"; NULL: lstsq */
    const char *master;      /* "clean" or "riffusion"; NULL: clean */
    int64_t seed;            /* of the phases and of sgd: 0 .. 2^53-1 */
    timbre_progress_fn progress;
    void *progress_user;
    const timbre_cancel *cancel;
} timbre_decode_options;

typedef struct timbre_decode_report {
    size_t struct_size;
    int used_defaults; /* the image named no parameters */
    int width, height, n_channels;
    double duration_seconds;
    int sample_rate_hz;
    double gain_db; /* of the master, rounded to 0.01 dB */
    double lufs, peak_dbtp;
    int64_t n_clipped; /* samples that master "riffusion" clipped, as the original does */
    char pcm_sha256[65];
} timbre_decode_report;

TIMBRE_MUST_USE timbre_status timbre_decode(timbre_engine *engine, const char *image_path,
                                            const timbre_decode_options *options,
                                            timbre_decode_report *report, timbre_error *err);

/* NULL-terminated names; the first is the default. */
const char *const *timbre_phase_names(void);
/* Endings of audio files that can be written: "wav", "flac", ...; NULL-terminated. */
const char *const *timbre_audio_formats(void);

/* Random pieces of a sound, as riffusion's sample-clips. */
typedef struct timbre_clips_options {
    size_t struct_size;
    const char *output_dir; /* made when missing */
    int n_clips;            /* 1 .. 100,000 */
    int duration_ms;
    int mono;
    const char *extension; /* of timbre_audio_formats */
    int64_t seed;          /* numpy's legacy generator, 0 .. 2^32-1; -1: drawn */
    const char *stem;      /* NULL: "clip_{i}_start_{ms}_ms_duration_{ms}_ms"; else the batch form
                              "STEM_{i}_start_{ms}_ms_dur_{ms}_ms" */
    int replace;
    /* Each written file, as it gets its name; may be NULL. */
    void (*written)(const char *path, void *user);
    void *written_user;
    const timbre_cancel *cancel;
} timbre_clips_options;

TIMBRE_MUST_USE timbre_status timbre_sample_clips(const char *audio_path,
                                                  const timbre_clips_options *options,
                                                  timbre_error *err);

/*
 * A sound to look at: levels of time and frequency, small enough for a screen or a page. Each cell
 * is the largest amplitude in its stretch of time.
 */
typedef struct timbre_view {
    size_t struct_size;
    int width, height;
    float *db; /* [height][width], owned; row 0 is the highest; 0 is the maximum, floor -120; all
                  -120 for silence */
    double start_s, duration_s; /* of what is shown */
    double min_hz, max_hz;      /* lower edge of the last row, upper edge of the first */
    int is_mel;                 /* rows are spaced in mel (HTK), else in Hz */
    int sample_rate_hz;         /* of the sound */
} timbre_view;

typedef struct timbre_view_options {
    size_t struct_size;
    int width, height;        /* of the view; 0: 1024 x 512; at most 16,384 x 4,096 */
    double min_hz, max_hz;    /* max 0: half the rate, at most 20,000 */
    double start_s, length_s; /* length 0: to the end */
    timbre_progress_fn progress;
    void *progress_user;
    const timbre_cancel *cancel;
} timbre_view_options;

/* Of an audio file, all channels mixed; one stage, "analyze". *out is owned (timbre_view_free). A
 * start behind the end: BAD_INPUT. */
TIMBRE_MUST_USE timbre_status timbre_view_new(timbre_engine *engine, const char *audio_path,
                                              const timbre_view_options *options, timbre_view **out,
                                              timbre_error *err);
/*
 * What the view has and `other` has not: max(0, a - b) of amplitudes, each beside the loudest place
 * of its own sound, as riffusion's difference of two spectrogram images; then in dB below the
 * loudest difference, all -120 where there is none. BAD_INPUT: the views are not of the same cells
 * (size, times, frequencies).
 */
TIMBRE_MUST_USE timbre_status timbre_view_subtract(timbre_view *view, const timbre_view *other,
                                                   timbre_error *err);
void timbre_view_free(timbre_view *view);
/* The view as an image (.png, .jpg) with axes of time, frequency and level around it and a title
 * (UTF-8; NULL: none). range_db: from the darkest to the brightest, e.g. 80. */
TIMBRE_MUST_USE timbre_status timbre_view_save(const timbre_view *view, const char *title,
                                               double range_db, const char *output, int replace,
                                               timbre_error *err);
/* What timbre_view_save would refuse before it draws: another ending, a file that exists, a folder
 * that is missing or cannot be written in. */
TIMBRE_MUST_USE timbre_status timbre_view_check_output(const char *output, int replace,
                                                       timbre_error *err);
/* Colour of a level for the terminal: 0..1 to rgb[3], as in the picture. */
void timbre_view_color(double level, unsigned char rgb[3]);

#ifdef __cplusplus
}
#endif
#endif
