/*
 * Sound output: a device that plays what is written to it. SDL2 is loaded when the first device is
 * opened, so that nothing else of the program pays for it. The caller writes from one thread; the
 * device reads from its own through a ring without locks.
 */
#ifndef TB_CLI_PLAYER_H
#define TB_CLI_PLAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_player tb_player;

/* Open the default output, paused and empty. Returns owned. `log_fd`: where the sound system's own
 * chatter on standard error goes; -1: nowhere. NO_AUDIO_OUTPUT with a fix. */
TB_MUST_USE tb_status tb_player_open(int rate_hz, int n_channels, int log_fd, tb_player **out,
                                     tb_error *err);
/* Pause with a fade of 10 ms, or go on with one. Returns when the fade is over. */
void tb_player_pause(tb_player *player, bool is_paused);
/* Frames that were heard since open or the last drop. */
int64_t tb_player_position(const tb_player *player);
/* Stop with a fade and free. Accepts NULL. */
void tb_player_close(tb_player *player);

/* Put up to n_frames interleaved frames into the ring; how many fitted. Never blocks. */
int64_t tb_player_write(tb_player *player, const float *frames, int64_t n_frames);
/* Frames that were written and not heard yet. */
int64_t tb_player_pending(const tb_player *player);
/* Forget what was written and not heard, for a seek. Only while paused. */
void tb_player_drop(tb_player *player);
/* Whether everything written was heard. */
bool tb_player_is_drained(const tb_player *player);

/* Whether this build can play at all. */
bool tb_player_is_built_in(void);

#endif
