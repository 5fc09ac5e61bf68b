/* Sixels and iTerm2's pictures, by libchafa. It gets the pixels in the size that it sends, so that
 * it scales nothing. */
#include "cli/tui/picture_box.h"

#ifndef TB_HAVE_CHAFA
#define TB_HAVE_CHAFA 0
#endif

bool tb_picture_has_form(tb_picture_form form)
{
    return TB_HAVE_CHAFA || (form != TB_PICTURE_SIXEL && form != TB_PICTURE_ITERM2);
}

#if TB_HAVE_CHAFA

#include <chafa.h>

typedef struct sequence {
    ChafaTermSeq seq;
    const char *text; /* %1 .. are libchafa's */
} sequence;

enum { SEQUENCES_MAX = 2 };

/* What the terminal of this form is told. libchafa takes only sequences with all of its values. */
static const sequence sequences[][SEQUENCES_MAX] = {
    [TB_PICTURE_SIXEL] = {{CHAFA_TERM_SEQ_BEGIN_SIXELS, "\033P%1;%2;%3q"},
                          {CHAFA_TERM_SEQ_END_SIXELS, "\033\\"}},
    [TB_PICTURE_ITERM2] = {{CHAFA_TERM_SEQ_BEGIN_ITERM2_IMAGE,
                            "\033]1337;File=inline=1;width=%1;height=%2;preserveAspectRatio=0:"},
                           {CHAFA_TERM_SEQ_END_ITERM2_IMAGE, "\a"}},
};

static ChafaTermInfo *make_terminal(tb_picture_form form)
{
    ChafaTermInfo *terminal = chafa_term_info_new();
    for (int i = 0; i < SEQUENCES_MAX && sequences[form][i].text != NULL; i++)
        (void)chafa_term_info_set_seq(terminal, sequences[form][i].seq, sequences[form][i].text,
                                      NULL);
    return terminal;
}

void tb_pixels_write_chafa(const tb_pixels *pixels, tb_picture_form form, tb_str *out)
{
    static const ChafaPixelMode modes[] = {[TB_PICTURE_SIXEL] = CHAFA_PIXEL_MODE_SIXELS,
                                           [TB_PICTURE_ITERM2] = CHAFA_PIXEL_MODE_ITERM2};
    ChafaCanvasConfig *config = chafa_canvas_config_new();
    chafa_canvas_config_set_pixel_mode(config, modes[form]);
    chafa_canvas_config_set_canvas_mode(config, CHAFA_CANVAS_MODE_TRUECOLOR);
    chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_NONE);
    chafa_canvas_config_set_preprocessing_enabled(config, FALSE);
    chafa_canvas_config_set_geometry(config, pixels->columns, pixels->rows);
    chafa_canvas_config_set_cell_geometry(config, pixels->cell_width, pixels->cell_height);
    ChafaCanvas *canvas = chafa_canvas_new(config);
    chafa_canvas_draw_all_pixels(canvas, CHAFA_PIXEL_RGB8, pixels->rgb, pixels->width,
                                 pixels->height, pixels->width * 3);
    ChafaTermInfo *terminal = make_terminal(form);
    GString *text = chafa_canvas_print(canvas, terminal);
    chafa_term_info_unref(terminal);
    chafa_canvas_unref(canvas);
    chafa_canvas_config_unref(config);
    tb_str_append_bytes(out, text->str, text->len);
    g_string_free(text, TRUE);
}

#else

void tb_pixels_write_chafa(const tb_pixels *pixels, tb_picture_form form, tb_str *out)
{
}

#endif
