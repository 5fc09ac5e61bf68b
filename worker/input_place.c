#include "worker/input_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/content.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "worker/take_find.h"

static tb_status keep(tb_worker *worker, const char *path, char hex[TB_SHA256_HEX_BYTES],
                      tb_error *err)
{
    return tb_content_keep(worker->inputs, path, TB_INPUT_MAX_BYTES, hex, err);
}

static tb_status keep_upload(tb_worker *worker, const char *text, char hex[TB_SHA256_HEX_BYTES],
                             tb_error *err)
{
    tb_stored_input input;
    tb_status st = tb_store_get_input(worker->store, text, &input, err);
    if (st != TIMBRE_OK)
        return st;
    char *path = tb_strf("%s/%s", worker->inputs, input.id);
    st = path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                      : keep(worker, path, hex, err);
    free(path);
    return st;
}

static tb_status keep_take(tb_worker *worker, const char *text, char hex[TB_SHA256_HEX_BYTES],
                           tb_error *err)
{
    tb_stored_take take;
    tb_status st = tb_take_find_name(worker, text[0] == '#' ? text + 1 : text, &take, err);
    if (st == TIMBRE_OK && take.trashed_ms > 0)
        st = tb_fail(err, TIMBRE_GONE, "take %lld is in the trash", (long long)take.number);
    if (st == TIMBRE_OK)
        st = keep(worker, take.path, hex, err);
    if (st == TIMBRE_OK && strcmp(hex, take.sha256) != 0)
        st = tb_fail(err, TIMBRE_GONE, "the file of take %lld was changed", (long long)take.number);
    tb_stored_take_deinit(&take);
    return st;
}

/* Its content is here already? */
static bool is_kept(const tb_worker *worker, const char *text)
{
    char *path = timbre_is_input_id(text) ? tb_strf("%s/%s", worker->inputs, text) : NULL;
    bool is_here = path != NULL && access(path, R_OK) == 0;
    free(path);
    return is_here;
}

static tb_status place(tb_worker *worker, timbre_request *request, const char *field, tb_error *err)
{
    char hex[TB_SHA256_HEX_BYTES], text[TB_INPUT_ID_MAX_BYTES + 1];
    (void)snprintf(text, sizeof text, "%s", timbre_request_text(request, field));
    if (timbre_input_has_name(field, text) || is_kept(worker, text))
        return TIMBRE_OK;
    tb_status st = keep_upload(worker, text, hex, err);
    if (st == TIMBRE_NOT_FOUND && !timbre_is_input_id(text))
        st = keep_take(worker, text, hex, err);
    if (st == TIMBRE_OK)
        return timbre_request_set(request, field, hex, err);
    if (st != TIMBRE_NOT_FOUND && st != TIMBRE_GONE)
        return st;
    char why[sizeof err->message];
    (void)snprintf(why, sizeof why, "%s", err->message);
    st = st == TIMBRE_GONE ? tb_fail(err, TIMBRE_BAD_INPUT, "%s: %.300s", field, why)
                           : tb_fail(err, TIMBRE_BAD_INPUT,
                                     "%s '%.80s' is no input, no take and no name", field, text);
    tb_fix(err, "upload the file first: POST /inputs");
    return st;
}

tb_status tb_input_place(tb_worker *worker, timbre_request *request, tb_error *err)
{
    size_t n_fields;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < n_fields; i++)
        if (fields[i].is_input && timbre_request_has(request, fields[i].name))
            st = place(worker, request, fields[i].name, err);
    return st == TIMBRE_OK ? timbre_request_find_inputs(request, worker->inputs, err) : st;
}
