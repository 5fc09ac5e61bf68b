#include "engine/sketch/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tb_writer_init(tb_writer *w, const tb_plan *plan, tb_arena *arena)
{
    *w = (tb_writer){.plan = plan, .arena = arena};
    for (int i = 0; i < TB_SCORE_MAX_PARTS; i++) {
        char label[16];
        snprintf(label, sizeof label, "touch %d", i);
        w->touch[i] = tb_random_init(plan->seed, label);
    }
}

static bool grow(tb_writer *w)
{
    size_t capacity = w->capacity == 0 ? 4096 : 2 * w->capacity;
    tb_event *grown = tb_arena_push(w->arena, capacity, sizeof *grown);
    if (grown == NULL)
        return false;
    if (w->n > 0)
        memcpy(grown, w->events, w->n * sizeof *grown);
    w->events = grown;
    w->capacity = capacity;
    return true;
}

static tb_event *push(tb_writer *w)
{
    if (w->n >= TB_SCORE_MAX_EVENTS || (w->n == w->capacity && !grow(w))) {
        w->failed = true;
        return NULL;
    }
    return &w->events[w->n++];
}

/* Into the piece: a loop goes round, a take has hard ends. */
static int32_t place(const tb_plan *p, int32_t tick)
{
    if (p->loop)
        return ((tick % p->end_ticks) + p->end_ticks) % p->end_ticks;
    return tick < 0 ? 0 : tick >= p->end_ticks ? p->end_ticks - 1 : tick;
}

void tb_writer_exact(tb_writer *w, int part, int32_t tick, int32_t length, int key, int velocity)
{
    tb_event *e = push(w);
    if (e == NULL)
        return;
    *e = (tb_event){.tick = place(w->plan, tick),
                    .length_ticks = length < 1 ? 1 : length,
                    .kind = TB_EVENT_NOTE,
                    .part = (uint8_t)part,
                    .a = (uint8_t)(key < 0     ? 0
                                   : key > 127 ? 127
                                               : key),
                    .b = (uint8_t)(velocity < 1     ? 1
                                   : velocity > 127 ? 127
                                                    : velocity)};
}

void tb_writer_note(tb_writer *w, int part, int32_t tick, int32_t length, int key, double velocity,
                    double late_ms)
{
    const tb_plan *p = w->plan;
    double ms = p->rules->timing_ms * tb_random_normal(&w->touch[part]) + late_ms;
    double touched = velocity + p->rules->velocity_sd * tb_random_normal(&w->touch[part]);
    if (tick >= p->body_ticks)
        return;
    tick += (int32_t)floor(tb_plan_ms_ticks(p, ms) + 0.5);
    if (!p->loop && tick + length > p->body_ticks)
        length = p->body_ticks - tick;
    if (!p->loop && length < TB_STEP_TICKS / 8)
        return;
    tb_writer_exact(w, part, tick, length, key, (int)floor(touched + 0.5));
}

void tb_writer_control(tb_writer *w, int part, int32_t tick, int controller, int value)
{
    tb_event *e = push(w);
    if (e != NULL)
        *e = (tb_event){.tick = place(w->plan, tick),
                        .kind = TB_EVENT_CONTROL,
                        .part = (uint8_t)part,
                        .a = (uint8_t)controller,
                        .b = (uint8_t)(value < 0     ? 0
                                       : value > 127 ? 127
                                                     : value)};
}

void tb_writer_bend(tb_writer *w, int part, int32_t tick, int bend)
{
    tb_event *e = push(w);
    if (e != NULL)
        *e = (tb_event){.tick = place(w->plan, tick),
                        .kind = TB_EVENT_PITCH_BEND,
                        .part = (uint8_t)part,
                        .bend = (int16_t)bend};
}

static int compare(const void *left, const void *right)
{
    const tb_event *x = left, *y = right;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b) /* the rest makes the order total, so that it is the same everywhere */
        return x->b > y->b ? -1 : 1;
    return (x->length_ticks < y->length_ticks) - (x->length_ticks > y->length_ticks);
}

void tb_writer_finish(tb_writer *w)
{
    if (w->n == 0)
        return;
    qsort(w->events, w->n, sizeof w->events[0], compare);
    size_t last[TB_SCORE_MAX_PARTS][128]; /* index + 1 of the key's latest note */
    memset(last, 0, sizeof last);
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        tb_event e = w->events[i];
        if (e.kind == TB_EVENT_NOTE) {
            size_t *slot = &last[e.part][e.a];
            tb_event *before = *slot == 0 ? NULL : &w->events[*slot - 1];
            if (before != NULL && e.tick - before->tick < TB_STEP_TICKS / 8)
                continue; /* the same note twice */
            if (before != NULL && before->tick + before->length_ticks > e.tick)
                before->length_ticks = e.tick - before->tick;
            *slot = kept + 1;
        }
        w->events[kept++] = e;
    }
    w->n = kept;
}

bool tb_player_is_on(const tb_plan *plan, const tb_player *player, int i_bar)
{
    if (tb_plan_is_over(plan, i_bar))
        return false;
    double at_s = (double)i_bar * plan->ticks_per_bar * plan->usec_per_quarter * 1e-6 / TB_PPQ;
    return plan->bars[i_bar].jobs >> player->job & 1 || (player->asked && at_s < 5);
}
