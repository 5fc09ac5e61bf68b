/*
 * The parts of the riffusion backend: the model that is kept between takes, and the way of one take
 * through it. Each function is one stage, or a part of one.
 */
#ifndef TB_PIPELINE_RIFFUSION_H
#define TB_PIPELINE_RIFFUSION_H

#include "engine/diffusion/sampler.h"
#include "engine/models/model.h"
#include "engine/models/prompt.h"
#include "engine/models/text_encoder.h"
#include "engine/models/tokenizer.h"
#include "engine/models/unet.h"
#include "engine/models/vae.h"
#include "engine/pipeline/backend.h"
#include "engine/pipeline/latent_preview.h"
#include "engine/pipeline/rework.h"
#include "engine/pipeline/vocode.h"
#include "engine/spectrogram/raster.h"

enum { TB_WIDTH_STEP = 64 }; /* pixels: every down-sampling of the family divides it */

/* What the text says, ready for the UNet; kept for takes of the same prompt. */
typedef struct tb_conditioning {
    char *key;                /* owned; what it was made of. NULL: nothing is kept */
    tb_unet_context *context; /* of [negative, prompt], or of the prompt alone without guidance */
    float *embeddings;        /* of a blend: [negative, prompt, prompt_b][n_tokens, width], owned;
                                 its context is made for each clip */
    int n_tokens;             /* positions of each: 77 for each chunk */
    int n_prompt_tokens;      /* without bos, eos and pads */
    size_t n_dropped, n_dropped_negative; /* tokens beyond the limit */
} tb_conditioning;

/* What of a model stays in memory. The bytes of a take are the same either way. */
typedef enum tb_residence {
    TB_RESIDENCE_AUTO, /* all networks from take to take where they fit, else as below */
    TB_RESIDENCE_LOW   /* each network for its stage alone */
} tb_residence;

typedef struct tb_riffusion {
    char *tokenizer_setting;    /* owned; NULL: the model's own */
    char *soundfont, *data_dir; /* owned; NULL: none. For the sketches of seed images */
    tb_residence residence;     /* as asked for */
    char *path;                 /* owned; of the loaded model. NULL: none */
    char *tokenizer_dir;        /* owned; that the request gave with it; NULL: none */
    tb_model *model;
    tb_tokenizer *tokenizer;
    tb_text_encoder *encoder; /* this and the next two: NULL while they are not in memory */
    tb_unet *unet;
    tb_vae *vae;         /* its decoder */
    tb_vae *vae_encoder; /* while there is something to begin with */
    tb_schedule schedule;
    tb_vocode_choices vocode;
    char sha256[TB_SHA256_HEX_BYTES];
    tb_conditioning conditioning;
    tb_latent_preview preview;
} tb_riffusion;

/* Sizes of one take. */
typedef struct tb_riffusion_size {
    int h, w;          /* of the latents */
    int height, width; /* of the picture, in pixels */
    int n_channels;    /* of the latents */
    int64_t n_latents; /* h * w * n_channels */
    int64_t n_frames;  /* of the sound that was asked for */
    int64_t n_vocoded; /* samples that the picture gives */
} tb_riffusion_size;

/* One take on its way. */
typedef struct tb_riffusion_work {
    const tb_job *job;
    tb_riffusion_size size;
    bool has_guidance; /* cfg_scale above 1: a batch of two */
    bool is_kept;      /* the conditioning of an earlier take serves */
    bool is_low;       /* a network leaves memory behind its stage */
    tb_rework rework;
    tb_prompt negative, prompt, prompt_b;
    tb_raster init;      /* what all clips begin with, [height, n_columns, 1 or 3]; or empty */
    tb_raster mask;      /* grey, of any size; empty: none */
    json_t *ingredients; /* object, owned: what stands behind a seed image; NULL: nothing */
    float *init_latents; /* [n_clips][h*w, n_channels]; NULL: none */
    float *latents;      /* [n_clips][h*w, n_channels] */
    uint8_t *rgb;        /* [n_clips][height*width, 3] */
    float *samples;      /* [n_samples], one channel, behind vocode */
    int64_t n_samples;
} tb_riffusion_work;

/* ---- riffusion_work.c ---- */

/* The model and what is asked of it: sizes, clips and what is begun with are known and checked.
 * Nothing is loaded and no input is read but its head. */
TB_MUST_USE tb_status tb_riffusion_begin(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
void tb_riffusion_work_deinit(tb_riffusion_work *w); /* accepts a zeroed one */

/* ---- riffusion_init.c ---- */

/* The picture and the mask that the clips begin with, where there are some: read, drawn or
 * reckoned from sound. */
TB_MUST_USE tb_status tb_riffusion_read_init(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
/* The picture to latents, for every clip. */
TB_MUST_USE tb_status tb_riffusion_encode_init(tb_riffusion *r, tb_riffusion_work *w,
                                               tb_error *err);

/* ---- riffusion_mask.c ---- */

/* A mask and ranges of time and pitch as one: how much of a place is made anew, 0..255. */
typedef struct tb_riffusion_mask {
    const tb_riffusion_work *work;
    int clip;
    int left, right, top, bottom; /* pixels of the whole picture; outside nothing is made anew */
} tb_riffusion_mask;

void tb_riffusion_mask_init(tb_riffusion_mask *mask, const tb_riffusion *r,
                            const tb_riffusion_work *w, int clip);
/* At a pixel of the clip's picture; halves are between two. */
int tb_riffusion_mask_at(const tb_riffusion_mask *mask, double x, double y);
/* How much of each latent is kept, 1 - v / 255: keep[h*w]. */
void tb_riffusion_mask_latents(const tb_riffusion_mask *mask, float *keep);
/* Pixels that are kept become those of the picture that was begun with. */
void tb_riffusion_mask_paste(const tb_riffusion_mask *mask, uint8_t *rgb);

/* ---- riffusion_sound.c ---- */

/* The pictures to samples, joined. */
TB_MUST_USE tb_status tb_riffusion_vocode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);

/* ---- riffusion_model.c ---- */

/* Model folder `path` or file, opened and checked, its tokenizer (of tokenizer_dir; NULL: of the
 * setting, else its own) and parameters of the sound; kept
 * when it is the one already. Nothing is loaded. */
TB_MUST_USE tb_status tb_riffusion_open(tb_riffusion *r, const char *path,
                                        const char *tokenizer_dir, tb_error *err);
/* Decides what stays in memory, which holds for the take; then UNet and decoder are loaded, or each
 * network with its stage. Begins to hash the model. NO_MEMORY before anything is loaded when the
 * take will not fit. */
TB_MUST_USE tb_status tb_riffusion_load(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
/* The model's hash, once nothing of it will be read any more: what was used is what was hashed, or
 * BAD_FILE. */
TB_MUST_USE tb_status tb_riffusion_finish_hash(tb_riffusion *r, const tb_riffusion_work *w,
                                               tb_error *err);
void tb_riffusion_unload(tb_riffusion *r);
/* BAD_INPUT for a length that the model cannot make in one pass. */
TB_MUST_USE tb_status tb_riffusion_get_size(const tb_riffusion *r, double seconds,
                                            tb_riffusion_size *size, tb_error *err);
/* The same of pictures of that width. */
TB_MUST_USE tb_status tb_riffusion_size_of(const tb_riffusion *r, int width,
                                           tb_riffusion_size *size, tb_error *err);
/* Riffusion's, or what timbre.json (may be NULL) says of them. */
TB_MUST_USE tb_status tb_riffusion_read_params(const json_t *timbre_json,
                                               timbre_spectrogram_params *params, tb_error *err);
/* Columns of a picture for a sound of that length: the next multiple of 64. */
int tb_riffusion_width(const timbre_spectrogram_params *params, double seconds);

/* ---- riffusion_networks.c ---- */

/* The network in memory: at once when it is there, else loaded on all threads. *progress (may be
 * NULL) hears of it. */
TB_MUST_USE tb_status tb_riffusion_hold(tb_riffusion *r, const tb_job *job, tb_network network,
                                        const tb_progress *progress, tb_error *err);
/* The autoencoder's other half, for the pictures that are begun with alone. */
TB_MUST_USE tb_status tb_riffusion_hold_encoder(tb_riffusion *r, const tb_job *job, tb_error *err);
void tb_riffusion_let_go_encoder(tb_riffusion *r);
/* Its stage is over: it leaves memory where the take has little. */
void tb_riffusion_pass(tb_riffusion *r, const tb_riffusion_work *w, tb_network network);
/* All networks leave memory. */
void tb_riffusion_let_go(tb_riffusion *r);

/* ---- riffusion_memory.c ---- */

/* Bytes that a take takes, beside the program itself. */
typedef struct tb_riffusion_need {
    int64_t encoder, unet, decoder;  /* packed weights */
    int64_t texts;                   /* what is kept of them: embeddings, keys and values */
    int64_t encode, denoise, decode; /* activations and results of each stage */
    int64_t begin;                   /* what turns a picture into latents, weights included */
    int64_t peak;                    /* most at a time when all networks stay, all included */
    int64_t low_peak;                /* the same when each is there for its stage alone */
} tb_riffusion_need;

/* What they depend on. */
typedef struct tb_riffusion_plan {
    const tb_riffusion_size *size;
    int n_texts; /* 2 with guidance; of a blend one more */
    int n_clips;
    int n_sides;  /* of the batch: 2 with guidance */
    int n_chunks; /* of each text, at most */
    bool has_preview;
    bool has_init;
} tb_riffusion_plan;

/* Whether a take is to have its networks one by one: it was asked for, or all of them, of which
 * `held` bytes are in memory, do not fit what is available. */
bool tb_riffusion_is_low(tb_residence residence, const tb_riffusion_need *need, int64_t held,
                         int64_t available);

TB_MUST_USE tb_status tb_riffusion_measure(tb_model *model, const tb_riffusion_plan *plan,
                                           const tb_kernels *kernels, tb_pool *pool,
                                           tb_riffusion_need *need, tb_error *err);

/* ---- riffusion_text.c: tokenize and encode ---- */

void tb_conditioning_deinit(tb_conditioning *conditioning); /* accepts a zeroed one */
TB_MUST_USE tb_status tb_riffusion_tokenize(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
TB_MUST_USE tb_status tb_riffusion_encode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
/* The context of a blend's clip; of anything else it is there already. */
TB_MUST_USE tb_status tb_riffusion_blend_texts(tb_riffusion *r, const tb_riffusion_work *w,
                                               int clip, tb_error *err);

/* BAD_INPUT for a clip_skip that leaves no layer. */
TB_MUST_USE tb_status tb_riffusion_check_clip_skip(const tb_riffusion *r,
                                                   const timbre_request *request, tb_error *err);

/* ---- riffusion_denoise.c ---- */

/* Whether the scheduler can do what is asked for with this model. BAD_INPUT names the steps. */
TB_MUST_USE tb_status tb_riffusion_check_sampler(const tb_riffusion *r,
                                                 const timbre_request *request, tb_error *err);
/* Evaluation that clip i begins with, and behind which it ends. */
TB_MUST_USE tb_status tb_riffusion_evaluations(const tb_riffusion *r, const tb_riffusion_work *w,
                                               int i, int *first, int *end, tb_error *err);
/* Whose noise the request asks for. */
tb_generator tb_riffusion_generator(const timbre_request *request);

TB_MUST_USE tb_status tb_riffusion_denoise(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);

/* ---- riffusion_picture.c ---- */

TB_MUST_USE tb_status tb_riffusion_decode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
/* The picture as a PNG file with its EXIF block. */
TB_MUST_USE tb_status tb_riffusion_format_png(const tb_riffusion *r, const tb_riffusion_work *w,
                                              unsigned char **bytes, size_t *len_bytes,
                                              tb_error *err);

#endif
