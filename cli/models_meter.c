#include "cli/models_meter.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/models.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/clock.h"

static const double BAR_PERIOD_S = 0.1;
static const double LINE_PERIOD_S = 5.0;

void tb_models_meter_init(tb_models_meter *m, tb_app *app, const char *stage)
{
    *m = (tb_models_meter){.app = app, .stage = stage, .started_s = tb_clock_seconds()};
    tb_meter_init(&m->meter, app);
}

static void on_fraction(double fraction, void *user)
{
    tb_models_meter *m = user;
    tb_meter_update(&m->meter, &(timbre_progress){.stage = m->stage,
                                                  .n_stages = 1,
                                                  .stage_fraction = fraction,
                                                  .fraction = fraction,
                                                  .elapsed_s = tb_clock_seconds() - m->started_s});
}

tb_progress tb_models_meter_progress(tb_models_meter *m)
{
    return (tb_progress){.fn = on_fraction, .user = m, .cancel = tb_signals_cancel()};
}

void tb_models_meter_clear(tb_models_meter *m)
{
    tb_meter_clear(&m->meter);
}

/* --- bytes on their way ---------------------------------------------------------------------- */

static double fraction_of(const tb_pull_progress *p)
{
    return p->len_bytes > 0 ? (double)p->done_bytes / (double)p->len_bytes : 1;
}

enum { N_PARTS = 4, PART_BYTES = 48 };

/* "1.02 GB of 2.13 GB", "12 MB/s", "1:30 left", "3 of 9 files": what is not known yet is "". */
static void fill_parts(const tb_pull_progress *p, char parts[N_PARTS][PART_BYTES])
{
    char done[TB_BYTES_TEXT_MAX], all[TB_BYTES_TEXT_MAX], rate[TB_BYTES_TEXT_MAX];
    tb_bytes_format(p->done_bytes, done);
    tb_bytes_format(p->len_bytes, all);
    (void)snprintf(parts[0], PART_BYTES, "%s of %s", done, all);
    parts[1][0] = parts[2][0] = '\0';
    if (p->rate_bytes_s > 0) {
        tb_bytes_format((int64_t)p->rate_bytes_s, rate);
        (void)snprintf(parts[1], PART_BYTES, "%s/s", rate);
    }
    if (p->left_s >= 0 && p->left_s < 360000) {
        int left_s = (int)(p->left_s + 0.5);
        (void)snprintf(parts[2], PART_BYTES, "%d:%02d left", left_s / 60, left_s % 60);
    }
    (void)snprintf(parts[3], PART_BYTES, "%zu of %zu files", p->n_done, p->n_files);
}

/* As many of the parts as fit into the terminal, then the bar in what room is left. The terminal
 * may echo "^Z" behind it, which must not begin another line: that could not be taken back. */
static void draw_bar(tb_meter *m, const tb_pull_progress *p)
{
    enum { HEAD_COLUMNS = 4, BAR_MAX = 30, BAR_MIN = 6, BAR_FRAME = 3, ECHO_COLUMNS = 2 };
    char parts[N_PARTS][PART_BYTES];
    fill_parts(p, parts);
    int room = tb_terminal_columns() - 1 - ECHO_COLUMNS - HEAD_COLUMNS;
    size_t n = 0;
    for (; n < N_PARTS && (int)strlen(parts[n]) + 2 <= room; n++)
        room -= parts[n][0] != '\0' ? (int)strlen(parts[n]) + 2 : 0;
    int columns = room - BAR_FRAME > BAR_MAX ? BAR_MAX : room - BAR_FRAME;
    fputs("\033[?2026h", m->out);
    tb_line_rewind(m->out, m->is_drawn ? m->drawn_columns : 0);
    m->drawn_columns = fprintf(m->out, "%3d%%", (int)(fraction_of(p) * 100));
    if (columns >= BAR_MIN) {
        fputs(" ", m->out);
        tb_bar_print(m->out, fraction_of(p), columns, m->is_utf8);
        m->drawn_columns += columns + BAR_FRAME;
    }
    for (size_t i = 0; i < n; i++)
        if (parts[i][0] != '\0')
            m->drawn_columns += fprintf(m->out, "  %s", parts[i]);
    fputs("\033[K\033[?2026l", m->out);
    (void)fflush(m->out);
    m->is_drawn = true;
}

static void print_line(tb_meter *m, const tb_pull_progress *p)
{
    char parts[N_PARTS][PART_BYTES];
    fill_parts(p, parts);
    fputs("timbre: fetch ", m->out);
    for (size_t i = 0; i < N_PARTS; i++)
        if (parts[i][0] != '\0')
            fprintf(m->out, "%s%s", i == 0 ? "" : ", ", parts[i]);
    fputs("\n", m->out);
    (void)fflush(m->out);
}

/* Takes the reference. */
static void print_event(tb_meter *m, json_t *event)
{
    char *line = event == NULL
                     ? NULL
                     : json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
    if (line != NULL)
        fprintf(m->out, "%s\n", line);
    (void)fflush(m->out);
    free(line);
    json_decref(event);
}

static json_t *event_of(const tb_pull_progress *p)
{
    return json_pack(
        "{s:i, s:s, s:s, s:f, s:I, s:I, s:f, s:o, s:I, s:I, s:o}", "schema", 1, "event", "progress",
        "stage", "fetch", "fraction", fraction_of(p), "done_bytes", (json_int_t)p->done_bytes,
        "bytes", (json_int_t)p->len_bytes, "bytes_per_second", p->rate_bytes_s, "seconds_left",
        p->left_s >= 0 ? json_real(p->left_s) : json_null(), "done_files", (json_int_t)p->n_done,
        "files", (json_int_t)p->n_files, "file", tb_text_or_null(p->file));
}

static void show_note(tb_models_meter *m, const char *note)
{
    if (m->meter.mode == TB_METER_JSON) {
        print_event(&m->meter, json_pack("{s:i, s:s, s:o}", "schema", 1, "event", "note", "note",
                                         tb_text_to_json(note)));
        return;
    }
    tb_meter_hide(&m->meter);
    tb_app_note(m->app, "%s", note);
}

void tb_models_meter_fetch(const tb_pull_progress *p, void *user)
{
    tb_models_meter *m = user;
    tb_meter *meter = &m->meter;
    double now_s = tb_clock_seconds();
    double period_s = meter->mode == TB_METER_LINES ? LINE_PERIOD_S : BAR_PERIOD_S;
    if (tb_signals_wants_stop()) {
        tb_meter_hide(meter);
        meter->stopped_s += tb_signals_stop();
    }
    if (p->note != NULL)
        show_note(m, p->note);
    if (meter->mode == TB_METER_NONE || now_s - meter->shown_s < period_s)
        return;
    meter->shown_s = now_s;
    if (meter->mode == TB_METER_BAR)
        draw_bar(meter, p);
    else if (meter->mode == TB_METER_LINES)
        print_line(meter, p);
    else
        print_event(meter, event_of(p));
}
