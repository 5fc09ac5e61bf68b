#include "cli/dry_run.h"

#include <jansson.h>
#include <stdlib.h>

#include "cli/music.h"
#include "cli/text.h"

enum { NAME_COLUMNS = 17 };

static void print_fields(const json_t *request)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)request, name, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        printf("%-*s ", NAME_COLUMNS, name);
        tb_print_clean(stdout, text == NULL ? "" : text);
        printf("\n");
        free(text);
    }
}

static void print_names(const char *label, const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        printf("%-*s ", NAME_COLUMNS, label);
        tb_print_clean(stdout, json_string_value(name));
        printf("\n");
    }
}

tb_status tb_dry_run_print(const tb_app *app, timbre_engine *engine, const timbre_request *request,
                           json_t *outputs, json_t *midis, tb_error *err)
{
    char *preview = NULL;
    tb_status st = timbre_preview(engine, request, &preview, err);
    if (st != TIMBRE_OK)
        return st;
    char *text = timbre_request_format(request);
    json_t *fields = text == NULL ? NULL : json_loads(text, 0, NULL);
    json_t *metadata = json_loads(preview, 0, NULL);
    if (fields == NULL || metadata == NULL || outputs == NULL || midis == NULL) {
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory to describe the request");
    } else if (app->wants_json) {
        st = tb_json_print(json_pack("{s:i, s:b, s:O, s:O, s:i, s:O, s:O}", "schema", 1, "dry_run",
                                     1, "request", fields, "metadata", metadata, "count",
                                     (int)json_array_size(outputs), "outputs", outputs, "midi",
                                     midis),
                           err);
    } else {
        print_fields(fields);
        tb_music_print(json_object_get(metadata, "extras"), 0, NAME_COLUMNS);
        print_names("output", outputs);
        print_names("midi", midis);
    }
    json_decref(metadata);
    json_decref(fields);
    free(preview);
    free(text);
    return st;
}
