/*
 * The parts of the riffusion backend: the model that is kept between takes, and the way of one take
 * through it. Each function is one stage, or a part of one.
 */
#ifndef TB_PIPELINE_RIFFUSION_H
#define TB_PIPELINE_RIFFUSION_H

#include "engine/diffusion/sampler.h"
#include "engine/models/model.h"
#include "engine/models/prompt.h"
#include "engine/models/tokenizer.h"
#include "engine/models/unet.h"
#include "engine/models/vae.h"
#include "engine/pipeline/backend.h"
#include "engine/pipeline/latent_preview.h"
#include "engine/pipeline/vocode.h"

/* What the text says, ready for the UNet; kept for takes of the same prompt. */
typedef struct tb_conditioning {
    char *key;                /* owned; what it was made of. NULL: nothing is kept */
    tb_unet_context *context; /* of [negative, prompt], or of the prompt alone without guidance */
    int n_tokens;             /* positions of each: 77 for each chunk */
    int n_prompt_tokens;      /* without bos, eos and pads */
    size_t n_dropped, n_dropped_negative; /* tokens beyond the limit */
} tb_conditioning;

typedef struct tb_riffusion {
    char *tokenizer_setting; /* owned; NULL: the model's own */
    char *path;              /* owned; of the loaded model. NULL: none */
    tb_model *model;
    tb_tokenizer *tokenizer;
    tb_unet *unet;
    tb_vae *vae;
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
    tb_prompt negative, prompt;
    float *latents; /* [h*w, n_channels] */
    uint8_t *rgb;   /* [height*width, 3] */
} tb_riffusion_work;

/* ---- riffusion_model.c ---- */

/* Model folder `path` or file, opened and checked, its tokenizer and parameters of the sound; kept
 * when it is the one already. Nothing is loaded. */
TB_MUST_USE tb_status tb_riffusion_open(tb_riffusion *r, const char *path, tb_error *err);
/* The UNet and the VAE's decoder in memory, the model's hash. NO_MEMORY before anything is loaded
 * when the take will not fit. */
TB_MUST_USE tb_status tb_riffusion_load(tb_riffusion *r, const tb_riffusion_work *w, tb_error *err);
void tb_riffusion_unload(tb_riffusion *r);
/* BAD_INPUT for a length that the model cannot make in one pass. */
TB_MUST_USE tb_status tb_riffusion_get_size(const tb_riffusion *r, double seconds,
                                            tb_riffusion_size *size, tb_error *err);
/* Riffusion's, or what timbre.json says of them. */
TB_MUST_USE tb_status tb_riffusion_read_params(const tb_model *model,
                                               timbre_spectrogram_params *params, tb_error *err);
/* Columns of a picture for a sound of that length: the next multiple of 64. */
int tb_riffusion_width(const timbre_spectrogram_params *params, double seconds);

/* ---- riffusion_memory.c ---- */

/* Bytes that a take takes, beside the program itself. */
typedef struct tb_riffusion_need {
    int64_t weights;                 /* of UNet and decoder, as long as the model is kept */
    int64_t texts;                   /* what is kept of them: embeddings, keys and values */
    int64_t encode, denoise, decode; /* activations and results of each stage */
    int64_t peak;                    /* most at a time, all included */
} tb_riffusion_need;

/* What they depend on. */
typedef struct tb_riffusion_plan {
    const tb_riffusion_size *size;
    int n_texts;  /* 2 with guidance */
    int n_chunks; /* of each text, at most */
    bool has_preview;
} tb_riffusion_plan;

TB_MUST_USE tb_status tb_riffusion_measure(tb_model *model, const tb_riffusion_plan *plan,
                                           const tb_kernels *kernels, tb_pool *pool,
                                           tb_riffusion_need *need, tb_error *err);

/* ---- riffusion_text.c: tokenize and encode ---- */

void tb_conditioning_deinit(tb_conditioning *conditioning); /* accepts a zeroed one */
TB_MUST_USE tb_status tb_riffusion_tokenize(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
TB_MUST_USE tb_status tb_riffusion_encode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);

/* BAD_INPUT for a clip_skip that leaves no layer. */
TB_MUST_USE tb_status tb_riffusion_check_clip_skip(const tb_riffusion *r,
                                                   const timbre_request *request, tb_error *err);

/* ---- riffusion_denoise.c ---- */

/* Whether the scheduler can do what is asked for with this model. BAD_INPUT names the steps. */
TB_MUST_USE tb_status tb_riffusion_check_sampler(const tb_riffusion *r,
                                                 const timbre_request *request, tb_error *err);
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
