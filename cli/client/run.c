#include "cli/client/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client/follow.h"
#include "cli/client/row.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/base/str.h"

enum { LOST_MAX_S = 30 };

/* Send it again while the connection fails: the key makes one job of all. */
static tb_status post(tb_client *client, const char *body, json_t **answer, tb_error *err)
{
    unsigned char drawn[16];
    char key[64] = "Idempotency-Key: ";
    tb_status st = tb_entropy(drawn, sizeof drawn, err);
    if (st != TIMBRE_OK)
        return st;
    size_t length = strlen(key);
    for (size_t i = 0; i < sizeof drawn; i++)
        (void)snprintf(key + length + 2 * i, 3, "%02x", drawn[i]);
    const char *headers[] = {key, NULL};
    double until_s = tb_clock_seconds() + LOST_MAX_S;
    while ((st = tb_client_call(client, "POST", "/generate", body, headers, answer, err)) ==
               TIMBRE_WORKER_UNREACHABLE &&
           tb_clock_seconds() < until_s)
        (void)usleep(250000);
    return st;
}

tb_status tb_job_run(tb_app *app, tb_client *client, const char *body, tb_meter *meter,
                     tb_meter *events, char **id, tb_error *err)
{
    *id = NULL;
    json_t *answer = NULL, *last = NULL;
    tb_error ignored = {0};
    tb_status st = post(client, body, &answer, err);
    if (st == TIMBRE_OK && (*id = tb_strdup(tb_member_text(answer, "job_id"))) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an id");
    else if (st == TIMBRE_OK && (*id)[0] == '\0')
        st = tb_fail(err, TIMBRE_BAD_FILE, "the worker's answer names no job");
    if (st == TIMBRE_OK) {
        st = tb_job_follow(app, client, *id, meter, events, &last, err);
        if (st == TIMBRE_CANCELLED && tb_job_cancel(client, *id, &ignored) != TIMBRE_OK)
            tb_app_warn(app, "the worker may still make the take: %s", ignored.message);
        if (st == TIMBRE_OK)
            st = tb_job_result(last, err);
    }
    json_decref(answer);
    json_decref(last);
    return st;
}
