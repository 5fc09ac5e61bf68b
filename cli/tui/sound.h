/*
 * Playing takes: a thread of its own that feeds the machine's sound output from samples in memory.
 * No call waits for the device: each leaves a wish behind, and tb_sound_state tells what became of
 * it. Loops are gapless, to the sample.
 */
#ifndef TB_CLI_TUI_SOUND_H
#define TB_CLI_TUI_SOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_sound tb_sound;

typedef struct tb_sound_state {
    int64_t tag;     /* of the sound that is loaded; 0: none */
    bool is_playing; /* false: paused, ended, or nothing is loaded */
    bool has_ended;  /* it played to its end */
    bool loops;
    int volume; /* 0 .. 100 */
    bool is_muted;
    double position_s, length_s; /* position: what is heard now, not what was written */
    int rate_hz, n_channels;
    tb_status failure; /* of the device, since the last tb_sound_play; NO_AUDIO_OUTPUT ... */
    char message[160]; /* of the failure */
} tb_sound_state;

/* `log_fd`: as tb_player_open. `changed` is called on the sound's thread when the state changed
 * other than by time going on; it must not wait and may not call back. NULL: nobody. Owned. */
TB_MUST_USE tb_status tb_sound_new(int log_fd, void (*changed)(void *user), void *user,
                                   tb_sound **out, tb_error *err);
/* Stops with a fade. Accepts NULL. */
void tb_sound_free(tb_sound *sound);

/* Play the audio file (read on the sound's thread, and forgotten after it) from start_s on, instead
 * of what plays now. `tag`: the caller's, not 0. `deletes`: unlink the file when it was read. */
void tb_sound_play(tb_sound *sound, const char *path, bool deletes, int64_t tag, double start_s);

/* Frames of TB_SOUND_SOURCE_CHANNELS at TB_SOUND_SOURCE_RATE_HZ into out; fewer than n: there are
 * no more now. Called on the sound's thread; must not wait. */
typedef int64_t (*tb_sound_pull)(float *out, int64_t n, void *user);
enum { TB_SOUND_SOURCE_CHANNELS = 2, TB_SOUND_SOURCE_RATE_HZ = 44100 };
/* Play what it gives, which has no end and no place to seek to, instead of what plays now. */
void tb_sound_play_source(tb_sound *sound, tb_sound_pull pull, void *user, int64_t tag);
/* Once this returns the source is called no more. */
void tb_sound_drop_source(tb_sound *sound);

void tb_sound_pause(tb_sound *sound, bool is_paused);
/* To this time, cut to the sound; does not change whether it plays. After the end: plays again. */
void tb_sound_seek(tb_sound *sound, double position_s);
void tb_sound_set_loop(tb_sound *sound, bool loops);
void tb_sound_set_volume(tb_sound *sound, int volume, bool is_muted);
/* Forget what is loaded. */
void tb_sound_stop(tb_sound *sound);
void tb_sound_get_state(tb_sound *sound, tb_sound_state *out);

#endif
