/* What a radio says of itself: one line that is drawn anew on a terminal, lines for what changes
 * elsewhere. */
#ifndef TB_CLI_RADIO_SHOW_H
#define TB_CLI_RADIO_SHOW_H

#include "cli/app.h"
#include "cli/keys.h"
#include "cli/radio_maker.h"
#include "cli/radio_queue.h"

/* Zero-initialise. */
typedef struct tb_radio_show {
    int n_begun;       /* clips that were named */
    bool is_late;      /* said so */
    char trouble[200]; /* said so */
} tb_radio_show;

/* `keys`: the terminal. */
void tb_radio_show_update(tb_radio_show *show, tb_app *app, tb_keys *keys,
                          const tb_radio_state *state, const tb_radio_making *making,
                          bool is_paused);

#endif
