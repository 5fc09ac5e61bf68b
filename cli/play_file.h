/* Plays one audio file to its end, with keys and a position line on a terminal. */
#ifndef TB_CLI_PLAY_FILE_H
#define TB_CLI_PLAY_FILE_H

#include "cli/app.h"

typedef struct tb_play_options {
    double start_s;
    bool loops;
    bool is_plain; /* no line and no keys: what is typed is for somebody else */
} tb_play_options;

/* CANCELLED when a signal ended it; q is a normal end. NO_AUDIO_OUTPUT. */
TB_MUST_USE tb_status tb_play_file(tb_app *app, const char *path, const tb_play_options *options,
                                   tb_error *err);

#endif
