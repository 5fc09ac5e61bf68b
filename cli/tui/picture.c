/* Pictures of characters: two levels a cell where there are colours, else a character for each. */
#include "cli/tui/picture.h"

#include "cli/tui/picture_box.h"

static const char ascii[] = " .:-=+*#%@";
static const uint32_t shades[] = {' ', 0x2591, 0x2592, 0x2593, 0x2588};

enum { N_ASCII = sizeof ascii - 1, N_SHADES = sizeof shades / sizeof shades[0] };

static void draw_blocks(tb_canvas *canvas, tb_area area, const tb_levels *levels)
{
    for (int y = 0; y < area.rows; y++)
        for (int x = 0; x < area.columns; x++) {
            tb_ink ink = {.role = TB_ROLE_PICTURE,
                          .fore = tb_levels_box(levels, area.columns, 2 * area.rows, x, 2 * y),
                          .back = tb_levels_box(levels, area.columns, 2 * area.rows, x, 2 * y + 1)};
            tb_draw_code(canvas, area, y, x, 0x2580 /* upper half block */, ink);
        }
}

static void draw_characters(tb_canvas *canvas, tb_area area, const tb_levels *levels,
                            bool has_shades)
{
    for (int y = 0; y < area.rows; y++)
        for (int x = 0; x < area.columns; x++) {
            int level = tb_levels_box(levels, area.columns, area.rows, x, y);
            uint32_t code = has_shades ? shades[level * N_SHADES / 256]
                                       : (uint32_t)ascii[level * N_ASCII / 256];
            tb_draw_code(canvas, area, y, x, code, (tb_ink){.role = TB_ROLE_TEXT});
        }
}

void tb_picture_draw(tb_canvas *canvas, tb_area area, const tb_levels *levels, tb_picture_form form)
{
    if (form == TB_PICTURE_NONE || levels->level == NULL)
        return;
    if (form == TB_PICTURE_ASCII || !canvas->is_utf8)
        draw_characters(canvas, area, levels, false);
    else if (form == TB_PICTURE_SHADES)
        draw_characters(canvas, area, levels, true);
    else
        draw_blocks(canvas, area, levels);
}
