#include "cli/radio_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "timbre/request.h"

/* ---- prompts ---- */

static tb_status add_prompt(tb_radio_plan *plan, const char *text, size_t n, tb_error *err)
{
    size_t from = strspn(text, " \t\n");
    from = from < n ? from : n;
    while (n > from && strchr(" \t\n", text[n - 1]) != NULL)
        n--;
    if (n == from) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "prompt %zu of the radio is empty",
                               plan->n_prompts + 1);
        tb_fix(err, "timbre radio \"rain -> church bells\"");
        return st;
    }
    if (plan->n_prompts == TB_RADIO_PROMPTS_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "the radio has more than %d prompts",
                       TB_RADIO_PROMPTS_MAX);
    tb_status st = tb_utf8_require_text("prompt", text + from, n - from, TB_PROMPT_MAX_BYTES, err);
    if (st != TIMBRE_OK)
        return st;
    char *prompt = tb_strf("%.*s", (int)(n - from), text + from);
    if (prompt == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a prompt");
    plan->prompts[plan->n_prompts++] = prompt;
    return TIMBRE_OK;
}

static tb_status add_text(tb_radio_plan *plan, const char *text, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (const char *arrow; st == TIMBRE_OK && (arrow = strstr(text, "->")) != NULL;
         text = arrow + 2)
        st = add_prompt(plan, text, (size_t)(arrow - text), err);
    return st == TIMBRE_OK ? add_prompt(plan, text, strlen(text), err) : st;
}

tb_status tb_radio_plan_init(tb_radio_plan *plan, const char *const *texts, size_t n_texts,
                             double step, int64_t seed, tb_error *err)
{
    *plan = (tb_radio_plan){.step = step, .seed = seed};
    tb_status st = TIMBRE_OK;
    if (n_texts == 0) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "no prompt was given");
        tb_fix(err, "timbre radio \"rain\" \"church bells\"");
    }
    for (size_t i = 0; st == TIMBRE_OK && i < n_texts; i++)
        st = add_text(plan, texts[i], err);
    if (st != TIMBRE_OK)
        tb_radio_plan_deinit(plan);
    return st;
}

void tb_radio_plan_deinit(tb_radio_plan *plan)
{
    for (size_t i = 0; i < plan->n_prompts; i++)
        free(plan->prompts[i]);
    *plan = (tb_radio_plan){0};
}

/* ---- the way ---- */

static int64_t seed_at(const tb_radio_plan *plan, int64_t end)
{
    int64_t round = end / (int64_t)plan->n_prompts;
    return (plan->seed + round) % (TB_SEED_MAX + 1);
}

tb_radio_step tb_radio_plan_get(const tb_radio_plan *plan)
{
    int64_t n = (int64_t)plan->n_prompts;
    return (tb_radio_step){.prompt_a = plan->prompts[plan->leg % n],
                           .prompt_b = plan->prompts[(plan->leg + 1) % n],
                           .alpha = plan->alpha,
                           .seed = seed_at(plan, plan->leg),
                           .seed_b = seed_at(plan, plan->leg + 1),
                           .leg = plan->leg};
}

void tb_radio_plan_advance(tb_radio_plan *plan)
{
    double alpha = plan->alpha + plan->step;
    plan->alpha = round(alpha * 1e9) / 1e9; /* ten steps of 0.1 are 1 */
    if (plan->alpha <= 1)
        return;
    plan->alpha = round((plan->alpha - 1) * 1e9) / 1e9;
    plan->leg++;
}

void tb_radio_plan_skip(tb_radio_plan *plan, int64_t leg)
{
    plan->leg = leg + 1;
    plan->alpha = 0;
}

/* ---- jobs ---- */

static const char *const own_fields[] = {"prompt_b", "seed_b",       "alpha", "alpha_power",
                                         "clips",    "clip_seconds", "loop",  NULL};

const char *tb_radio_find_own_field(const json_t *base)
{
    for (const char *const *name = own_fields; *name != NULL; name++)
        if (json_object_get(base, *name) != NULL)
            return *name;
    return NULL;
}

/* What the sketch does not have is not asked of it. */
static void drop_neural_fields(json_t *body)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if ((fields[i].backends & TIMBRE_BACKEND_SKETCH) == 0)
            (void)json_object_del(body, fields[i].name);
}

static json_t *sketch_body(const tb_radio_step *step, json_t *body)
{
    bool is_b = step->alpha >= 0.5;
    drop_neural_fields(body);
    if (json_object_set_new(body, "prompt", json_string(is_b ? step->prompt_b : step->prompt_a)) ==
            0 &&
        json_object_set_new(body, "seed", json_integer(is_b ? step->seed_b : step->seed)) == 0 &&
        json_object_set_new(body, "loop", json_true()) == 0)
        return body;
    json_decref(body);
    return NULL;
}

json_t *tb_radio_step_body(const tb_radio_step *step, const json_t *base, bool is_sketch)
{
    json_t *body = base != NULL ? json_copy((json_t *)base) : json_object();
    if (body == NULL || is_sketch)
        return body != NULL ? sketch_body(step, body) : NULL;
    json_t *own = json_pack("{s:s, s:s, s:f, s:I, s:I}", "prompt", step->prompt_a, "prompt_b",
                            step->prompt_b, "alpha", step->alpha, "seed", (json_int_t)step->seed,
                            "seed_b", (json_int_t)step->seed_b);
    bool is_good = own != NULL && json_object_update(body, own) == 0;
    json_decref(own);
    /* the engine's own defaults of a blend, written down */
    if (json_object_get(body, "init") == NULL) {
        is_good = is_good && json_object_set_new(body, "init", json_string("og_beat")) == 0;
        (void)json_object_del(body, "duration_seconds"); /* as long as that picture is wide */
    }
    if (json_object_get(body, "strength") == NULL)
        is_good = is_good && json_object_set_new(body, "strength", json_real(0.75)) == 0;
    if (is_good)
        return body;
    json_decref(body);
    return NULL;
}

char *tb_radio_step_title(const tb_radio_step *step)
{
    return strcmp(step->prompt_a, step->prompt_b) == 0
               ? tb_strdup(step->prompt_a)
               : tb_strf("%s -> %s", step->prompt_a, step->prompt_b);
}
