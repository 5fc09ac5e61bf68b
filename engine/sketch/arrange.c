/*
 * The arranger: plan, band, players, the last chord, and the checks that keep a take whole: who was
 * asked for is heard early, and nothing falls silent.
 */
#include <math.h>
#include <string.h>

#include "engine/sketch/writer.h"

static tb_status check(const tb_brief *b, const tb_arrange_options *o, tb_error *err)
{
    const double tempo_min = 10, tempo_max = 400;
    if (!(o->duration_s >= 1 && o->duration_s <= TB_SKETCH_MAX_SECONDS)) {
        tb_fail(err, TIMBRE_BAD_INPUT, "duration %g s is not within 1 and %d s", o->duration_s,
                TB_SKETCH_MAX_SECONDS);
        tb_fix(err, "ask for 1 to %d seconds", TB_SKETCH_MAX_SECONDS);
        return TIMBRE_BAD_INPUT;
    }
    if (b->tempo_bpm > 0 && !(b->tempo_bpm >= tempo_min && b->tempo_bpm <= tempo_max)) {
        tb_fail(err, TIMBRE_BAD_INPUT, "tempo %g bpm is not within %g and %g bpm", b->tempo_bpm,
                tempo_min, tempo_max);
        tb_fix(err, "ask for %g to %g beats per minute", tempo_min, tempo_max);
        return TIMBRE_BAD_INPUT;
    }
    return TIMBRE_OK;
}

static void play_all(tb_writer *w, const tb_band *band)
{
    static void (*const players[TB_JOB_COUNT])(tb_writer *, const tb_band *, int) = {
        [TB_JOB_DRUMS] = tb_play_drums,    [TB_JOB_BASS] = tb_play_bass,
        [TB_JOB_COMP] = tb_play_comp,      [TB_JOB_PAD] = tb_play_pad,
        [TB_JOB_MELODY] = tb_play_melody,  [TB_JOB_ANSWER] = tb_play_melody,
        [TB_JOB_HARMONY] = tb_play_melody,
    };
    for (int i = 0; i < band->n; i++)
        players[band->players[i].job](w, band, i);
}

/* ---- the last chord ---- */

static tb_chord tonic_of(const tb_plan *p)
{
    int size = p->rules->chord_size;
    if (p->style == TB_STYLE_FUNK || p->style == TB_STYLE_HOUSE)
        size = TB_CHORD_SEVENTH;
    return tb_chord_parse("1", p->key, size, NULL);
}

/* What the part played in its last eight bars, on average; less where all hold their notes, since
 * together they are louder than they were by turns. */
static int end_velocity(const tb_writer *w, int part)
{
    const tb_plan *p = w->plan;
    int32_t from = p->body_ticks - 8 * p->ticks_per_bar;
    int sum = 0, n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const tb_event *e = &w->events[i];
        if (e->kind == TB_EVENT_NOTE && e->part == part && e->tick >= from &&
            e->tick < p->body_ticks) {
            sum += e->b;
            n++;
        }
    }
    bool soft = p->style == TB_STYLE_AMBIENT || p->style == TB_STYLE_CLASSICAL;
    return n == 0 ? 64 : (int)(sum * (soft ? 0.85 : 1.0) / n);
}

/* Expression falls over the last chord, so that what is bowed or blown dies away too. */
static void fade_player(tb_writer *w, int part, int from)
{
    enum { STEPS = 12, HELD = 4, TO = 48 };
    const tb_plan *p = w->plan;
    for (int i = 0; i <= STEPS; i++) {
        int32_t tick = p->body_ticks +
                       (int32_t)((int64_t)(p->end_ticks - p->body_ticks) * i / (STEPS + 1));
        int fallen = i < HELD ? 0 : i - HELD;
        tb_writer_control(w, part, tick, 11, from + (TO - from) * fallen / (STEPS - HELD));
    }
}

static void end_drums(tb_writer *w, int part)
{
    int32_t tick = w->plan->body_ticks;
    if (w->plan->style == TB_STYLE_AMBIENT)
        return;
    int velocity = end_velocity(w, part);
    tb_writer_exact(w, part, tick, TB_STEP_TICKS, 36, velocity);
    bool gentle = w->plan->energy < 0.3 || w->plan->style == TB_STYLE_BOSSA ||
                  w->plan->style == TB_STYLE_LOFI;
    tb_writer_exact(w, part, tick, TB_PPQ, gentle ? 51 : 49, gentle ? velocity * 2 / 3 : velocity);
}

static void end_player(tb_writer *w, const tb_player *player, int part, const tb_chord *tonic)
{
    const tb_plan *p = w->plan;
    int32_t tick = p->body_ticks, length = p->end_ticks - p->body_ticks;
    int middle = (player->low + player->high) / 2, velocity = end_velocity(w, part);
    if (player->job != TB_JOB_DRUMS)
        fade_player(w, part, player->job == TB_JOB_PAD ? 96 : 120);
    if (player->job == TB_JOB_DRUMS) {
        end_drums(w, part);
    } else if (player->job == TB_JOB_BASS) {
        int key = player->low + (((tonic->root - player->low) % 12) + 12) % 12;
        tb_writer_exact(w, part, tick, length, key, velocity);
    } else if (player->job == TB_JOB_COMP || player->job == TB_JOB_PAD) {
        bool comp = player->job == TB_JOB_COMP;
        tb_voicing v = tb_voicing_next(comp ? tb_band_comp_rule(p, player) : &p->rules->pad, tonic,
                                       player->low, player->high, &(tb_voicing){0});
        int32_t apart = comp ? (int32_t)tb_plan_ms_ticks(p, 12) : 0;
        for (int i = 0; i < v.n; i++)
            tb_writer_exact(w, part, tick + i * apart, length - i * apart, v.keys[i], velocity);
    } else {
        static const int8_t tones[3] = {0, 0, 7}; /* melody and answer on the tonic, then fifths */
        int tone = player->job == TB_JOB_HARMONY ? tones[1 + player->rank % 2] : 0;
        int key = tb_pitch_snap(1u << (tonic->root + tone) % 12, middle);
        tb_writer_exact(w, part, tick, length, key, velocity);
    }
}

static void end_all(tb_writer *w, const tb_band *band)
{
    tb_chord tonic = tonic_of(w->plan);
    for (int i = 0; i < band->n; i++)
        end_player(w, &band->players[i], i, &tonic);
}

/* ---- keeping the take whole ---- */

/* Whoever was asked for but has not played by then joins in with a held tone of the chord. */
static void enter_early(tb_writer *w, const tb_band *band)
{
    const tb_plan *p = w->plan;
    double by_s = p->duration_s / 2 < 5 ? p->duration_s / 2 : 5;
    int32_t by = (int32_t)tb_plan_ms_ticks(p, 1000 * by_s * 0.8);
    for (int i = 0; i < band->n; i++) {
        const tb_player *player = &band->players[i];
        int32_t first = INT32_MAX;
        for (size_t k = 0; k < w->n; k++)
            if (w->events[k].part == i && w->events[k].kind == TB_EVENT_NOTE &&
                w->events[k].tick < first)
                first = w->events[k].tick;
        if (!player->asked || first <= by)
            continue;
        int32_t tick = by > 2 * p->ticks_per_bar ? p->ticks_per_bar : 0;
        int32_t length = first - tick < p->ticks_per_bar ? first - tick : p->ticks_per_bar;
        const tb_chord *chord = tb_plan_chord(p, tick / p->ticks_per_bar, 0);
        int key = tb_pitch_snap(tb_chord_tones(chord), (player->low + player->high) / 2);
        if (player->job == TB_JOB_DRUMS)
            key = 42; /* closed hi-hat */
        tb_writer_exact(w, i, tick, length, key, 78);
    }
}

/* Pitched sound from the very start: what comes first comes at once. */
static void open_at_once(tb_writer *w, const tb_band *band)
{
    const tb_event *first = NULL;
    for (size_t i = 0; i < w->n; i++) {
        const tb_event *e = &w->events[i];
        bool pitched = e->kind == TB_EVENT_NOTE && band->players[e->part].job != TB_JOB_DRUMS;
        if (pitched && (first == NULL || e->tick < first->tick))
            first = e;
    }
    if (first != NULL && first->tick > (int32_t)tb_plan_ms_ticks(w->plan, 500))
        tb_writer_exact(w, first->part, 0, first->tick, first->a, first->b);
}

/* Let the note that ended last before `tick` ring until then. */
static void bridge(tb_event *e, int32_t tick)
{
    if (e->tick + e->length_ticks < tick)
        e->length_ticks = tick - e->tick;
}

/* No silence over half a second: hold what sounded before it. Drums do not count as sounding. */
static void fill_gaps(tb_writer *w, const tb_band *band)
{
    const tb_plan *p = w->plan;
    int32_t longest = (int32_t)tb_plan_ms_ticks(p, 500), until = 0;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < w->n; i++) {
        const tb_event *e = &w->events[i];
        if (e->kind != TB_EVENT_NOTE || band->players[e->part].job == TB_JOB_DRUMS)
            continue;
        if (last != SIZE_MAX && e->tick - until > longest)
            bridge(&w->events[last], e->tick);
        if (last == SIZE_MAX || e->tick + e->length_ticks > until) {
            until = e->tick + e->length_ticks;
            last = i;
        }
    }
    if (last != SIZE_MAX && p->end_ticks > until && (!p->loop || p->end_ticks - until > longest))
        bridge(&w->events[last], p->end_ticks);
}

/* ---- the score ---- */

static tb_status name_chords(const tb_plan *p, tb_arena *arena, tb_score *out, tb_error *err)
{
    out->chords = tb_arena_push(arena, 2 * (size_t)p->n_bars + 1, sizeof out->chords[0]);
    if (out->chords == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the chords of %d bars", p->n_bars);
    for (int bar = 0; bar < p->n_bars; bar++)
        for (int k = 0; k < p->bars[bar].n_chords; k++) {
            int step = k == 0 ? 0 : p->metre.pulses[p->bars[bar].split].start;
            int32_t tick = bar * p->ticks_per_bar + step * TB_STEP_TICKS;
            if (tick >= p->body_ticks)
                break;
            struct tb_score_chord *c = &out->chords[out->n_chords];
            c->tick = tick;
            tb_chord_format(&p->bars[bar].chords[k], p->key, c->name, sizeof c->name);
            if (out->n_chords == 0 || strcmp(c->name, c[-1].name) != 0)
                out->n_chords++;
        }
    if (p->has_ending) {
        tb_chord tonic = tonic_of(p);
        struct tb_score_chord *c = &out->chords[out->n_chords++];
        c->tick = p->body_ticks;
        tb_chord_format(&tonic, p->key, c->name, sizeof c->name);
    }
    return TIMBRE_OK;
}

static void fill_score(tb_score *out, const tb_plan *p, const tb_band *band, const tb_writer *w)
{
    out->usec_per_quarter = p->usec_per_quarter;
    out->beats_per_bar = p->metre.beats_per_bar;
    out->beat_unit = p->metre.beat_unit;
    out->n_bars = p->n_bars;
    out->ticks_per_bar = p->ticks_per_bar;
    out->loop = p->loop;
    out->style = p->style;
    out->key_root = p->key.root;
    out->mode = p->key.mode;
    out->n_parts = band->n;
    for (int i = 0; i < band->n; i++)
        tb_band_describe(band, p, i, &out->parts[i]);
    out->events = w->events;
    out->n_events = w->n;
    for (size_t i = 0; i < w->n; i++) {
        int32_t end = w->events[i].tick + w->events[i].length_ticks;
        out->length_ticks = end > out->length_ticks ? end : out->length_ticks;
    }
    if (p->loop || w->n == 0)
        out->length_ticks = p->end_ticks;
    out->n_frames = p->loop ? tb_score_frame(out, out->length_ticks)
                            : (int64_t)floor(TB_SAMPLE_RATE_HZ * p->duration_s + 0.5);
}

tb_status tb_arrange(const tb_brief *brief, const tb_arrange_options *options, tb_arena *arena,
                     tb_score *out, tb_error *err)
{
    *out = (tb_score){0};
    tb_status st = check(brief, options, err);
    if (st != TIMBRE_OK)
        return st;
    tb_plan plan;
    st = tb_plan_make(&plan, brief, options, arena, err);
    if (st != TIMBRE_OK)
        return st;
    tb_band band;
    tb_band_gather(&band, &plan, brief);
    tb_writer w;
    tb_writer_init(&w, &plan, arena);
    play_all(&w, &band);
    if (plan.has_ending)
        end_all(&w, &band);
    enter_early(&w, &band);
    open_at_once(&w, &band);
    tb_writer_finish(&w);
    fill_gaps(&w, &band);
    tb_writer_finish(&w);
    if (w.failed)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a score of more than %zu events", w.n);
    fill_score(out, &plan, &band, &w);
    if (band.n == 0) /* a texture alone */
        return TIMBRE_OK;
    return name_chords(&plan, arena, out, err);
}
