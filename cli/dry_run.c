#include "cli/dry_run.h"

#include <jansson.h>
#include <stdlib.h>

#include "cli/music.h"
#include "cli/side_file.h"
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

void tb_dry_run_init(tb_dry_run *plan)
{
    plan->outputs = json_array();
    for (timbre_side i = 0; i < TIMBRE_SIDE_COUNT; i++)
        plan->sides[i] = json_array();
}

void tb_dry_run_deinit(tb_dry_run *plan)
{
    json_decref(plan->outputs);
    for (timbre_side i = 0; i < TIMBRE_SIDE_COUNT; i++)
        json_decref(plan->sides[i]);
}

static tb_status print_json(const tb_dry_run *plan, json_t *fields, json_t *metadata, tb_error *err)
{
    json_t *j = json_pack("{s:i, s:b, s:O, s:O, s:i, s:O}", "schema", 1, "dry_run", 1, "request",
                          fields, "metadata", metadata, "count",
                          (int)json_array_size(plan->outputs), "outputs", plan->outputs);
    for (timbre_side i = 0; j != NULL && i < TIMBRE_SIDE_COUNT; i++)
        (void)json_object_set(j, tb_side_name(i), plan->sides[i]);
    return tb_json_print(j, err);
}

tb_status tb_dry_run_print(const tb_dry_run *plan, const tb_app *app, timbre_engine *engine,
                           const timbre_request *request, tb_error *err)
{
    char *preview = NULL;
    tb_status st = timbre_preview(engine, request, &preview, err);
    if (st != TIMBRE_OK)
        return st;
    char *text = timbre_request_format(request);
    json_t *fields = text == NULL ? NULL : json_loads(text, 0, NULL);
    json_t *metadata = json_loads(preview, 0, NULL);
    if (fields == NULL || metadata == NULL) {
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory to describe the request");
    } else if (app->wants_json) {
        st = print_json(plan, fields, metadata, err);
    } else {
        print_fields(fields);
        tb_music_print(json_object_get(metadata, "extras"), 0, NAME_COLUMNS);
        print_names("output", plan->outputs);
        for (timbre_side i = 0; i < TIMBRE_SIDE_COUNT; i++)
            print_names(tb_side_name(i), plan->sides[i]);
    }
    json_decref(metadata);
    json_decref(fields);
    free(preview);
    free(text);
    return st;
}
