/*
 * Options and manual texts of the commands between sound and spectrogram image. Included by the
 * table of commands alone. The first fifteen of each are its short help. Riffusion's own spellings
 * stand last.
 */
#ifndef TB_CLI_CODEC_OPTIONS_H
#define TB_CLI_CODEC_OPTIONS_H

#include "cli/option_rows.h"
#include "engine/base/limits.h"
#include "timbre/spectrogram.h"

static const char *const norm_choices[] = {"none", "slaney", NULL};
static const char *const scale_choices[] = {"htk", "slaney", NULL};
static const char *const inverse_choices[] = {"lstsq", "sgd", NULL};
static const char *const master_choices[] = {"clean", "riffusion", NULL};
static const char *const image_choices[] = {"png", "jpg", "jpeg", NULL};

/* Riffusion's SpectrogramParams. */
#define OPTION_NUM_FREQUENCIES                                                                     \
    {                                                                                              \
        .name = "num-frequencies", .rule = {TB_VALUE_INTEGER, 1, TB_BANDS_MAX, NULL},              \
        .value_name = "N", .default_text = "512", .help = "height of the image: mel bands"         \
    }
#define OPTION_STEP_SIZE                                                                           \
    {                                                                                              \
        .name = "step-size-ms", .rule = {TB_VALUE_INTEGER, 1, TB_STEP_MAX_MS, NULL},               \
        .value_name = "MS", .default_text = "10", .help = "time of one pixel"                      \
    }
#define OPTION_MIN_FREQUENCY                                                                       \
    {                                                                                              \
        .name = "min-frequency", .rule = {TB_VALUE_INTEGER, 0, TB_RATE_MAX_HZ / 2.0, NULL},        \
        .value_name = "HZ", .default_text = "0", .help = "lower edge of the image"                 \
    }
#define OPTION_MAX_FREQUENCY                                                                       \
    {                                                                                              \
        .name = "max-frequency", .rule = {TB_VALUE_INTEGER, 1, TB_RATE_MAX_HZ / 2.0, NULL},        \
        .value_name = "HZ", .default_text = "10000", .help = "upper edge of the image"             \
    }
#define OPTION_WINDOW                                                                              \
    {                                                                                              \
        .name = "window-duration-ms", .rule = {TB_VALUE_INTEGER, 1, TB_PADDED_MAX_MS, NULL},       \
        .value_name = "MS", .default_text = "100", .help = "length of the Hann window"             \
    }
#define OPTION_PADDED                                                                              \
    {                                                                                              \
        .name = "padded-duration-ms", .rule = {TB_VALUE_INTEGER, 1, TB_PADDED_MAX_MS, NULL},       \
        .value_name = "MS", .default_text = "400", .help = "length of the transform"               \
    }
#define OPTION_POWER                                                                               \
    {                                                                                              \
        .name = "power-for-image", .rule = {TB_VALUE_NUMBER, 0.01, 10, NULL}, .value_name = "X",   \
        .default_text = "0.25", .help = "exponent from amplitude to brightness"                    \
    }
#define OPTION_MEL_NORM                                                                            \
    {                                                                                              \
        .name = "mel-scale-norm", .rule = {.kind = TB_VALUE_CHOICE, .choices = norm_choices},      \
        .value_name = "NAME", .default_text = "none", .help = "scaling of the bands: none, slaney" \
    }
#define OPTION_MEL_TYPE                                                                            \
    {                                                                                              \
        .name = "mel-scale-type", .rule = {.kind = TB_VALUE_CHOICE, .choices = scale_choices},     \
        .value_name = "NAME", .default_text = "htk", .help = "spacing of the bands: htk, slaney"   \
    }
#define OPTION_STEREO                                                                              \
    {                                                                                              \
        .name = "stereo", .help = "two channels: left in green, right in blue",                    \
        .has_opposite = true                                                                       \
    }
#define OPTION_SAMPLE_RATE(text)                                                                   \
    {                                                                                              \
        .name = "sample-rate", .rule = {TB_VALUE_INTEGER, TB_RATE_MIN_HZ, TB_RATE_MAX_HZ, NULL},   \
        .value_name = "HZ", .help = (text)                                                         \
    }

/* Whole folders. */
#define OPTION_BATCH(text)                                                                         \
    {                                                                                              \
        .name = "batch", .help = (text)                                                            \
    }
#define OPTION_JOBS                                                                                \
    {                                                                                              \
        .name = "jobs", .rule = {TB_VALUE_INTEGER, 1, TB_THREADS_MAX, NULL}, .value_name = "N",    \
        .default_text = "one a thread, up to 4", .help = "with --batch: files at a time"           \
    }
#define OPTION_GLOB                                                                                \
    {                                                                                              \
        .name = "glob", .rule = {TB_VALUE_TEXT}, .value_name = "PATTERN",                          \
        .help = "with --batch: only files of such names, of any kind"                              \
    }
#define OPTION_RECURSIVE                                                                           \
    {                                                                                              \
        .name = "recursive", .help = "with --batch: folders inside the folder too"                 \
    }
#define OPTION_LIMIT                                                                               \
    {                                                                                              \
        .name = "limit", .rule = {TB_VALUE_INTEGER, -1, 1e9, NULL}, .value_name = "N",             \
        .default_text = "-1", .help = "with --batch: the first N files; -1: all"                   \
    }
#define OPTION_FORCE                                                                               \
    {                                                                                              \
        .name = "force", .help = "overwrite what exists"                                           \
    }

/* Riffusion's spellings. */
#define OPTION_MONO                                                                                \
    {                                                                                              \
        .name = "mono", .same_as = "no-stereo", .help = "as --no-stereo"                           \
    }
#define OPTION_AS_OPERAND(option, value, text)                                                     \
    {                                                                                              \
        .name = (option), .is_operand = true, .rule = {TB_VALUE_FILE}, .value_name = (value),      \
        .help = (text)                                                                             \
    }
#define OPTION_NUM_THREADS                                                                         \
    {                                                                                              \
        .name = "num-threads", .same_as = "jobs",                                                  \
        .rule = {TB_VALUE_INTEGER, 1, TB_THREADS_MAX, NULL}, .value_name = "N",                    \
        .help = "as --jobs"                                                                        \
    }
#define OPTION_DEVICE                                                                              \
    {                                                                                              \
        .name = "device", .rule = {TB_VALUE_TEXT}, .value_name = "NAME",                           \
        .help = "not used: everything runs on the processor"                                       \
    }

static const tb_option encode_options[] = {
    {.name = "output",
     .short_name = 'o',
     .rule = {TB_VALUE_FILE},
     .value_name = "PATH",
     .help = "image or folder; without: beside AUDIO"},
    OPTION_STEREO,
    OPTION_SAMPLE_RATE("resample the sound to this rate first"),
    OPTION_STEP_SIZE,
    OPTION_NUM_FREQUENCIES,
    OPTION_MIN_FREQUENCY,
    OPTION_MAX_FREQUENCY,
    OPTION_WINDOW,
    OPTION_PADDED,
    OPTION_POWER,
    {.name = "image-extension",
     .rule = {.kind = TB_VALUE_CHOICE, .choices = image_choices},
     .value_name = "EXT",
     .default_text = "png",
     .help = "where -o names no file: png, jpg, jpeg"},
    OPTION_BATCH("encode every sound in the folder AUDIO"),
    OPTION_JOBS,
    OPTION_FORCE,
    OPTION_JSON,
    {.name = "jpeg-quality",
     .rule = {TB_VALUE_INTEGER, 1, 100, NULL},
     .value_name = "N",
     .default_text = "75",
     .help = "quality of a JPEG image, 1 to 100"},
    OPTION_MEL_NORM,
    OPTION_MEL_TYPE,
    OPTION_GLOB,
    OPTION_RECURSIVE,
    OPTION_LIMIT,
    OPTION_PROGRESS,
    OPTION_THREADS,
    OPTION_CPU,
    OPTION_MONO,
    OPTION_AS_OPERAND("audio", "FILE", "as the operand AUDIO"),
    OPTION_AS_OPERAND("audio-dir", "DIR", "as the operand AUDIO of a batch"),
    OPTION_AS_OUTPUT("image", "FILE"),
    OPTION_AS_OUTPUT("output-dir", "DIR"),
    OPTION_NUM_THREADS,
    OPTION_DEVICE,
};

static const tb_option decode_options[] = {
    {.name = "output",
     .short_name = 'o',
     .rule = {TB_VALUE_FILE},
     .value_name = "PATH",
     .help = "sound file or folder; without: beside IMAGE"},
    {.name = "play", .help = "play the sound when it is done"},
    {.name = "phase",
     .value_name = "NAME",
     .words = timbre_phase_names,
     .help = "where the search for phases begins"},
    {.name = "inverse-mel",
     .rule = {.kind = TB_VALUE_CHOICE, .choices = inverse_choices},
     .value_name = "NAME",
     .default_text = "lstsq",
     .help = "bands to bins: exact lstsq, or sgd as in 2022"},
    {.name = "master",
     .rule = {.kind = TB_VALUE_CHOICE, .choices = master_choices},
     .value_name = "NAME",
     .default_text = "clean",
     .help = "levels: clean, or riffusion with its clipping"},
    {.name = "iterations",
     .rule = {TB_VALUE_INTEGER, 0, TB_GRIFFIN_LIM_MAX_ITER, NULL},
     .value_name = "N",
     .default_text = "32",
     .help = "rounds of Griffin-Lim"},
    {.name = "mel-iterations",
     .rule = {TB_VALUE_INTEGER, 1, TB_MEL_MAX_ITER, NULL},
     .value_name = "N",
     .default_text = "200",
     .help = "steps of --inverse-mel sgd"},
    {.name = "seed",
     .short_name = 's',
     .rule = {TB_VALUE_INTEGER, 0, (double)TB_SEED_MAX, NULL},
     .value_name = "N",
     .default_text = "0",
     .help = "seed of the random phases and of sgd"},
    {.name = "extension",
     .value_name = "EXT",
     .words = timbre_audio_formats,
     .help = "sound format where -o names no file"},
    OPTION_BATCH("decode every image in the folder IMAGE"),
    OPTION_JOBS,
    OPTION_FORCE,
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_STEREO,
    OPTION_SAMPLE_RATE("rate of the sound that was encoded"),
    OPTION_STEP_SIZE,
    OPTION_NUM_FREQUENCIES,
    OPTION_MIN_FREQUENCY,
    OPTION_MAX_FREQUENCY,
    OPTION_WINDOW,
    OPTION_PADDED,
    OPTION_POWER,
    OPTION_MEL_NORM,
    OPTION_MEL_TYPE,
    OPTION_GLOB,
    OPTION_RECURSIVE,
    OPTION_LIMIT,
    OPTION_THREADS,
    OPTION_CPU,
    OPTION_MONO,
    OPTION_AS_OPERAND("image", "FILE", "as the operand IMAGE"),
    OPTION_AS_OUTPUT("audio", "FILE"),
    OPTION_DEVICE,
};

static const tb_option sample_clips_options[] = {
    {.name = "output",
     .short_name = 'o',
     .rule = {TB_VALUE_FOLDER},
     .value_name = "DIR",
     .help = "folder for the clips, made when missing"},
    {.name = "num-clips",
     .short_name = 'n',
     .rule = {TB_VALUE_INTEGER, 1, TB_CLIPS_MAX, NULL},
     .value_name = "N",
     .default_text = "1",
     .help = "clips of each file"},
    {.name = "duration-ms",
     .rule = {TB_VALUE_INTEGER, 1, 1e8, NULL},
     .value_name = "MS",
     .default_text = "5120",
     .help = "length of a clip"},
    {.name = "mono", .help = "mix the channels to one"},
    {.name = "extension",
     .value_name = "EXT",
     .default_text = "wav; mp3 with --batch",
     .words = timbre_audio_formats,
     .help = "sound format of the clips"},
    {.name = "seed",
     .short_name = 's',
     .rule = {TB_VALUE_INTEGER, -1, 4294967295.0, NULL},
     .value_name = "N",
     .default_text = "-1",
     .help = "numpy's seed of the places; -1: any"},
    OPTION_BATCH("cut every sound in the folder AUDIO"),
    OPTION_JOBS,
    OPTION_GLOB,
    OPTION_RECURSIVE,
    OPTION_LIMIT,
    OPTION_FORCE,
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_AS_OPERAND("audio", "FILE", "as the operand AUDIO"),
    OPTION_AS_OPERAND("audio-dir", "DIR", "as the operand AUDIO of a batch"),
    {.name = "num-clips-per-file",
     .same_as = "num-clips",
     .rule = {TB_VALUE_INTEGER, 1, TB_CLIPS_MAX, NULL},
     .value_name = "N",
     .help = "as --num-clips"},
    OPTION_AS_OUTPUT("output-dir", "DIR"),
    OPTION_NUM_THREADS,
};

static const tb_option print_exif_options[] = {
    OPTION_JSON,
    OPTION_AS_OPERAND("image", "FILE", "as the operand IMAGE"),
};

/* What --batch does, the same in each. */
#define TEXT_BATCH                                                                                 \
    "With --batch the operand is a folder: its files of the right kind are worked through in the " \
    "order of their names, several at a time, and -o must name a folder for what is made. What "   \
    "is there already is left alone without --force, so that a batch can be taken up again. A "    \
    "file that fails is named and skipped, and so are two that would become one; the exit code "   \
    "is 1 when there was one. With --json each file gets one JSON object on a line."

/* Of names that are not given. */
#define TEXT_NAMES                                                                                 \
    "A name that Timbre chooses itself gets a number when the file exists; a name given with -o "  \
    "is an error then, without --force. A folder given with -o is made when its name ends in /."

static const char *const encode_text[] = {
    "Makes a spectrogram image from a sound, as riffusion does: one pixel is a step in time across "
    "and a mel band upwards, dark is loud. The parameters stand in the EXIF block of the image, so "
    "that timbre decode finds them there. Prints the path of the image.",
    "The sound may have any rate and any length; --sample-rate resamples it first. Mono mixes all "
    "channels; --stereo keeps two. JPEG blurs colours, so that the channels of a stereo image run "
    "into each other; PNG keeps every pixel.",
    TEXT_NAMES,
    TEXT_BATCH,
    "A batch makes stereo images at 44,100 Hz unless --mono or --sample-rate says otherwise, as "
    "riffusion's audio-to-images-batch, whose name works too.",
    NULL};

static const char *const decode_text[] = {
    "Makes sound from a spectrogram image, PNG or JPEG, of timbre encode, riffusion or another "
    "program. The parameters come from the EXIF block of the image; without one riffusion's "
    "defaults are used, and that is said. An option for a parameter beats both. Prints the path.",
    "An image has no phases: they are found by Griffin and Lim's iteration, which --phase "
    "griffin-lim begins at random. --phase spsi begins with phases that follow the peaks of the "
    "picture as tones: better for tonal music and for few --iterations, not for drums.",
    "The same image, options and seed give the same samples for any number of threads. "
    "--master riffusion has the levels of the original, which clip; clean does not clip.",
    TEXT_NAMES,
    TEXT_BATCH,
    NULL};

static const char *const sample_clips_text[] = {
    "Cuts pieces from random places of a sound and prints the path of each. The name of a clip "
    "says where it began. The same seed gives the same places as riffusion's sample-clips.",
    TEXT_BATCH,
    "In a batch every file is cut with the same seed. riffusion's name sample-clips-batch works "
    "too.",
    NULL};

static const char *const print_exif_text[] = {
    "Prints the spectrogram parameters in the EXIF block of an image, one a line, as riffusion "
    "does. An image without them is an error (exit code 1); other EXIF tags do not matter.",
    NULL};

#endif
