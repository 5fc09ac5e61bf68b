#include "tests/worker/stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *id_of(int n)
{
    static _Thread_local char ids[4][TB_ID_BYTES];
    static _Thread_local int at;
    char *id = ids[at = (at + 1) % 4];
    (void)snprintf(id, TB_ID_BYTES, "00000000-0000-4000-8000-%012d", n);
    return id;
}

/* By strdup, which tests of faults do not count. */
static char *numbered(const char *before, int n, const char *after)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s%d%s", before, n, after);
    return strdup(text);
}

tb_stored_take take_of(int n)
{
    tb_stored_take take = {.path = numbered("/takes/", n, ".wav"),
                           .len_bytes = 1000 + n,
                           .made_ms = 5000 + n,
                           .title = strdup(""),
                           .prompt = numbered("a slow song ", n, ""),
                           .seed = n,
                           .model_id = strdup("sketch"),
                           .duration_seconds = 2.5,
                           .format = strdup("wav"),
                           .metadata = strdup("{}"),
                           .recipe = strdup("{\"r\":1}")};
    (void)snprintf(take.id, sizeof take.id, "%s", id_of(n));
    (void)snprintf(take.sha256, sizeof take.sha256, "%064d", n);
    return take;
}

tb_submission job_of(int n)
{
    return (tb_submission){.id = id_of(n),
                           .request = "{\"prompt\":\"x\"}",
                           .model_id = "sketch",
                           .body_sha256 = "ab",
                           .queue_limit = 1000};
}
