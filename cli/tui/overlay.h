/*
 * What lies over the screen for a while and has the keys: help, palette, settings, details, log,
 * questions, the spectrogram. Each is an object of its own file; one is open at a time.
 */
#ifndef TB_CLI_TUI_OVERLAY_H
#define TB_CLI_TUI_OVERLAY_H

#include <stdbool.h>

#include "cli/tui/input.h"

struct tb_studio;
struct tb_take;
typedef struct tb_overlay tb_overlay;

/* The overlay's functions; `state` is its own. */
typedef struct tb_overlay_kind {
    const char *name;
    bool is_screen; /* covers everything: nothing below it is drawn */
    unsigned where; /* TB_WHERE_* of its keys, 0: none */
    void (*draw)(struct tb_studio *studio, void *state);
    /* False: not one of its keys; Esc and what acts everywhere then work as always. */
    bool (*input)(struct tb_studio *studio, void *state, const tb_input *input);
    void (*free_state)(void *state);
} tb_overlay_kind;

struct tb_overlay {
    const tb_overlay_kind *kind;
    void *state; /* owned */
};

/* Takes the state, which may be NULL where the kind has none. NULL for memory. */
tb_overlay *tb_overlay_new(const tb_overlay_kind *kind, void *state);
void tb_overlay_free(tb_overlay *overlay);
/* State of the open overlay when it is of this kind, else NULL. */
void *tb_overlay_state(struct tb_studio *studio, const tb_overlay_kind *kind);

void tb_open_help(struct tb_studio *studio);
void tb_open_palette(struct tb_studio *studio);
void tb_open_settings(struct tb_studio *studio);
void tb_open_history(struct tb_studio *studio);
void tb_open_log(struct tb_studio *studio);
void tb_open_details(struct tb_studio *studio, const struct tb_take *take);
void tb_open_spectrogram(struct tb_studio *studio, const struct tb_take *take);
/* The dialog that fetches a neural model. */
void tb_open_models(struct tb_studio *studio);
/* What it shows, after news of the models. */
void tb_refresh_models(struct tb_studio *studio);
/* "f finish in background  c cancel  Esc stay" */
void tb_open_quit(struct tb_studio *studio);
/* One line of text: title of the question, text to begin with; done is called with what was
 * entered. `user` is a text, copied. */
void tb_open_question(struct tb_studio *studio, const char *title, const char *text,
                      void (*done)(struct tb_studio *studio, const char *text, const char *user),
                      const char *user);
/* Text to read and scroll, in a full screen. */
void tb_open_text(struct tb_studio *studio, const char *title, const char *text);

/* The spectrogram's, for its operations. */
void tb_spectrogram_zoom(struct tb_studio *studio, int step);
void tb_spectrogram_range(struct tb_studio *studio, int step);
void tb_spectrogram_colors(struct tb_studio *studio);
void tb_spectrogram_scale(struct tb_studio *studio);
void tb_spectrogram_save(struct tb_studio *studio);

#endif
