#include "engine/pipeline/stages.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "engine/base/clock.h"

static double weight_before(const tb_stages *s, int i_stage)
{
    double sum = 0;
    for (int i = 0; i < i_stage; i++)
        sum += s->list[i].weight;
    return sum;
}

static void report(tb_stages *s, double stage_fraction)
{
    if (s->fn == NULL)
        return;
    timbre_progress p = {.struct_size = sizeof p,
                         .stage = s->list[s->current].name,
                         .i_stage = s->current,
                         .n_stages = s->n,
                         .stage_fraction = stage_fraction,
                         .elapsed_s = tb_clock_seconds() - s->started_s};
    p.fraction = weight_before(s, s->current) + s->list[s->current].weight * stage_fraction;
    if (p.fraction > 1)
        p.fraction = 1;
    s->fn(&p, s->user);
}

static void on_fraction(double fraction, void *user)
{
    report(user, fraction);
}

void tb_stages_init(tb_stages *s, const tb_stage *list, int n, const tb_stages_listener *listener,
                    const tb_logger *log)
{
    assert(n <= TB_STAGES_MAX);
    *s = (tb_stages){.list = list,
                     .n = n,
                     .current = -1,
                     .started_s = tb_clock_seconds(),
                     .fn = listener->fn,
                     .user = listener->user,
                     .log = log};
    s->progress = (tb_progress){.fn = on_fraction, .user = s, .cancel = listener->cancel};
}

static void end_current(tb_stages *s)
{
    double now = tb_clock_seconds();
    if (s->current >= 0) {
        s->seconds[s->current] = now - s->stage_started_s;
        tb_logger_write(s->log, TIMBRE_LOG_INFO, "%s took %.3f s", s->list[s->current].name,
                        s->seconds[s->current]);
    }
    s->stage_started_s = now;
}

void tb_stages_next(tb_stages *s)
{
    end_current(s);
    assert(s->current + 1 < s->n);
    s->current++;
    report(s, 0);
}

void tb_stages_finish(tb_stages *s)
{
    assert(s->current == s->n - 1);
    report(s, 1);
    end_current(s);
}

json_t *tb_stages_timings(const tb_stages *s)
{
    double now = tb_clock_seconds();
    json_t *timings = json_object();
    for (int i = 0; timings != NULL && i <= s->current; i++) {
        double so_far = i == s->current && s->seconds[i] == 0 ? now - s->stage_started_s
                                                              : s->seconds[i];
        double seconds = floor(so_far * 1e4 + 0.5) / 1e4;
        if (json_object_set_new(timings, s->list[i].name, json_real(seconds)) != 0) {
            json_decref(timings);
            return NULL;
        }
    }
    return timings;
}
