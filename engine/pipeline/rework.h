/*
 * What a request asks for beyond a prompt: a sound or picture to begin with, a part of it to make
 * anew, another prompt to go to, and the clips that a longer sound is made of. Decided from the
 * request and the heads of its files alone.
 */
#ifndef TB_PIPELINE_REWORK_H
#define TB_PIPELINE_REWORK_H

#include "engine/pipeline/request.h"
#include "engine/spectrogram/params.h"

/* Of a clip of a longer sound, and how far two of them share it: Riffusion's. */
#define TB_CLIP_SECONDS    5.0
#define TB_OVERLAP_SECONDS 0.2

typedef enum tb_init_kind {
    TB_INIT_NONE,
    TB_INIT_NAMED, /* a seed image by its name */
    TB_INIT_PICTURE,
    TB_INIT_SOUND
} tb_init_kind;

typedef struct tb_rework {
    tb_init_kind init;
    const char *init_path; /* the request's; NULL for a name */
    bool is_blend;         /* from one prompt to another */
    bool has_mask;         /* of any kind: a part is kept */
    bool is_repeated;      /* every clip begins with the same picture */
    int n_clips;
    int width;            /* columns of each clip's picture */
    int n_columns;        /* of the picture that all clips together begin with */
    int hop;              /* frames of sound a column */
    int64_t start;        /* frame of the sound where it begins */
    int64_t clip_frames;  /* of each clip; the last may be shorter */
    int64_t overlap;      /* frames that two clips share */
    int64_t total_frames; /* of all clips joined */
} tb_rework;

/* Sets what other fields decide and nobody asked for: lengths, strengths, the other end of a
 * blend. BAD_INPUT names the field that has nothing to work on. Errors of the files name them. */
TB_MUST_USE tb_status tb_rework_complete(timbre_request *request,
                                         const timbre_spectrogram_params *params, tb_error *err);

/* Of a resolved request. BAD_INPUT: lengths that do not fit each other or what is
 * begun with. */
TB_MUST_USE tb_status tb_rework_plan(const timbre_request *request,
                                     const timbre_spectrogram_params *params, tb_rework *rework,
                                     tb_error *err);

/* How far on the way from one prompt to the other clip i is, 0..1. */
double tb_rework_alpha(const timbre_request *request, const tb_rework *rework, int i);
/* Between the values of both ends. */
double tb_rework_between(const timbre_request *request, const tb_rework *rework, int i,
                         const char *from, const char *to);
/* First column of clip i's picture within what all begin with; where within its picture the clip
 * begins; how many columns of it the whole picture takes from there. */
int tb_rework_column(const tb_rework *rework, int i);
int tb_rework_lead(const tb_rework *rework, int i);
int tb_rework_share(const tb_rework *rework, int i);
/* Frames of clip i. */
int64_t tb_rework_frames(const tb_rework *rework, int i);

/* "1.2s-2.8s" (with unit "s": from, to in seconds; also ms) or "200Hz-4kHz" (unit "Hz"). BAD_INPUT
 * names field and text. */
TB_MUST_USE tb_status tb_rework_parse_range(const char *field, const char *text, const char *unit,
                                            double *from, double *to, tb_error *err);

/* NOT_FOUND: the file of an input field is nowhere. */
TB_MUST_USE tb_status tb_rework_fail_missing(const char *field, const char *id, tb_error *err);

/* The seed images that have names, NULL behind the last. */
extern const char *const tb_seed_names[];

#endif
