/* The spectrogram of a take in a full screen: with a playhead, zoom, range, colours, mel or linear
 * frequencies, and saving as PNG. The analysis is the engine's, on a thread of its own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tui/studio.h"
#include "timbre/spectrogram.h"

enum {
    LABEL_COLUMNS = 5,
    ANALYSIS_HEIGHT = 512,
    ANALYSIS_WIDTH = 512,
    RANGE_MIN_DB = 20,
    RANGE_MAX_DB = 120,
    ZOOM_MAX = 6, /* halvings */
};

typedef struct {
    char id[TB_TAKE_ID_MAX];
    char *file;        /* owned */
    timbre_view *view; /* owned; of start_s, length_s */
    tb_levels levels;  /* of the view, as it is drawn */
    int zoom, range_db;
    double start_s;
    bool is_linear, is_working, is_stale; /* stale: the picture is not of these wishes */
    char failure[200];
    tb_area box; /* of the picture on the screen, as it was sent last */
} spectrogram;

static const tb_overlay_kind kind;

static void free_spectrogram(void *state)
{
    spectrogram *s = state;
    timbre_view_free(s->view);
    tb_levels_deinit(&s->levels);
    free(s->file);
    free(s);
}

/* ---- analysis ---- */

typedef struct {
    char id[TB_TAKE_ID_MAX];
    char *file, *png; /* owned; png: save instead of show; NULL: show */
    char *title;
    double start_s, length_s, range_db;
    timbre_view *view;
    timbre_status status;
    timbre_error err;
} analysis;

static void analyse(void *state, const timbre_cancel *cancel)
{
    analysis *a = state;
    timbre_engine *engine = NULL;
    const timbre_engine_options options = {.struct_size = sizeof options};
    const timbre_view_options view = {.struct_size = sizeof view,
                                      .width = a->png != NULL ? 1024 : ANALYSIS_WIDTH,
                                      .height = ANALYSIS_HEIGHT,
                                      .start_s = a->start_s,
                                      .length_s = a->length_s,
                                      .cancel = cancel};
    a->status = timbre_engine_new(&options, &engine, &a->err);
    if (a->status == TIMBRE_OK)
        a->status = timbre_view_new(engine, a->file, &view, &a->view, &a->err);
    if (a->status == TIMBRE_OK && a->png != NULL)
        a->status = timbre_view_save(a->view, a->title, a->range_db, a->png, 0, &a->err);
    timbre_engine_free(engine);
}

static void free_analysis(analysis *a)
{
    timbre_view_free(a->view);
    free(a->file);
    free(a->png);
    free(a->title);
    free(a);
}

static void begin_analysis(tb_studio *studio, spectrogram *s);

static void analysed(void *user, void *state)
{
    tb_studio *studio = user;
    analysis *a = state;
    spectrogram *s = tb_overlay_state(studio, &kind);
    studio->is_dirty = true;
    if (a->png != NULL) {
        if (a->status == TIMBRE_OK)
            tb_studio_toast_saved(studio, "saved", a->png);
        else
            tb_studio_toast_error(studio, &a->err);
    } else if (s != NULL && strcmp(s->id, a->id) == 0) {
        s->is_working = false;
        if (a->status != TIMBRE_OK)
            (void)snprintf(s->failure, sizeof s->failure, "%.199s", a->err.message);
        timbre_view_free(s->view);
        s->view = a->view;
        a->view = NULL;
        if (s->is_stale) /* other wishes came meanwhile */
            begin_analysis(studio, s);
    }
    free_analysis(a);
}

static double length_of(tb_studio *studio, const spectrogram *s)
{
    const tb_take *take = tb_collection_find(&studio->collection, s->id);
    return take != NULL ? take->length_s : 0;
}

static analysis *new_analysis(tb_studio *studio, const spectrogram *s)
{
    analysis *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    memcpy(a->id, s->id, sizeof a->id);
    a->file = tb_strdup(s->file);
    a->start_s = s->start_s;
    a->length_s = s->zoom > 0 ? length_of(studio, s) / (1 << s->zoom) : 0;
    a->range_db = s->range_db;
    return a;
}

static void begin_analysis(tb_studio *studio, spectrogram *s)
{
    s->is_stale = s->is_working;
    if (s->is_working)
        return;
    analysis *a = new_analysis(studio, s);
    if (a == NULL || a->file == NULL ||
        tb_tasks_start(&studio->tasks, analyse, analysed, a) == NULL) {
        if (a != NULL)
            free_analysis(a);
        (void)snprintf(s->failure, sizeof s->failure, "no memory");
        return;
    }
    s->is_working = true;
}

static void sound_came(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    spectrogram *s = tb_overlay_state(studio, &kind);
    studio->is_dirty = true;
    if (s == NULL || strcmp(s->id, reply->id) != 0)
        return;
    if (reply->status == TIMBRE_OK)
        begin_analysis(studio, s);
    else
        (void)snprintf(s->failure, sizeof s->failure, "%.199s", reply->err.message);
}

void tb_open_spectrogram(tb_studio *studio, const tb_take *take)
{
    spectrogram *s = calloc(1, sizeof *s);
    if (s != NULL)
        s->file = tb_strf("%s/%s.audio", studio->cache_dir, take->id);
    if (s == NULL || s->file == NULL) {
        free(s);
        tb_studio_toast(studio, TB_ROLE_ERROR, "no memory");
        return;
    }
    (void)snprintf(s->id, sizeof s->id, "%s", take->id);
    s->range_db = 80;
    tb_studio_open_overlay(studio, tb_overlay_new(&kind, s));
    if (access(s->file, R_OK) == 0) {
        begin_analysis(studio, s);
        return;
    }
    char path[96];
    (void)snprintf(path, sizeof path, "/artifacts/%s/audio", take->id);
    tb_link_ask(studio->link, &(tb_ask){.lane = TB_LANE_FETCHES,
                                        .want = TB_WANT_FILE,
                                        .path = path,
                                        .file = s->file,
                                        .id = take->id,
                                        .done = sound_came});
}

/* ---- the picture ---- */

/* HTK's mel scale, as the view's rows have it. */
static double mel_of(double hz)
{
    return 2595 * log10(1 + hz / 700);
}

static double hz_of(double mel)
{
    return 700 * (pow(10, mel / 2595) - 1);
}

/* Frequency at height 0 (bottom) .. 1 of the screen. */
static double frequency_at(const spectrogram *s, double height)
{
    const timbre_view *v = s->view;
    if (s->is_linear)
        return v->min_hz + height * (v->max_hz - v->min_hz);
    double low = mel_of(v->min_hz), high = mel_of(v->max_hz);
    return hz_of(low + height * (high - low));
}

/* Row of the view with this frequency. */
static int row_of(const timbre_view *v, double hz)
{
    double at = v->is_mel
                    ? (mel_of(hz) - mel_of(v->min_hz)) / (mel_of(v->max_hz) - mel_of(v->min_hz))
                    : (hz - v->min_hz) / (v->max_hz - v->min_hz);
    int row = (int)((1 - at) * v->height);
    return row < 0 ? 0 : row >= v->height ? v->height - 1 : row;
}

static bool make_levels(spectrogram *s)
{
    const timbre_view *v = s->view;
    tb_levels *l = &s->levels;
    uint8_t *level = realloc(l->level, (size_t)v->width * (size_t)v->height);
    if (level == NULL)
        return false;
    *l = (tb_levels){v->width, v->height, level};
    for (int y = 0; y < v->height; y++) {
        int from = row_of(v, frequency_at(s, 1 - (y + 0.5) / v->height));
        for (int x = 0; x < v->width; x++) {
            double db = (double)v->db[(size_t)from * (size_t)v->width + (size_t)x];
            double bright = 1 + db / s->range_db;
            level[(size_t)y * (size_t)v->width + (size_t)x] = (uint8_t)(255 * (bright < 0 ? 0
                                                                               : bright > 1
                                                                                   ? 1
                                                                                   : bright));
        }
    }
    return true;
}

static void draw_labels(tb_studio *studio, const spectrogram *s, tb_area box)
{
    tb_canvas *canvas = &studio->canvas;
    tb_area all = tb_canvas_area(canvas);
    char text[16];
    for (int row = 0; row<box.rows; row += box.rows> 12 ? 4 : 3) {
        double hz = frequency_at(s, 1 - (row + 0.5) / box.rows);
        if (hz >= 1000)
            (void)snprintf(text, sizeof text, hz >= 9950 ? "%.0fk" : "%.1fk", hz / 1000);
        else
            (void)snprintf(text, sizeof text, "%.0f", hz);
        (void)tb_draw_right(canvas, (tb_area){box.row + row, 0, 1, LABEL_COLUMNS - 1}, 0, text,
                            (tb_ink){0});
    }
    (void)tb_draw(canvas, all, box.row + box.rows, 0, "Hz", (tb_ink){0});
    for (int column = 0; column + 6 < box.columns; column += 12) {
        double at_s = s->view->start_s + s->view->duration_s * column / box.columns;
        (void)snprintf(text, sizeof text, "%.1f", at_s);
        (void)tb_draw(canvas, all, box.row + box.rows, box.column + column, text, (tb_ink){0});
    }
}

static void draw_playhead(tb_studio *studio, const spectrogram *s, tb_area box)
{
    const tb_playback *p = &studio->playback;
    if (strcmp(p->id, s->id) != 0 || s->view == NULL)
        return;
    double at = (p->state.position_s - s->view->start_s) / s->view->duration_s;
    int column = (int)(at * box.columns);
    if (at < 0 || column >= box.columns)
        return;
    const char *sign = tb_sign_text(TB_SIGN_PLAYHEAD, studio->is_utf8);
    bool is_pixels = studio->picture_form > TB_PICTURE_BLOCKS; /* text would tear them: below */
    tb_area lines = {box.row, box.column, box.rows + 1, box.columns};
    for (int row = is_pixels ? box.rows : 0; row < box.rows + is_pixels; row++)
        (void)tb_draw(&studio->canvas, lines, row, column, sign, (tb_ink){.role = TB_ROLE_WARN});
}

/* Pixels are sent once for each picture, behind the frame; the terminal keeps them. */
static void send_pixels(tb_studio *studio, spectrogram *s, tb_area box)
{
    tb_error err = {0};
    bool is_there = studio->has_picture && memcmp(&s->box, &box, sizeof box) == 0;
    if (is_there)
        return;
    if (tb_picture_format(box, &s->levels, studio->color_map, studio->picture_form,
                          studio->cell_width, studio->cell_height, &studio->after,
                          &err) != TIMBRE_OK) {
        tb_studio_log(studio, "picture: %s", err.message);
        studio->picture_form = TB_PICTURE_BLOCKS;
    }
    studio->has_picture = true;
    s->box = box;
}

static void draw_picture(tb_studio *studio, spectrogram *s, tb_area box)
{
    if (s->view == NULL || !make_levels(s))
        return;
    if (studio->picture_form > TB_PICTURE_BLOCKS)
        send_pixels(studio, s, box);
    else
        tb_picture_draw(&studio->canvas, box, &s->levels, studio->picture_form);
    draw_labels(studio, s, box);
    draw_playhead(studio, s, box);
}

static void draw(tb_studio *studio, void *state)
{
    spectrogram *s = state;
    tb_canvas *canvas = &studio->canvas;
    tb_area all = tb_canvas_area(canvas);
    const tb_take *take = tb_collection_find(&studio->collection, s->id);
    const tb_playback *p = &studio->playback;
    char title[300] = "", at[16] = "0:00", length[16], status[160];
    if (take != NULL)
        (void)snprintf(title, sizeof title, "#%d  spectrogram   %.200s   %.1f s", take->number,
                       take->prompt, take->length_s);
    (void)tb_draw_cut(canvas, all, 0, 1, all.columns - 2, title, (tb_ink){.attrs = TB_ATTR_BOLD});
    tb_area box = {1, LABEL_COLUMNS, all.rows - 5, all.columns - LABEL_COLUMNS};
    if (s->failure[0] != '\0')
        (void)tb_draw_wrapped(canvas, box, 1, 1, 4, s->failure, (tb_ink){.role = TB_ROLE_ERROR});
    else if (s->view == NULL)
        (void)tb_draw(canvas, box, 1, 1, "analysing", (tb_ink){.role = TB_ROLE_DIM});
    draw_picture(studio, s, box);
    tb_time_text(length_of(studio, s) + 0.5, length);
    if (strcmp(p->id, s->id) == 0)
        tb_time_text(p->state.position_s, at);
    (void)snprintf(status, sizeof status, "%s %s / %s   loop %s   range %d dB   %s   %s   x%d",
                   p->state.is_playing ? tb_sign_text(TB_SIGN_PLAYING, studio->is_utf8) : "=", at,
                   length, p->loops ? "on" : "off", s->range_db, s->is_linear ? "linear" : "mel",
                   tb_color_map_name(studio->color_map), 1 << s->zoom);
    (void)tb_draw_cut(canvas, all, all.rows - 3, 1, all.columns - 2, status, (tb_ink){0});
    tb_draw_rule(canvas, all, all.rows - 2);
    tb_area hints = {all.rows - 1, 0, 1, all.columns};
    if (studio->toast.until_s > 0)
        (void)tb_draw_cut(canvas, hints, 0, 1, all.columns - 2, studio->toast.text,
                          (tb_ink){.role = (uint8_t)studio->toast.role});
    else
        tb_draw_hint_row(studio, hints, TB_WHERE_VIEW, "Esc back");
}

/* ---- keys ---- */

static bool input(tb_studio *studio, void *state, const tb_input *input)
{
    spectrogram *s = state;
    const tb_playback *p = &studio->playback;
    if (input->kind == TB_INPUT_MOUSE && s->view != NULL && p->sound != NULL &&
        input->mouse.kind == TB_MOUSE_PRESS && input->mouse.column >= LABEL_COLUMNS) {
        double at = (double)(input->mouse.column - LABEL_COLUMNS) /
                    (studio->canvas.columns - LABEL_COLUMNS);
        tb_sound_seek(p->sound, s->view->start_s + at * s->view->duration_s);
        return true;
    }
    bool is_play = input->kind == TB_INPUT_KEY && input->key.code == ' ' && input->key.mods == 0;
    if (is_play && strcmp(p->id, s->id) != 0) {
        const tb_take *take = tb_collection_find(&studio->collection, s->id);
        if (take != NULL)
            tb_studio_play(studio, take, 0);
        return true;
    }
    return input->kind == TB_INPUT_MOUSE;
}

static const tb_overlay_kind kind = {.name = "spectrogram",
                                     .is_screen = true,
                                     .where = TB_WHERE_VIEW,
                                     .draw = draw,
                                     .input = input,
                                     .free_state = free_spectrogram};

void tb_spectrogram_zoom(tb_studio *studio, int step)
{
    spectrogram *s = tb_overlay_state(studio, &kind);
    if (s == NULL)
        return;
    double length_s = length_of(studio, s), middle_s = s->start_s + length_s / (1 << s->zoom) / 2;
    if (strcmp(studio->playback.id, s->id) == 0)
        middle_s = studio->playback.state.position_s;
    s->zoom += step;
    s->zoom = s->zoom < 0 ? 0 : s->zoom > ZOOM_MAX ? ZOOM_MAX : s->zoom;
    double shown_s = length_s / (1 << s->zoom);
    s->start_s = middle_s - shown_s / 2;
    s->start_s = s->start_s > length_s - shown_s ? length_s - shown_s : s->start_s;
    s->start_s = s->start_s < 0 ? 0 : s->start_s;
    tb_studio_forget_picture(studio);
    begin_analysis(studio, s);
}

void tb_spectrogram_range(tb_studio *studio, int step)
{
    spectrogram *s = tb_overlay_state(studio, &kind);
    if (s == NULL)
        return;
    s->range_db += step;
    s->range_db = s->range_db < RANGE_MIN_DB   ? RANGE_MIN_DB
                  : s->range_db > RANGE_MAX_DB ? RANGE_MAX_DB
                                               : s->range_db;
    tb_studio_forget_picture(studio);
}

void tb_spectrogram_colors(tb_studio *studio)
{
    studio->color_map = (tb_color_map)((studio->color_map + 1) % TB_MAP_COUNT);
    if (studio->terminal != NULL)
        tb_terminal_set_color_map(studio->terminal, studio->color_map);
    tb_studio_forget_picture(studio);
}

void tb_spectrogram_scale(tb_studio *studio)
{
    spectrogram *s = tb_overlay_state(studio, &kind);
    if (s != NULL)
        s->is_linear = !s->is_linear;
    tb_studio_forget_picture(studio);
}

void tb_spectrogram_save(tb_studio *studio)
{
    const spectrogram *s = tb_overlay_state(studio, &kind);
    const tb_take *take = s != NULL ? tb_collection_find(&studio->collection, s->id) : NULL;
    analysis *a = take != NULL ? new_analysis(studio, s) : NULL;
    if (a == NULL)
        return;
    for (int i = 1; i < 1000 && (a->png == NULL || access(a->png, F_OK) == 0); i++) {
        free(a->png);
        a->png = i == 1 ? tb_strf("take-%d.png", take->number)
                        : tb_strf("take-%d-%d.png", take->number, i);
    }
    a->title = tb_strdup(take->prompt);
    if (a->png == NULL || a->title == NULL ||
        tb_tasks_start(&studio->tasks, analyse, analysed, a) == NULL)
        free_analysis(a);
}
