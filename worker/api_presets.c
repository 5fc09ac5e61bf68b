/* Named requests. */
#include <stdlib.h>
#include <string.h>

#include "worker/service.h"

enum { NAME_MAX_BYTES = 64 };

static bool is_name(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strspn(text, allowed);
    return n >= 1 && n <= NAME_MAX_BYTES && text[n] == '\0' && text[0] != '.';
}

/* The preset's name of the path; NULL: refused. */
static const char *read_name(const tb_http_request *request, tb_http_response *response)
{
    const char *name = tb_http_arg(request, 0);
    if (is_name(name))
        return name;
    tb_http_reply_fail(response, 400, "bad_input",
                       "a preset's name is 1 to %d of letters, digits and ._-, not beginning with "
                       "a dot",
                       NAME_MAX_BYTES);
    tb_http_name_param(response, "name");
    return NULL;
}

static json_t *to_json(const char *name, const char *request, int64_t updated_ms)
{
    char updated_at[25];
    tb_time_format(updated_ms, updated_at);
    return json_pack("{s:s, s:o, s:s}", "name", name, "request", json_loads(request, 0, NULL),
                     "updated_at", updated_at);
}

TB_HANDLER(list_presets)
{
    tb_stored_preset *presets = NULL;
    size_t n = 0;
    tb_error err = {0};
    (void)request;
    if (tb_store_list_presets(worker->store, &presets, &n, &err) != TIMBRE_OK) {
        tb_http_reply_error(response, &err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(
            list, to_json(presets[i].name, presets[i].request, presets[i].updated_ms));
    tb_http_reply_json(response, 200, json_pack("{s:o}", "presets", list));
    tb_stored_presets_free(presets, n);
}

TB_HANDLER(get_preset)
{
    const char *name = read_name(request, response);
    char *text = NULL;
    int64_t updated_ms = 0;
    tb_error err = {0};
    if (name == NULL)
        return;
    if (tb_store_get_preset(worker->store, name, &text, &updated_ms, &err) == TIMBRE_OK)
        tb_http_reply_json(response, 200, to_json(name, text, updated_ms));
    else
        tb_http_reply_error(response, &err);
    free(text);
}

/* Fields as a request has them, each right by itself; models by name alone. Owned text. */
static tb_status read_fields(const char *text, size_t len_bytes, char **out, tb_error *err)
{
    timbre_request *fields = NULL;
    tb_status st = timbre_request_new(&fields, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(fields, text, len_bytes, err);
    const char *model = st == TIMBRE_OK ? timbre_request_text(fields, "model_id") : "";
    if (st == TIMBRE_OK && model[0] != '\0' && !tb_model_id_is_name(model))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "model_id '%.60s' is no name of a model", model);
    if (st == TIMBRE_OK && (*out = timbre_request_format(fields)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a preset");
    timbre_request_free(fields);
    return st;
}

TB_HANDLER(put_preset)
{
    const char *name = read_name(request, response);
    size_t len_bytes = 0;
    char *text = NULL;
    bool is_new = false;
    tb_error err = {0};
    const char *body = tb_http_body(request, &len_bytes);
    if (name == NULL)
        return;
    tb_status st = read_fields(body, len_bytes, &text, &err);
    if (st == TIMBRE_OK)
        st = tb_store_put_preset(worker->store, name, text, &is_new, &err);
    if (st == TIMBRE_OK)
        tb_http_reply_json(response, is_new ? 201 : 200, to_json(name, text, tb_now_ms()));
    else
        tb_http_reply_error(response, &err);
    free(text);
}

TB_HANDLER(delete_preset)
{
    const char *name = read_name(request, response);
    tb_error err = {0};
    if (name == NULL)
        return;
    if (tb_store_delete_preset(worker->store, name, &err) == TIMBRE_OK)
        tb_http_reply_empty(response, 204);
    else
        tb_http_reply_error(response, &err);
}
