/* The conversation: days, prompts, and a line for each take. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client/row.h"
#include "cli/tui/studio.h"
#include "engine/base/clock.h"

enum { WAVE_MIN = 8, WAVE_MAX = 48, INDENT = 3 };

static const tb_ink plain = {0};
static const tb_ink dim = {.role = TB_ROLE_DIM};

/* ---- the empty screen ---- */

static const char *const examples[] = {
    "lo-fi piano over gentle rain",
    "funk bassline with a jazzy saxophone",
    "church bells on a foggy morning",
    "techno DJ and a country fiddle",
};
enum { N_EXAMPLES = sizeof examples / sizeof *examples };

static int example_index(const tb_studio *studio)
{
    int i = studio->example % N_EXAMPLES;
    return i < 0 ? i + N_EXAMPLES : i;
}

const char *tb_example_text(const tb_studio *studio)
{
    return examples[example_index(studio)];
}

static bool has_neural_model(const tb_studio *studio)
{
    const char *model = tb_member_text(studio->contact.health, "default_model_id");
    return strcmp(model, "sketch") != 0;
}

static int draw_offline(tb_studio *studio, tb_area area, int row)
{
    static const char *const rows[] = {
        "/retry         try now", "/local         use this computer instead",
        "/worker URL    change the address", "/doctor        find out what is wrong"};
    tb_canvas *canvas = &studio->canvas;
    row += tb_draw_wrapped(canvas, area, row, INDENT, 3, studio->contact.why,
                           (tb_ink){.role = TB_ROLE_ERROR});
    row += tb_draw_wrapped(canvas, area, row, INDENT, 2, studio->contact.fix, plain);
    char tries[80];
    double left_s = studio->contact.retry_at_s - tb_clock_seconds();
    (void)snprintf(tries, sizeof tries, "Tried %d time%s, next try in %d s.",
                   studio->contact.n_tries, studio->contact.n_tries == 1 ? "" : "s",
                   left_s > 0 ? (int)ceil(left_s) : 0);
    (void)tb_draw(canvas, area, row, INDENT, tries, dim);
    row += 2;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && row < area.rows; i++)
        (void)tb_draw(canvas, area, row++, INDENT, rows[i], plain);
    row++;
    return row + tb_draw_wrapped(canvas, area, row, INDENT, 3,
                                 "What you submit now waits here and is sent when the worker is "
                                 "back.",
                                 plain);
}

bool tb_offline_is_shown(const tb_studio *studio)
{
    return studio->contact.contact == TB_CONTACT_OFFLINE && studio->collection.n_rows == 0;
}

void tb_draw_empty(tb_studio *studio)
{
    tb_area area = studio->layout.takes;
    tb_canvas *canvas = &studio->canvas;
    int row = area.rows > 9;
    if (studio->contact.contact == TB_CONTACT_OFFLINE) {
        (void)draw_offline(studio, area, row);
        return;
    }
    (void)tb_draw(canvas, area, row, INDENT, "Describe a sound. Press Enter.",
                  (tb_ink){.attrs = TB_ATTR_BOLD});
    row += area.rows > 9 ? 2 : 1;
    for (int i = 0; i < N_EXAMPLES && row < area.rows; i++, row++) {
        bool is_chosen = i == example_index(studio);
        if (is_chosen)
            (void)tb_draw(canvas, area, row, INDENT, ">", (tb_ink){.role = TB_ROLE_ACCENT});
        (void)tb_draw_cut(canvas, area, row, INDENT + 2, area.columns - INDENT - 3, examples[i],
                          plain);
    }
    row += area.rows > 9;
    row += tb_draw_wrapped(canvas, area, row, INDENT, 2,
                           "Up and Down choose an example, Tab puts it in the prompt. / lists "
                           "commands.",
                           dim) +
           1;
    if (studio->contact.health != NULL && !has_neural_model(studio) && row < area.rows)
        (void)tb_draw_wrapped(canvas, area, row, INDENT, 3,
                              "No neural model was fetched: takes are sketches, composed by rules. "
                              "F2 downloads Riffusion.",
                              (tb_ink){.role = TB_ROLE_WARN});
}

/* ---- rows ---- */

static void draw_day(tb_studio *studio, tb_area area, int row, const tb_take *take)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    time_t made = (time_t)(take->created_ms / 1000), now = time(NULL);
    struct tm m, n;
    char text[48] = "";
    if (localtime_r(&made, &m) == NULL || localtime_r(&now, &n) == NULL)
        return;
    if (m.tm_year == n.tm_year && m.tm_yday == n.tm_yday)
        (void)snprintf(text, sizeof text, "Today");
    else
        (void)snprintf(text, sizeof text, "%d %s %d", m.tm_mday, months[m.tm_mon % 12],
                       m.tm_year + 1900);
    (void)tb_draw(&studio->canvas, area, row, 1, text, (tb_ink){.attrs = TB_ATTR_BOLD});
}

static void draw_prompt_row(tb_studio *studio, tb_area area, int row, const tb_take *take)
{
    char clock[24] = "";
    time_t made = (time_t)(take->created_ms / 1000);
    struct tm m;
    if (localtime_r(&made, &m) != NULL)
        (void)snprintf(clock, sizeof clock, "%02d:%02d", m.tm_hour, m.tm_min);
    bool has_title = take->title != NULL && take->title[0] != '\0';
    (void)tb_draw(&studio->canvas, area, row, 1, clock, dim);
    (void)tb_draw_cut(&studio->canvas, area, row, 8, area.columns - 9,
                      has_title ? take->title : take->prompt, plain);
}

static tb_sign sign_of(const tb_studio *studio, const tb_take *take, tb_role *role)
{
    static const struct {
        tb_sign sign;
        tb_role role;
    } by_state[] = {
        [TB_TAKE_UNSENT] = {TB_SIGN_WAITING, TB_ROLE_WARN},
        [TB_TAKE_QUEUED] = {TB_SIGN_WAITING, TB_ROLE_TEXT},
        [TB_TAKE_RUNNING] = {TB_SIGN_RUNNING, TB_ROLE_ACCENT},
        [TB_TAKE_DONE] = {TB_SIGN_DONE, TB_ROLE_OK},
        [TB_TAKE_FAILED] = {TB_SIGN_FAILED, TB_ROLE_ERROR},
        [TB_TAKE_CANCELLED] = {TB_SIGN_CANCELLED, TB_ROLE_DIM},
    };
    *role = by_state[take->state].role;
    if (studio->playback.state.is_playing && strcmp(studio->playback.id, take->id) == 0) {
        *role = TB_ROLE_ACCENT;
        return TB_SIGN_PLAYING;
    }
    return by_state[take->state].sign;
}

typedef struct {
    tb_canvas *canvas;
    tb_area area;
    int row, column;
    tb_ink ink;
} line;

static void add(line *l, const char *text, tb_ink ink)
{
    int room = l->area.columns - l->column - 1;
    l->column += tb_draw_cut(l->canvas, l->area, l->row, l->column, room, text, ink) + 2;
}

/* What fits: the wave goes first, then the seed. */
static void draw_done(tb_studio *studio, line *l, tb_take *take)
{
    char text[64];
    int columns = l->area.columns;
    (void)snprintf(text, sizeof text, "#%-3d %5.1f s", take->number, take->length_s);
    add(l, text, plain);
    if (columns >= 60) {
        (void)snprintf(text, sizeof text, "seed %-5lld", (long long)take->seed);
        add(l, text, plain);
    }
    if (take->is_sketch && columns >= 50)
        add(l, "sketch", dim);
    const tb_playback *p = &studio->playback;
    const char *mark = strcmp(p->a, take->id) == 0 ? " A" : strcmp(p->b, take->id) == 0 ? " B" : "";
    const char *star = take->is_starred ? tb_sign_text(TB_SIGN_STAR, studio->is_utf8) : "";
    bool is_playing = p->state.is_playing && strcmp(p->id, take->id) == 0;
    (void)snprintf(text, sizeof text, "%s%s%s", star, mark, is_playing ? " playing" : "");
    int tail = tb_text_columns(text, strlen(text));
    int room = columns - l->column - tail - 3;
    room = room > WAVE_MAX ? WAVE_MAX : room;
    if (studio->canvas.columns >= 72 && room >= WAVE_MIN) {
        tb_studio_want_peaks(studio, take);
        if (take->peaks != NULL)
            tb_draw_wave(l->canvas, l->area, l->row, l->column, room, take->peaks, -1,
                         (tb_ink){.role = TB_ROLE_ACCENT});
        l->column += room + 1;
    }
    add(l, text, (tb_ink){.role = TB_ROLE_WARN});
}

static void draw_running(line *l, const tb_take *take)
{
    char text[64], left[32] = "", t[16];
    if (take->steps > 0)
        (void)snprintf(text, sizeof text, "%s %d/%d", take->stage, take->step, take->steps);
    else
        (void)snprintf(text, sizeof text, "%s", take->stage[0] != '\0' ? take->stage : "starting");
    add(l, text, plain);
    tb_time_text(ceil(take->eta_s), t);
    if (take->eta_s >= 0)
        (void)snprintf(left, sizeof left, "%d%%  %s left", (int)(take->progress * 100), t);
    else
        (void)snprintf(left, sizeof left, "%d%%", (int)(take->progress * 100));
    int room = l->area.columns - l->column - 18;
    if (room >= 10) {
        room = room > 40 ? 40 : room;
        tb_draw_bar(l->canvas, l->area, l->row, l->column, room, take->progress, TB_ROLE_ACCENT);
        l->column += room + 1;
    }
    add(l, left, plain);
}

static void draw_queued(line *l, const tb_take *take)
{
    char text[48] = "queued";
    if (take->state == TB_TAKE_UNSENT)
        (void)snprintf(text, sizeof text, "waits for the worker");
    else if (take->queue_position > 0)
        (void)snprintf(text, sizeof text, "queued, %d ahead", take->queue_position);
    add(l, text, plain);
}

static void draw_cancelled(line *l, const tb_take *take)
{
    char text[48] = "cancelled";
    if (take->steps > 0)
        (void)snprintf(text, sizeof text, "cancelled at step %d of %d", take->step, take->steps);
    add(l, text, dim);
}

static void draw_take(tb_studio *studio, tb_area area, int row, tb_take *take)
{
    tb_role role;
    tb_sign sign = sign_of(studio, take, &role);
    const tb_take *selected = tb_studio_selected(studio);
    bool is_selected = take == selected && studio->focus == TB_FOCUS_TAKES;
    line l = {&studio->canvas, area, row, INDENT, plain};
    if (is_selected)
        (void)tb_draw(l.canvas, area, row, 1, ">", (tb_ink){.attrs = TB_ATTR_BOLD});
    l.column += tb_draw(l.canvas, area, row, l.column, tb_sign_text(sign, studio->is_utf8),
                        (tb_ink){.role = (uint8_t)role}) +
                1;
    switch (take->state) {
    case TB_TAKE_DONE:
        draw_done(studio, &l, take);
        break;
    case TB_TAKE_RUNNING:
        draw_running(&l, take);
        break;
    case TB_TAKE_FAILED:
        add(&l, take->error != NULL ? take->error : "failed", (tb_ink){.role = TB_ROLE_ERROR});
        break;
    case TB_TAKE_CANCELLED:
        draw_cancelled(&l, take);
        break;
    case TB_TAKE_UNSENT:
    case TB_TAKE_QUEUED:
        draw_queued(&l, take);
        break;
    }
    if (is_selected)
        tb_draw_tint(l.canvas, (tb_area){area.row + row, area.column + 1, 1, area.columns - 2},
                     (tb_ink){.attrs = TB_ATTR_REVERSE});
}

static void draw_fix(tb_studio *studio, tb_area area, int row, const tb_take *take)
{
    int at = INDENT + 2 +
             tb_draw(&studio->canvas, area, row, INDENT + 2,
                     "fix: ", (tb_ink){.role = TB_ROLE_WARN});
    (void)tb_draw_cut(&studio->canvas, area, row, at, area.columns - at - 1, take->fix, plain);
}

/* ---- which rows are shown ---- */

/* So that the selected take is in it; the newest stay in sight while the prompt has the keys. */
static int first_row(tb_studio *studio, int rows)
{
    int n = (int)studio->collection.n_rows, last = n - rows > 0 ? n - rows : 0;
    int first = studio->first_row < 0 || studio->first_row > last ? last : studio->first_row;
    int selected = tb_collection_row_of(&studio->collection, tb_studio_selected(studio));
    if (studio->focus == TB_FOCUS_TAKES && selected >= 0) {
        if (selected - 1 < first) /* with its prompt */
            first = selected - 1 > 0 ? selected - 1 : 0;
        if (selected + 1 >= first + rows)
            first = selected + 1 < n ? selected + 2 - rows : selected + 1 - rows;
        first = first > last ? last : first < 0 ? 0 : first;
        studio->first_row = first == last ? -1 : first;
    }
    return first;
}

void tb_draw_takes(tb_studio *studio)
{
    tb_area area = studio->layout.takes;
    const tb_collection *collection = &studio->collection;
    if (collection->n_rows == 0 && collection->search == NULL &&
        collection->filter == TB_FILTER_ALL) {
        tb_draw_empty(studio);
        return;
    }
    if (collection->n_rows == 0)
        (void)tb_draw(&studio->canvas, area, 1, INDENT,
                      "No take fits. 1 shows all, Esc ends a search.", plain);
    int first = first_row(studio, area.rows);
    for (int i = 0; i < area.rows && first + i < (int)collection->n_rows; i++) {
        const tb_list_row *r = &collection->rows[first + i];
        switch (r->kind) {
        case TB_ROW_DAY:
            draw_day(studio, area, i, r->take);
            break;
        case TB_ROW_PROMPT:
            draw_prompt_row(studio, area, i, r->take);
            break;
        case TB_ROW_TAKE:
            draw_take(studio, area, i, r->take);
            break;
        case TB_ROW_FIX:
            draw_fix(studio, area, i, r->take);
            break;
        }
    }
    studio->shown_first_row = first;
}

int tb_takes_row_at(const tb_studio *studio, int row)
{
    tb_area area = studio->layout.takes;
    int at = row - area.row;
    if (at < 0 || at >= area.rows || studio->shown_first_row + at >= (int)studio->collection.n_rows)
        return -1;
    return studio->shown_first_row + at;
}
