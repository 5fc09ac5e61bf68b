/*
 * Every limit on outside input in one place. A limit that a user can meet is named in the error
 * that reports it.
 */
#ifndef TB_BASE_LIMITS_H
#define TB_BASE_LIMITS_H

#include <stdint.h>

enum {
    TB_PROMPT_MAX_BYTES = 1024,            /* UTF-8 bytes of a prompt or negative prompt */
    TB_MODEL_ID_MAX_BYTES = 1024,          /* a name, or the path of a folder or file */
    TB_RECIPE_MAX_BYTES = 8 * 1024,        /* ASCII JSON inside an audio file */
    TB_ID3_MAX_BYTES = 256 * 1024,         /* of an MP3's tag that are looked through */
    TB_TITLE_MAX_BYTES = 200,              /* a title that is written into one */
    TB_TITLE_READ_MAX_BYTES = 4 * 1024,    /* a title inside an audio file */
    TB_STDIN_PROMPT_MAX_BYTES = 64 * 1024, /* read from standard input before it is refused */
    TB_SIDECAR_MAX_BYTES = 64 * 1024,
    TB_SETTINGS_MAX_BYTES = 256 * 1024,
    TB_PATH_MAX_BYTES = 4096,
    TB_SAMPLE_RATE_HZ = 44100,
    TB_SKETCH_MAX_SECONDS = 300,
    TB_LENGTH_MAX_SECONDS = 600,  /* of any take */
    TB_INPUT_MAX_SECONDS = 86400, /* where a begin within a sound may lie */
    TB_INPUT_ID_MAX_BYTES = 256,
    TB_INPUT_MAX_BYTES = 1 << 30, /* of a file that a take begins with */
    TB_REWORK_MAX_CLIPS = 240,    /* of one take: 20 minutes of 5 s, more than TB_LENGTH */
    TB_NEURAL_MAX_WIDTH = 2048,   /* pixels of a picture made in one pass */
    TB_SCORE_MAX_EVENTS = 200000, /* about 300 s of sixteenths on sixteen parts, tenfold */
    TB_SCORE_MAX_PARTS = 16,      /* MIDI channels */
    TB_THREADS_MAX = 256,
    TB_RATE_MIN_HZ = 1000, /* of audio files and spectrograms */
    TB_RATE_MAX_HZ = 384000,
    TB_AUDIO_MAX_CHANNELS = 32,
    TB_STEP_MAX_MS = 1000, /* a pixel of a spectrogram image */
    TB_PADDED_MAX_MS = 4000,
    TB_TRANSFORM_MAX = 1 << 18,  /* samples of a padded window */
    TB_BINS_MAX = 1 << 15,       /* of a transform, up to the highest frequency of an image */
    TB_BANDS_MAX = 8192,         /* height of an image */
    TB_IMAGE_MAX_WIDTH = 400000, /* over an hour at 10 ms */
    TB_IMAGE_MAX_HEIGHT = TB_BANDS_MAX,
    TB_JPEG_MAX_SIDE = 65500,           /* libjpeg's */
    TB_INTERLACED_MAX_PIXELS = 1 << 26, /* such an image is held in memory */
    TB_GRIFFIN_LIM_MAX_ITER = 200,
    TB_MEL_MAX_ITER = 10000,
    TB_CLIPS_MAX = 100000,
    TB_VIEW_MAX_WIDTH = 16384, /* of the look at a sound */
    TB_VIEW_MAX_HEIGHT = 4096,

    /* the Hub */
    TB_HTTP_HEADERS_MAX_BYTES = 64 << 10, /* of one answer */
    TB_HTTP_HOPS_MAX = 5,                 /* redirects in a row */
    TB_HUB_JSON_MAX_BYTES = 8 << 20,      /* of one answer of the API */
    TB_HUB_PAGES_MAX = 100,               /* of a repository's list of files */
    TB_HUB_ENTRIES_MAX = 20000,           /* of all its pages */
    TB_HUB_PROGRESS_BYTES = 64 << 10,     /* a try that brings so much does not count as failed */
    TB_HUB_SPACE_SPARE_BYTES = 64 << 20,  /* left free beside a model */
    TB_HUB_THREADS_MAX = 8,
    TB_HUB_QUESTIONS_AT_ONCE = 4, /* about files, before a pull */

    /* files of a model */
    TB_WEIGHTS_MAX_TENSORS = 1 << 15, /* a whole Stable Diffusion 1.x with EMA has 1,831 */
    TB_WEIGHTS_MAX_SHARDS = 1000,
    TB_WEIGHTS_MAX_ARENA_BYTES = 1 << 28,        /* names and metadata of all files */
    TB_TENSOR_NAME_MAX_BYTES = 256,              /* NUL included */
    TB_SAFETENSORS_MAX_HEADER_BYTES = 100000000, /* the format's own limit */
    TB_SHARD_INDEX_MAX_BYTES = 16 << 20,
    TB_TENSOR_JSON_MAX_VALUES = 1 << 19, /* of 32,768 tensors of rank 8 */
    TB_ZIP_MAX_MEMBERS = 1 << 17,
    TB_PICKLE_MAX_BYTES = 64 << 20,        /* of one pickle: descriptions, no data */
    TB_PICKLE_MAX_ARENA_BYTES = 128 << 20, /* all values */
    TB_PICKLE_MAX_STACK = 1 << 20,
    TB_PICKLE_MAX_MARKS = 1 << 12,
    TB_PICKLE_MAX_MEMO = 1 << 22,
    TB_CONFIG_MAX_BYTES = 1 << 20, /* of one config file; real ones have under 10 KiB */
    TB_CONFIG_MAX_DEPTH = 32,
    TB_CONFIG_MAX_VALUES = 10000,
    TB_MODEL_MAX_CHANNELS = 8192,
    TB_MODEL_MAX_LAYERS = 16, /* of a block */
    TB_MODEL_MAX_SKIPS = 96,  /* connections of a UNet; their activations live side by side */
    TB_TEXT_MAX_LAYERS = 64,
    TB_TEXT_MAX_POSITIONS = 4096, /* tokens of a chunk */
    TB_LATENT_MAX_CHANNELS = 64,
    TB_TRAIN_STEPS_MAX = 1000,    /* of a noise schedule */
    TB_LDM_MAX_INDEX = 160,       /* of a flat list: 8 blocks of 16 layers and a sampler */
    TB_VOCAB_MAX_TOKENS = 262144, /* five times CLIP's */
    TB_VOCAB_MAX_BYTES = 16 << 20,
    TB_TOKEN_MAX_BYTES = 1024,
    TB_TEXT_MAX_BYTES = 64 * 1024, /* to be tokenised: 64 times the longest prompt */
    TB_TEXT_MAX_MARKS = 256,       /* in a row: sorting them takes quadratic time */
    TB_PROMPT_MAX_CHUNKS = 3,      /* 225 tokens, as riffusion */
    TB_PROMPT_MAX_WEIGHT = 100,    /* in size, of a piece: about 48 brackets */

    /* models on disk and from the Hub */
    TB_HUB_REPOS_MAX = 4096,         /* folders of a cache that are looked at */
    TB_MANIFEST_MAX_BYTES = 4 << 20, /* of one manifest */
    TB_MANIFEST_MAX_FILES = 4096,    /* of one model */
};

#define TB_NEURAL_MAX_SECONDS 20.4 /* of such a picture, with Riffusion's 10 ms a pixel */

/* Of a file of weights that is written: eight times the largest of the family. */
#define TB_SAFETENSORS_MAX_BYTES ((int64_t)64 << 30)

#define TB_SEED_MAX 9007199254740991LL /* 2^53-1: exact in a JSON number */

/* Of a sample, in units of 16-bit samples: 33 million times full scale, 150 dB above it, beyond any
 * use. Squares of a spectrum, windows of TB_TRANSFORM_MAX such samples, stay below 2^116, so that
 * single precision (2^128) holds them and sums over bands. */
#define TB_SAMPLE_MAX 0x1p40f

/* Frames of a sound, 795 hours at 384 kHz: what a file claims beyond this is no length. */
#define TB_SOUND_MAX_FRAMES ((int64_t)1 << 40)

#endif
