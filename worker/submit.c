#include "worker/submit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "worker/crash_point.h"
#include "worker/input_place.h"

void tb_submit_deinit(tb_submit *s)
{
    timbre_request_free(s->request);
    tb_model_place_deinit(&s->place);
    free(s->canonical);
}

/* Nulls count as absent, in the fingerprint of the body too. */
static void drop_nulls(json_t *object)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, name, value)
    {
        if (json_is_null(value))
            (void)json_object_del(object, name);
    }
}

/* The fingerprint that a repeated Idempotency-Key is compared by: members in any order. */
static tb_status hash_body(const json_t *object, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    tb_status st = text == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request")
                                : tb_sha256_bytes(text, strlen(text), hex, err);
    free(text);
    return st;
}

/* priority is of the queue, not of the sound: it is in no recipe. */
static tb_status take_priority(json_t *object, tb_submit *s, tb_error *err)
{
    json_t *value = json_object_get(object, "priority");
    if (value == NULL)
        return TIMBRE_OK;
    double n = json_number_value(value); /* 3.0 is a whole number too */
    if (!json_is_number(value) || n != floor(n) || n < -TB_PRIORITY_MAX || n > TB_PRIORITY_MAX) {
        (void)snprintf(s->param, sizeof s->param, "priority");
        return tb_fail(err, TIMBRE_BAD_INPUT, "priority is not a whole number from -%d to %d",
                       TB_PRIORITY_MAX, TB_PRIORITY_MAX);
    }
    s->priority = (int)n;
    (void)json_object_del(object, "priority");
    return TIMBRE_OK;
}

static tb_status set_fields(json_t *object, tb_submit *s, tb_error *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    tb_status st = text == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request")
                                : timbre_request_new(&s->request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(s->request, text, strlen(text), err);
    free(text);
    return st;
}

/* A model by its name; what is not installed is a mistake of the request, not of the service. */
static tb_status place_model(tb_worker *worker, tb_submit *s, tb_error *err)
{
    const char *asked = timbre_request_has(s->request, "model_id")
                            ? timbre_request_text(s->request, "model_id")
                            : NULL;
    tb_status st = tb_model_place_find(worker, asked, &s->place, err);
    if (st == TIMBRE_OK)
        return tb_model_place_apply(&s->place, s->request, err);
    if (asked != NULL && st == TIMBRE_MODEL_MISSING)
        (void)snprintf(s->param, sizeof s->param, "model_id");
    return st;
}

/* Everything filled in, seed included: a second attempt makes the same take. */
tb_status tb_submit_read(tb_worker *worker, json_t *object, tb_submit *s, tb_error *err)
{
    drop_nulls(object);
    tb_status st = hash_body(object, s->body_sha256, err);
    if (st == TIMBRE_OK)
        st = take_priority(object, s, err);
    if (st == TIMBRE_OK)
        st = set_fields(object, s, err);
    if (st == TIMBRE_OK && !timbre_request_has(s->request, "prompt")) {
        (void)snprintf(s->param, sizeof s->param, "prompt");
        st = tb_fail(err, TIMBRE_BAD_INPUT, "a prompt is required");
    }
    if (st == TIMBRE_OK)
        st = place_model(worker, s, err);
    if (st == TIMBRE_OK)
        st = tb_input_place(worker, s->request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(s->request, err);
    if (st == TIMBRE_OK && (s->canonical = timbre_request_format(s->request)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    return st;
}

tb_status tb_submit_enter(tb_worker *worker, const tb_submit *s, tb_stored_job *job,
                          bool *is_replay, tb_error *err)
{
    char id[TB_ID_BYTES];
    tb_status st = tb_id_draw(id, err);
    if (st != TIMBRE_OK)
        return st;
    TB_CRASH_POINT("submit-before-commit");
    st = tb_store_submit(worker->store,
                         &(tb_submission){.id = id,
                                          .request = s->canonical,
                                          .model_id = s->place.id,
                                          .priority = s->priority,
                                          .key = s->key,
                                          .body_sha256 = s->body_sha256,
                                          .queue_limit = worker->options->queue_limit},
                         job, is_replay, err);
    TB_CRASH_POINT("submit-after-commit");
    return st;
}

tb_status tb_submit_wait(tb_worker *worker, tb_stored_job *job, double seconds, tb_error *err)
{
    double until_s = tb_clock_seconds() + seconds;
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && !tb_job_state_is_final(job->state) &&
           !tb_feed_is_stopped(worker->feed)) {
        double left_s = until_s - tb_clock_seconds();
        if (left_s <= 0)
            break;
        int64_t seen = tb_feed_count(worker->feed);
        tb_stored_job now = {0};
        st = tb_store_get_job(worker->store, job->id, &now, err);
        if (st == TIMBRE_OK) {
            tb_stored_job_deinit(job);
            *job = now;
        }
        if (st == TIMBRE_OK && !tb_job_state_is_final(job->state))
            (void)tb_feed_wait(worker->feed, seen, left_s > 1 ? 1000 : (int)(left_s * 1000) + 1);
    }
    return st;
}
