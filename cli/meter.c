#include "cli/meter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/utf8.h"

static const double BAR_PERIOD_S = 0.05;
static const double LINE_PERIOD_S = 5.0;
static const double SENTENCE_MIN_S = 1.0;
static const double SENTENCE_MAX_S = 10.0;

static tb_meter_mode mode_of(const tb_app *app)
{
    static const struct {
        const char *name;
        tb_meter_mode mode;
    } modes[] = {{"bar", TB_METER_BAR},
                 {"lines", TB_METER_LINES},
                 {"json", TB_METER_JSON},
                 {"none", TB_METER_NONE}};
    const char *asked = tb_settings_text(&app->settings, "ui.progress");
    if (app->is_quiet && tb_settings_origin(&app->settings, "ui.progress") != TB_ORIGIN_FLAG)
        return TB_METER_NONE;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(asked, modes[i].name) == 0)
            return modes[i].mode;
    /* what --verbose says would run into a bar */
    bool has_bar = isatty(STDERR_FILENO) && tb_terminal_can_draw() && !app->is_verbose;
    return has_bar ? TB_METER_BAR : TB_METER_LINES;
}

void tb_meter_init(tb_meter *meter, const tb_app *app)
{
    *meter = (tb_meter){
        .mode = mode_of(app), .out = stderr, .is_utf8 = app->is_utf8, .i_stage = -1};
}

void tb_meter_init_json(tb_meter *meter, FILE *out)
{
    *meter = (tb_meter){.mode = TB_METER_JSON, .out = out, .i_stage = -1};
}

void tb_meter_init_sentences(tb_meter *meter, const tb_app *app)
{
    *meter = (tb_meter){
        .mode = app->is_quiet ? TB_METER_NONE : TB_METER_SENTENCES, .out = stderr, .i_stage = -1};
}

bool tb_terminal_can_draw(void)
{
    const char *term = getenv("TERM");
    return term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

void tb_line_rewind(FILE *out, int drawn_columns)
{
    int rows = (drawn_columns - 1) / tb_terminal_columns();
    fputs("\r", out);
    if (drawn_columns > 0 && rows > 0)
        fprintf(out, "\033[%dA\033[J", rows);
}

int tb_terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

void tb_bar_print(FILE *out, double fraction, int columns, bool is_utf8)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    int steps = is_utf8 ? 8 : 1;
    int filled = (int)(fraction * columns * steps + 0.5);
    int whole = filled / steps, part = filled % steps;
    fputs(is_utf8 ? "▕" : "[", out);
    for (int i = 0; i < whole; i++)
        fputs(is_utf8 ? "█" : "#", out);
    if (part > 0)
        fputs(eighths[part], out);
    for (int i = whole + (part > 0); i < columns; i++)
        fputc(' ', out);
    fputs(is_utf8 ? "▏" : "]", out);
}

/* Returns the columns written. */
static int print_left(FILE *out, double fraction, double elapsed_s)
{
    if (fraction < 0.05 || elapsed_s < 0.5)
        return 0; /* too early to say */
    int left_s = (int)(elapsed_s * (1 - fraction) / fraction + 0.5);
    return fprintf(out, "  %d:%02d left", left_s / 60, left_s % 60);
}

/* One line, redrawn as a whole inside a synchronised update (mode 2026), so that it never flickers.
 */
static void draw_bar(tb_meter *m, const timbre_progress *p)
{
    enum { TEXT_COLUMNS = 1 + 2 + 5 + 13 }; /* blank, frame, percent, time left */
    int wide = tb_utf8_columns(p->stage, strlen(p->stage));
    int pad = wide < 7 ? 7 - wide : 0;
    int columns = tb_terminal_columns() - wide - pad - TEXT_COLUMNS - 1;
    columns = columns > 40 ? 40 : columns;
    fputs("\033[?2026h", m->out);
    tb_line_rewind(m->out, m->is_drawn ? m->drawn_columns : 0);
    fprintf(m->out, "%s%*s ", p->stage, pad, "");
    m->drawn_columns = wide + pad + 1;
    if (columns >= 4) {
        tb_bar_print(m->out, p->fraction, columns, m->is_utf8);
        m->drawn_columns += columns + 2;
    }
    m->drawn_columns += fprintf(m->out, " %3d%%", (int)(p->fraction * 100));
    if (columns >= 4)
        m->drawn_columns += print_left(m->out, p->fraction, p->elapsed_s - m->stopped_s);
    fputs("\033[K\033[?2026l", m->out);
    (void)fflush(m->out);
    m->is_drawn = true;
}

static void print_line(tb_meter *m, const timbre_progress *p, bool is_new_stage)
{
    if (is_new_stage)
        fprintf(m->out, "timbre: %s (%d/%d)\n", p->stage, p->i_stage + 1, p->n_stages);
    else
        fprintf(m->out, "timbre: %s %d%%\n", p->stage, (int)(p->stage_fraction * 100));
    (void)fflush(m->out);
}

static void print_event(FILE *out, const timbre_progress *p, bool is_new_stage)
{
    if (is_new_stage)
        fprintf(out,
                "{\"schema\":1,\"event\":\"stage\",\"stage\":\"%s\",\"index\":%d,\"count\":%d}\n",
                p->stage, p->i_stage, p->n_stages);
    else
        fprintf(out,
                "{\"schema\":1,\"event\":\"progress\",\"stage\":\"%s\",\"stage_fraction\":%.4f,"
                "\"fraction\":%.4f,\"elapsed_seconds\":%.3f}\n",
                p->stage, p->stage_fraction, p->fraction, p->elapsed_s);
    (void)fflush(out);
}

static void say_progress(tb_meter *m, const timbre_progress *p)
{
    double since_s = p->elapsed_s - m->said_s;
    int tenths = (int)(p->fraction * 10);
    bool is_due = tenths > m->said_tenths ? since_s >= SENTENCE_MIN_S : since_s >= SENTENCE_MAX_S;
    if (!is_due)
        return;
    m->said_s = p->elapsed_s;
    m->said_tenths = tenths;
    fprintf(m->out, "timbre: %d percent", (int)(p->fraction * 100));
    if (p->fraction >= 0.05)
        fprintf(m->out, ", about %d s left",
                (int)(p->elapsed_s * (1 - p->fraction) / p->fraction + 0.5));
    fputs("\n", m->out);
    (void)fflush(m->out);
}

void tb_meter_update(tb_meter *m, const timbre_progress *p)
{
    if (m->mode == TB_METER_SENTENCES)
        say_progress(m, p);
    if (m->mode == TB_METER_NONE || m->mode == TB_METER_SENTENCES)
        return;
    double now_s = tb_clock_seconds();
    bool is_new_stage = p->i_stage != m->i_stage;
    double period_s = m->mode == TB_METER_LINES ? LINE_PERIOD_S : BAR_PERIOD_S;
    if (!is_new_stage && now_s - m->shown_s < period_s)
        return;
    m->i_stage = p->i_stage;
    m->shown_s = now_s;
    if (m->mode == TB_METER_BAR)
        draw_bar(m, p);
    else if (m->mode == TB_METER_LINES)
        print_line(m, p, is_new_stage);
    else
        print_event(m->out, p, is_new_stage);
}

void tb_meter_hide(tb_meter *m)
{
    if (m->is_drawn) {
        tb_line_rewind(m->out, m->drawn_columns);
        fputs("\033[K", m->out);
        (void)fflush(m->out);
    }
    m->is_drawn = false;
}

void tb_meter_clear(tb_meter *m)
{
    tb_meter_hide(m);
    m->i_stage = -1;
    m->stopped_s = 0;
    m->said_s = 0;
    m->said_tenths = 0;
}
