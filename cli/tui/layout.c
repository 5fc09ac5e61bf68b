/* Where things are: title 1, rule, takes, rule, player 2, rule, prompt 1 to 6, hints 1; a side bar
 * from 96 columns on, one settings line below that. */
#include "cli/tui/studio.h"

enum {
    COLUMNS_MIN = 40,
    ROWS_MIN = 10,
    SIDE_FROM_COLUMNS = 96,
    SIDE_COLUMNS = 32,
    ROOMY_ROWS = 18, /* below: one line for the player, one row for the prompt */
    PROMPT_ROWS_MAX = 6,
    PROMPT_INDENT = 3, /* " > " */
    COUNTER_COLUMNS = 10,
};

static int prompt_rows(tb_studio *studio, int columns, bool is_roomy)
{
    int row, column;
    int rows = tb_editor_rows(&studio->editor, columns - PROMPT_INDENT - COUNTER_COLUMNS, &row,
                              &column);
    int most = is_roomy ? PROMPT_ROWS_MAX : 1;
    return rows < 1 ? 1 : rows > most ? most : rows;
}

void tb_layout_make(tb_studio *studio)
{
    int rows = studio->canvas.rows, columns = studio->canvas.columns;
    tb_layout *l = &studio->layout;
    *l = (tb_layout){.is_too_small = rows < ROWS_MIN || columns < COLUMNS_MIN};
    if (l->is_too_small)
        return;
    bool is_roomy = rows >= ROOMY_ROWS, has_side = columns >= SIDE_FROM_COLUMNS;
    bool has_player = studio->playback.id[0] != '\0' || studio->playback.wanted[0] != '\0';
    int below = rows;
    l->hints = (tb_area){--below, 0, 1, columns};
    if (is_roomy)
        below--; /* a blank row above the hints */
    int n = prompt_rows(studio, columns, is_roomy);
    below -= n;
    l->prompt = (tb_area){below, 0, n, columns};
    below--; /* its rule */
    if (is_roomy && !has_side)
        l->settings = (tb_area){--below, 0, 1, columns};
    if (has_player) {
        int player_rows = is_roomy ? 2 : 1;
        below -= player_rows;
        l->player = (tb_area){below, 0, player_rows, columns};
    }
    if (has_player || l->settings.rows > 0)
        below--; /* the rule above the player */
    l->title = (tb_area){0, 0, 1, columns};
    int list_columns = has_side ? columns - SIDE_COLUMNS - 1 : columns;
    l->takes = (tb_area){2, 0, below - 2, list_columns};
    if (has_side)
        l->side = (tb_area){2, list_columns + 1, below - 2, SIDE_COLUMNS};
}
