/* What plays: its name, its time, its wave with the playhead; and the side bar. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/tui/studio.h"
#include "engine/base/clock.h"

static const tb_ink plain = {0};
static const tb_ink dim = {.role = TB_ROLE_DIM};
static const tb_ink bold = {.attrs = TB_ATTR_BOLD};

static void describe_state(const tb_studio *studio, char *out, size_t size)
{
    const tb_playback *p = &studio->playback;
    char at[16], length[16], volume[24] = "muted";
    tb_time_text(p->state.position_s, at);
    tb_time_text(p->state.length_s + 0.5, length);
    if (!p->is_muted)
        (void)snprintf(volume, sizeof volume, "vol %d%%", p->volume);
    if (p->wanted[0] != '\0')
        (void)snprintf(out, size, "fetching   %s ", volume);
    else if (p->state.failure != TIMBRE_OK)
        (void)snprintf(out, size, "no sound output ");
    else
        (void)snprintf(out, size, "%s / %s   %s%s ", at, length, volume, p->loops ? "   loop" : "");
}

static double playhead(const tb_studio *studio)
{
    const tb_sound_state *s = &studio->playback.state;
    return s->length_s > 0 ? s->position_s / s->length_s : 0;
}

void tb_draw_player(tb_studio *studio)
{
    tb_area area = studio->layout.player;
    const tb_playback *p = &studio->playback;
    if (area.rows == 0)
        return;
    const tb_take *take = tb_collection_find(&studio->collection,
                                             p->wanted[0] != '\0' ? p->wanted : p->id);
    char state[80], name[400] = "";
    describe_state(studio, state, sizeof state);
    int right = tb_draw_right(&studio->canvas, area, 0, state, plain);
    const char *sign = p->state.is_playing ? tb_sign_text(TB_SIGN_PLAYING, studio->is_utf8) : "=";
    if (take != NULL)
        (void)snprintf(name, sizeof name, "%s #%d  %s", sign, take->number,
                       take->title != NULL && take->title[0] != '\0' ? take->title : take->prompt);
    (void)tb_draw_cut(&studio->canvas, area, 0, 1, right - 3, name, bold);
    if (area.rows < 2 || take == NULL)
        return;
    tb_studio_want_peaks(studio, (tb_take *)take);
    if (take->peaks != NULL)
        tb_draw_wave(&studio->canvas, area, 1, 3, area.columns - 4, take->peaks, playhead(studio),
                     dim);
    else
        tb_draw_bar(&studio->canvas, area, 1, 3, area.columns - 4, playhead(studio),
                    TB_ROLE_ACCENT);
}

double tb_player_time_at(const tb_studio *studio, int row, int column)
{
    tb_area area = studio->layout.player;
    int columns = area.columns - 4;
    if (area.rows < 2 || row != area.row + 1 || column < 3 || column >= 3 + columns)
        return -1;
    return (column - 3 + 0.5) / columns * studio->playback.state.length_s;
}

/* ---- the side bar ---- */

typedef struct {
    tb_studio *studio;
    tb_area area;
    int row;
} column;

static void heading(column *c, const char *left, const char *right)
{
    (void)tb_draw(&c->studio->canvas, c->area, c->row, 1, left, bold);
    char text[64];
    (void)snprintf(text, sizeof text, "%.60s ", right);
    (void)tb_draw_right(&c->studio->canvas, c->area, c->row, text, dim);
    c->row++;
}

static void pair(column *c, const char *name, const char *value)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s ", value);
    (void)tb_draw(&c->studio->canvas, c->area, c->row, 2, name, plain);
    (void)tb_draw_right(&c->studio->canvas, c->area, c->row, text, plain);
    c->row++;
}

/* Each backend has its own stages; the one that goes on tells which list it is. */
static const char *const neural_stages[] = {"load",   "tokenize", "encode", "denoise", "decode",
                                            "vocode", "master",   "save",   NULL};
static const char *const sketch_stages[] = {"load", "arrange", "render", "master", "save", NULL};

static void draw_stages(column *c, const tb_take *take)
{
    const char *const *stages = take->is_sketch && strcmp(take->stage, "denoise") != 0
                                    ? sketch_stages
                                    : neural_stages;
    tb_canvas *canvas = &c->studio->canvas;
    bool is_before = true;
    for (int i = 0; stages[i] != NULL; i++, c->row++) {
        bool is_now = strcmp(stages[i], take->stage) == 0;
        is_before &= !is_now && take->stage[0] != '\0';
        tb_sign sign = is_now ? TB_SIGN_RUNNING : is_before ? TB_SIGN_DONE : TB_SIGN_WAITING;
        tb_ink ink = {.role = (uint8_t)(is_before ? TB_ROLE_OK
                                        : is_now  ? TB_ROLE_ACCENT
                                                  : TB_ROLE_DIM)};
        (void)tb_draw(canvas, c->area, c->row, 2, tb_sign_text(sign, canvas->is_utf8), ink);
        int at = 4 + tb_draw(canvas, c->area, c->row, 4, stages[i], is_now ? bold : plain);
        char text[48] = "";
        if (is_now && take->steps > 0 && take->rate > 0)
            (void)snprintf(text, sizeof text, "%d/%d  %.1f step/s ", take->step, take->steps,
                           take->rate);
        else if (is_now && take->steps > 0)
            (void)snprintf(text, sizeof text, "%d/%d ", take->step, take->steps);
        if (at + (int)strlen(text) < c->area.columns)
            (void)tb_draw_right(canvas, c->area, c->row, text, plain);
    }
}

static void draw_job(column *c, const tb_take *take)
{
    char text[64], elapsed[16], left[16];
    heading(c, "JOB", "generating");
    draw_stages(c, take);
    tb_time_text(tb_clock_seconds() - take->began_s, elapsed);
    tb_time_text(ceil(take->eta_s), left);
    (void)snprintf(text, sizeof text, "elapsed %s", elapsed);
    (void)tb_draw(&c->studio->canvas, c->area, c->row, 2, text, plain);
    if (take->eta_s >= 0) {
        (void)snprintf(text, sizeof text, "left %s ", left);
        (void)tb_draw_right(&c->studio->canvas, c->area, c->row, text, plain);
    }
    c->row += 2;
}

static void draw_preview(column *c, const tb_take *take)
{
    tb_studio *studio = c->studio;
    enum { ROWS_MIN = 3, ROWS_MAX = 8, ROWS_BELOW = 5 /* the settings that matter most */ };
    int rows = c->area.rows - c->row - 2 - ROWS_BELOW;
    rows = rows > ROWS_MAX ? ROWS_MAX : rows;
    if (studio->picture_form == TB_PICTURE_NONE || rows < ROWS_MIN)
        return;
    tb_studio_want_preview(studio, take);
    if (strcmp(studio->preview.id, take->id) != 0 || studio->preview.levels.level == NULL)
        return;
    char text[32];
    (void)snprintf(text, sizeof text, "step %d", studio->preview.step);
    heading(c, "PREVIEW", text);
    tb_area box = {c->area.row + c->row, c->area.column + 2, rows, c->area.columns - 4};
    tb_picture_form form = studio->picture_form > TB_PICTURE_BLOCKS ? TB_PICTURE_BLOCKS
                                                                    : studio->picture_form;
    tb_picture_draw(&studio->canvas, box, &studio->preview.levels, form);
    c->row += rows + 1;
}

static void draw_pull(column *c)
{
    const json_t *pull = c->studio->contact.pull;
    double done = json_number_value(json_object_get(pull, "done_bytes"));
    double all = json_number_value(json_object_get(pull, "bytes"));
    double rate = json_number_value(json_object_get(pull, "rate"));
    char text[64];
    heading(c, "DOWNLOAD", c->studio->contact.pulling);
    tb_draw_bar(&c->studio->canvas, c->area, c->row++, 2, c->area.columns - 4,
                all > 0 ? done / all : 0, TB_ROLE_ACCENT);
    (void)snprintf(text, sizeof text, "%.1f/%.1f GB  %.1f MB/s", done / 1e9, all / 1e9, rate / 1e6);
    (void)tb_draw(&c->studio->canvas, c->area, c->row, 2, text, plain);
    c->row += 2;
}

static void draw_wishes(column *c)
{
    static const char *const names[] = {"model_id",       "duration_seconds", "steps",
                                        "cfg_scale",      "scheduler",        "seed",
                                        "negative_prompt"};
    tb_studio *studio = c->studio;
    char key[TB_KEY_NAME_MAX], edit[48];
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    tb_keymap_label(&studio->keymap, tb_operation_find("settings"), key);
    (void)snprintf(edit, sizeof edit, "%s edit", key);
    heading(c, "SETTINGS", edit);
    bool is_tight = c->area.rows - c->row < (int)(sizeof names / sizeof *names) + 1;
    for (size_t i = 0; i < sizeof names / sizeof *names && c->row < c->area.rows; i++) {
        int field = tb_wish_find(names[i]);
        if (field < 0)
            continue;
        const char *value = tb_wishes_shown(&studio->wishes, field);
        if (strcmp(names[i], "model_id") == 0 && tb_wishes_text(&studio->wishes, names[i]) == NULL)
            value = tb_member_text(studio->contact.health, "default_model_id");
        char seconds[48];
        if (strcmp(names[i], "duration_seconds") == 0) {
            (void)snprintf(seconds, sizeof seconds, "%.40s s", value);
            value = seconds;
        }
        bool is_asked = tb_wishes_text(&studio->wishes, names[i]) != NULL;
        bool matters = is_asked || i < 2 || strcmp(names[i], "seed") == 0;
        if (value[0] != '\0' && (matters || !is_tight))
            pair(c, fields[field].flag, value);
    }
    c->row++;
}

static void draw_device(column *c)
{
    const json_t *backends = json_object_get(c->studio->contact.health, "backend_status");
    size_t i;
    json_t *backend;
    if (json_array_size(backends) == 0 || c->area.rows - c->row < 4)
        return;
    const char *device = tb_member_text(json_array_get(backends, 0), "device");
    heading(c, "DEVICE", device);
    json_array_foreach(backends, i, backend) if (c->row < c->area.rows)
        pair(c, tb_member_text(backend, "name"),
             json_is_true(json_object_get(backend, "ready")) ? "ready" : "not installed");
}

void tb_draw_side(tb_studio *studio)
{
    if (studio->layout.side.rows == 0)
        return;
    column c = {studio, studio->layout.side, 0};
    const tb_take *running = tb_collection_running(&studio->collection);
    if (studio->contact.pulling[0] != '\0')
        draw_pull(&c);
    if (running != NULL) {
        draw_job(&c, running);
        draw_preview(&c, running);
    }
    draw_wishes(&c);
    draw_device(&c);
}
