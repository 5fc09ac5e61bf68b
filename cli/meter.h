/*
 * Progress of a generation on standard error: a bar on a terminal, lines in a log, sentences for
 * who listens, JSON for a program. Shows only what the engine reports.
 */
#ifndef TB_CLI_METER_H
#define TB_CLI_METER_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/app.h"
#include "timbre/engine.h"

typedef enum tb_meter_mode {
    TB_METER_NONE,
    TB_METER_BAR,
    TB_METER_LINES,
    TB_METER_SENTENCES,
    TB_METER_JSON
} tb_meter_mode;

typedef struct tb_meter {
    tb_meter_mode mode;
    FILE *out;
    bool is_utf8;
    bool is_drawn;     /* a bar stands on the screen */
    int i_stage;       /* last shown; -1: none */
    double shown_s;    /* monotonic time of the last draw */
    double stopped_s;  /* for which the process was stopped: not counted as work */
    int drawn_columns; /* width of the bar's line */
    double said_s;     /* of the take, at the last sentence */
    int said_tenths;   /* done by then */
} tb_meter;

/* Mode from --progress, settings and whether standard error is a terminal. */
void tb_meter_init(tb_meter *meter, const tb_app *app);
void tb_meter_update(tb_meter *meter, const timbre_progress *progress);
/* Wipe the bar, so that other lines can be written; it comes back with the next update. */
void tb_meter_hide(tb_meter *meter);
/* Wipe the bar and begin anew, for the next take. */
void tb_meter_clear(tb_meter *meter);

/* A sentence on standard error for each tenth, or after 10 s; at most one a second, so that a short
 * take is made in silence. None where the program is quiet. */
void tb_meter_init_sentences(tb_meter *meter, const tb_app *app);

/* The same as JSON lines on `out`, for --events and --progress json: "stage" when one begins, then
 * "progress". */
void tb_meter_init_json(tb_meter *meter, FILE *out);

/* A bar of `columns` cells filled by `fraction`, with eighths of a cell in UTF-8. */
void tb_bar_print(FILE *out, double fraction, int columns, bool is_utf8);
/* To the beginning of a line of `drawn_columns` that was drawn, which a terminal made narrower
 * since may have broken into several; those are wiped. */
void tb_line_rewind(FILE *out, int drawn_columns);
/* Whether TERM names a terminal that understands what the bar needs. */
bool tb_terminal_can_draw(void);
/* Columns of the terminal behind standard error; 80 when unknown. */
int tb_terminal_columns(void);

#endif
