/*
 * A clip's sound: the sketch composer writes a piece, and TB_CLIP_FRAMES of it are played, from a
 * bar on, with programs, room and balance of more kinds than the sketch backend uses.
 */
#ifndef TB_TRAIN_PLAY_H
#define TB_TRAIN_PLAY_H

#include "engine/base/arena.h"
#include "engine/sketch/score.h"
#include "tools/train/corpus/draw.h"

/* 512 columns of Riffusion's pictures: 511 hops of 10 ms. */
enum { TB_CLIP_FRAMES = 511 * 441 };

typedef struct tb_stage_bank tb_stage_bank;

/* Loads every preset that a clip may need, so that processes forked afterwards share them and read
 * no file. Errors: MODEL_MISSING, BAD_FILE, NO_MEMORY. Returns owned. */
TB_MUST_USE tb_status tb_stage_bank_new(const char *soundfont_path, tb_stage_bank **out,
                                        tb_error *err);
void tb_stage_bank_free(tb_stage_bank *bank);

/* What was composed and which part of it is heard; arrays in `arena`. */
typedef struct tb_piece {
    tb_score score;
    int64_t start_frame; /* of the clip in the piece; a bar's beginning */
} tb_piece;

/* A pure function of (clip, try): 0, 1, ... are other pieces of the same caption. */
TB_MUST_USE tb_status tb_piece_write(const tb_clip *clip, int try, tb_arena *arena, tb_piece *out,
                                     tb_error *err);

/* Mono into pcm[TB_CLIP_FRAMES], its peak at 0.9. *is_silent: there is nothing to hear, pcm is
 * zero. A pure function of (clip, piece, bank). */
TB_MUST_USE tb_status tb_piece_play(const tb_clip *clip, const tb_piece *piece, tb_stage_bank *bank,
                                    int16_t *pcm, bool *is_silent, tb_error *err);

#endif
