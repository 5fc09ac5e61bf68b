/*
 * What a clip of the corpus is to be: a caption as people write one, and what it asks the sketch
 * composer for. Drawn from (seed, index) alone. Some combinations of a style and instruments are
 * held out: they are never in the training split, although each of their words is.
 */
#ifndef TB_TRAIN_DRAW_H
#define TB_TRAIN_DRAW_H

#include "engine/base/random.h"
#include "engine/sketch/prompt.h"

typedef enum tb_clip_split {
    TB_SPLIT_TRAIN, /* no held-out combination */
    TB_SPLIT_TEST,  /* held-out combinations alone */
    TB_SPLIT_ANY,
    TB_SPLIT_COUNT
} tb_clip_split;

typedef enum tb_clip_kind {
    TB_CLIP_SOLO, /* one instrument, nobody else */
    TB_CLIP_DUO,
    TB_CLIP_BAND, /* a style with some instruments named */
    TB_CLIP_STYLE,
    TB_CLIP_DRUMS,   /* nothing but drums */
    TB_CLIP_TEXTURE, /* rain and the like, no music */
    TB_CLIP_KIND_COUNT
} tb_clip_kind;

enum { TB_CLIP_MAX_INSTRUMENTS = 3, TB_CAPTION_BYTES = 200, TB_COMBINATION_BYTES = 128 };

typedef struct tb_clip {
    tb_clip_kind kind;
    int style;   /* asked for: tb_style, or -1 */
    int mood;    /* index into tb_moods, or -1 */
    int texture; /* asked for: tb_texture, or -1 */
    int n_instruments;
    tb_instrument_id instruments[TB_CLIP_MAX_INSTRUMENTS]; /* as drawn: "guitar" may be another */
    uint8_t programs[TB_CLIP_MAX_INSTRUMENTS];             /* TB_ANY_PROGRAM: not named */
    uint64_t seed;                                         /* of music and playing */
    char caption[TB_CAPTION_BYTES];                        /* ASCII */
    char combination[TB_COMBINATION_BYTES]; /* "jazz/cello/piano"; "": never held out */
    tb_brief brief;                         /* the caption as the composer reads it */
} tb_clip;

/* "train", "test", "any"; "solo", "duo", ... */
extern const char *const tb_split_names[TB_SPLIT_COUNT];
extern const char *const tb_clip_kind_names[TB_CLIP_KIND_COUNT];

/* Clip `index` of the endless list of `seed` and `split`. INTERNAL: nothing of this split was drawn
 * in a thousand tries. */
TB_MUST_USE tb_status tb_clip_draw(const tb_lexicon *lexicon, uint64_t seed, tb_clip_split split,
                                   int index, tb_clip *out, tb_error *err);

/* One combination in ten. */
bool tb_combination_is_held_out(const char *combination);

#endif
