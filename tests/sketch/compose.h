/* What the tests of the arranger share: a brief that asks for nothing, and one score at a time. */
#ifndef TB_TESTS_SKETCH_COMPOSE_H
#define TB_TESTS_SKETCH_COMPOSE_H

#include "engine/sketch/score.h"

static inline tb_brief ask_nothing(void)
{
    return (tb_brief){.style = -1, .key_root = -1, .mode = -1, .energy = -1, .brightness = -1};
}

static inline tb_brief ask_style(tb_style style)
{
    tb_brief b = ask_nothing();
    b.style = (int)style;
    return b;
}

/* Arrange into a fresh arena, which the caller frees after use; fails the test on an error. */
static inline tb_score arrange(const tb_brief *brief, uint64_t seed, double duration_s, bool loop,
                               tb_arena *arena)
{
    tb_score score;
    tb_error err = {0};
    tb_arena_init(arena, 0);
    tb_arrange_options o = {.seed = seed, .duration_s = duration_s, .loop = loop};
    if (tb_arrange(brief, &o, arena, &score, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return score;
}

static inline bool is_pitched(const tb_score *s, const tb_event *e)
{
    return e->kind == TB_EVENT_NOTE && s->parts[e->part].channel != TB_DRUM_CHANNEL;
}

static inline double seconds_at(const tb_score *s, int32_t tick)
{
    return (double)tick * s->usec_per_quarter * 1e-6 / TB_PPQ;
}

#endif
