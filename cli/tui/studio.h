/*
 * The studio: what its parts share. One thread reads keys, handles answers and draws; whatever
 * could wait runs elsewhere (link, sound, analysis) and comes back through tb_wake.
 */
#ifndef TB_CLI_TUI_STUDIO_H
#define TB_CLI_TUI_STUDIO_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/app.h"
#include "cli/tui/canvas.h"
#include "cli/tui/collection.h"
#include "cli/tui/editor.h"
#include "cli/tui/history.h"
#include "cli/tui/input.h"
#include "cli/tui/keymap.h"
#include "cli/tui/link.h"
#include "cli/tui/operations.h"
#include "cli/tui/overlay.h"
#include "cli/tui/picture.h"
#include "cli/tui/sound.h"
#include "cli/tui/tasks.h"
#include "cli/tui/terminal.h"
#include "cli/tui/terminal_kind.h"
#include "cli/tui/wishes.h"

typedef enum tb_focus { TB_FOCUS_PROMPT, TB_FOCUS_TAKES } tb_focus;

typedef enum tb_contact { TB_CONTACT_NONE_YET, TB_CONTACT_ONLINE, TB_CONTACT_OFFLINE } tb_contact;

/* Where things are on the screen; rows 0: not shown. */
typedef struct tb_layout {
    tb_area title, takes, side, player, settings, prompt, hints;
    bool is_too_small;
} tb_layout;

typedef struct tb_toast {
    char text[480];
    tb_role role;
    double until_s; /* 0: none */
} tb_toast;

/* What the worker says of itself and of its models. */
typedef struct tb_contact_state {
    tb_contact contact;
    bool was_online;
    char why[400], fix[200]; /* offline */
    double retry_at_s;
    int n_tries;
    json_t *health, *models; /* owned; NULL: not known yet */
    char pulling[80];        /* model that is being fetched; "": none */
    json_t *pull;            /* owned: its last event */
    bool is_listing;         /* older takes are being asked for */
} tb_contact_state;

/* What is heard, and how it is compared. */
typedef struct tb_playback {
    tb_sound *sound; /* owned */
    tb_sound_state state;
    char id[TB_TAKE_ID_MAX];     /* of the take that is loaded; "": none */
    char wanted[TB_TAKE_ID_MAX]; /* of the one whose sound is on its way */
    double wanted_start_s;
    char a[TB_TAKE_ID_MAX], b[TB_TAKE_ID_MAX]; /* to compare; "": none */
    int volume;
    bool is_muted, loops, has_said_no_output;
    int64_t tag;
} tb_playback;

/* The picture of a take that is being made. */
typedef struct tb_preview {
    char id[TB_TAKE_ID_MAX];
    tb_levels levels;
    int step;
    bool is_asked;
    double asked_s;
} tb_preview;

typedef struct tb_studio {
    tb_app *app;
    char *data_dir, *cache_dir; /* owned; cache_dir: sounds of this run */
    int log_fd;
    tb_terminal *terminal;
    tb_canvas canvas, shown;
    tb_decoder decoder;
    tb_keymap keymap;
    tb_link *link;
    tb_tasks tasks;
    tb_collection collection;
    tb_playback playback;
    struct tb_studio_radio *radio; /* owned; NULL: none plays */
    tb_preview preview;
    tb_contact_state contact;
    tb_wishes wishes; /* settings of the next take */
    tb_editor editor;
    tb_history history;
    tb_focus focus;
    tb_layout layout;
    char selected[TB_TAKE_ID_MAX]; /* "": the newest */
    int shown_first_row;           /* as it was drawn last */
    int first_row;                 /* of the list that is shown; -1: so that the end shows */
    tb_overlay *overlay;           /* owned; NULL: none */
    tb_overlay *below;             /* owned: the spectrogram under it; NULL: none */
    tb_toast toast;
    char deleted[TB_TAKE_ID_MAX];        /* what u brings back; "": nothing */
    int last_operation;                  /* for '.'; -1 */
    int slash_choice;                    /* in the list of commands above the prompt */
    int example;                         /* chosen one of the empty screen */
    double cancel_asked_s, quit_asked_s; /* clock of the first Ctrl+C; 0: none */
    bool is_utf8, has_motion, has_mouse, is_light, has_asked_terminal, has_sync;
    int colors;
    tb_picture_form picture_form;
    tb_color_map color_map;
    int cell_width, cell_height;
    tb_str after;     /* bytes to be written behind the next frame */
    bool has_picture; /* pixels are on the screen */
    bool is_dirty, must_quit, quits_when_idle;
    int exit_code;
    bool must_redraw, is_focused;
    double started_s, typed_s, pull_asked_s;
    bool is_draft_unsaved, is_saving;
    char *saved; /* owned: what the draft's file has */
    char window_title[120];
    tb_terminal_facts facts;
    char terminal_name[64];
    char pressed[TB_TAKE_ID_MAX]; /* take of the last click */
    double pressed_s;
} tb_studio;

/* ---- studio.c ---- */

/* Say it for a few seconds in the hint line. */
void tb_studio_toast(tb_studio *studio, tb_role role, const char *fmt, ...) TB_PRINTF(3, 4);
void tb_studio_toast_error(tb_studio *studio, const tb_error *err);
/* "exported to /folder/name": a name without a folder is in the current one. */
void tb_studio_toast_saved(tb_studio *studio, const char *what, const char *file);
/* A line in the log, which the studio can show. */
void tb_studio_log(tb_studio *studio, const char *fmt, ...) TB_PRINTF(2, 3);
/* NULL: there is none. */
tb_take *tb_studio_selected(tb_studio *studio);
void tb_studio_select(tb_studio *studio, const tb_take *take);
/* As if these had been typed; for tests too. */
void tb_studio_handle(tb_studio *studio, const tb_input *input);
void tb_studio_draw(tb_studio *studio);
/* Give the terminal to another program (argv[0] is searched in PATH) and wait for it; its exit
 * status, -1: it could not be run. */
int tb_studio_run_program(tb_studio *studio, char *const argv[]);
void tb_studio_suspend(tb_studio *studio);
/* Show the file in the desktop's file manager. */
void tb_studio_reveal(tb_studio *studio, const char *path);
void tb_studio_close_overlay(tb_studio *studio);
/* Take pixels off the screen; the next frame draws what is below them, and sends them anew where
 * they still belong. */
void tb_studio_forget_picture(tb_studio *studio);
/* Takes the overlay; NULL (no memory) is said. */
void tb_studio_open_overlay(tb_studio *studio, tb_overlay *overlay);

/* ---- prompting.c ---- */

/* What Enter does with the prompt: a slash command or a take. */
void tb_studio_submit(tb_studio *studio);
/* A take of these words, with the wishes given. False when they were refused, which was said. */
bool tb_studio_generate(tb_studio *studio, const char *prompt, const tb_wishes *wishes);
/* The take again, from its recipe: with its seed or a new one; or its words and settings back into
 * the prompt. */
typedef enum tb_again { TB_AGAIN_NEW_SEED, TB_AGAIN_SAME_SEED, TB_AGAIN_EDIT } tb_again;
void tb_studio_again(tb_studio *studio, const tb_take *take, tb_again how);
/* The shell command that makes it, into the clipboard. */
void tb_studio_copy_command(tb_studio *studio, const tb_take *take);
void tb_studio_copy(tb_studio *studio, const char *text, const char *what);
void tb_studio_save_preset(tb_studio *studio, const char *name);
void tb_studio_use_preset(tb_studio *studio, const char *name);
void tb_studio_prompt_changed(tb_studio *studio);
void tb_studio_run_slash(tb_studio *studio, const char *line);

/* ---- slash.c: the list of commands above a prompt that begins with a slash ---- */

bool tb_slash_is_open(const tb_studio *studio);
/* Where what is typed is the beginning of a command: complete it. False: it is whole already, or
 * none matches. */
bool tb_complete_slash(tb_studio *studio);
void tb_draw_slash(tb_studio *studio);

/* ---- worker_side.c ---- */

TB_MUST_USE tb_status tb_studio_connect(tb_studio *studio, tb_error *err);
void tb_studio_send_unsent(tb_studio *studio);
void tb_studio_cancel(tb_studio *studio, const tb_take *take);
/* Ask for what the rows on the screen need and do not have. */
void tb_studio_want_peaks(tb_studio *studio, tb_take *take);
void tb_studio_want_preview(tb_studio *studio, const tb_take *take);
void tb_studio_patch(tb_studio *studio, const tb_take *take, json_t *changes);
void tb_studio_delete(tb_studio *studio, tb_take *take);
void tb_studio_restore(tb_studio *studio, const char *id);
void tb_studio_ask_models(tb_studio *studio);
void tb_studio_pull(tb_studio *studio, const char *model, const char *licence);
/* GET `path` as JSON, to be shown or used by `done`. */
void tb_studio_get(tb_studio *studio, const char *path, const char *id, tb_reply_fn done);

/* ---- playing.c ---- */

void tb_studio_play(tb_studio *studio, const tb_take *take, double start_s);
/* The player with the volume that was chosen. False: there is none, which was said. */
bool tb_studio_open_sound(tb_studio *studio);
void tb_studio_sound_changed(tb_studio *studio);
void tb_studio_compare(tb_studio *studio);
/* Its sound in another format, into a file of this machine. "mp3", "name.flac" or "". */
void tb_studio_export(tb_studio *studio, const tb_take *take, const char *where);

/* ---- radio_side.c: clips from prompt to prompt, made ahead ---- */

/* "A -> B". Instead of what plays. */
void tb_studio_radio_start(tb_studio *studio, const char *way);
/* Where one plays: its end. What is made is cancelled behind the scene. */
void tb_studio_radio_stop(tb_studio *studio);
/* What became of it since the last look. */
void tb_studio_radio_update(tb_studio *studio);

/* ---- draw_*.c ---- */

void tb_layout_make(tb_studio *studio);
void tb_draw_title(tb_studio *studio);
void tb_draw_takes(tb_studio *studio);
/* The chosen example of the empty screen. */
const char *tb_example_text(const tb_studio *studio);
void tb_draw_empty(tb_studio *studio);
/* Whether the seconds to the next try are on the screen. */
bool tb_offline_is_shown(const tb_studio *studio);
void tb_draw_side(tb_studio *studio);
void tb_draw_player(tb_studio *studio);
void tb_draw_settings(tb_studio *studio);
void tb_draw_prompt(tb_studio *studio);
void tb_draw_hints(tb_studio *studio);
/* The hint line from operations; `extra`: said first, or NULL. */
void tb_draw_hint_row(tb_studio *studio, tb_area area, unsigned where, const char *extra);
/* A horizontal bar. */
void tb_draw_bar(tb_canvas *canvas, tb_area area, int row, int column, int columns, double fraction,
                 tb_role role);
/* A wave in `columns` columns; playhead: 0 .. 1, negative: none. */
void tb_draw_wave(tb_canvas *canvas, tb_area area, int row, int column, int columns,
                  const uint8_t *peaks, double playhead, tb_ink ink);
/* "0:07", "1:02:03". */
void tb_time_text(double seconds, char out[16]);
/* Seconds of playback at a click in the player; negative: not in its wave. */
double tb_player_time_at(const tb_studio *studio, int row, int column);
/* Row of the list at a row of the screen; -1. */
int tb_takes_row_at(const tb_studio *studio, int row);

#endif
