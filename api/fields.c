/* Prints the field table of requests as JSON: tools/api makes the published schemas of it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "timbre/request.h"

static const char *const types[] = {"text", "integer", "number", "boolean", "choice"};

static json_t *choices_of(const timbre_field *field)
{
    json_t *list = json_array();
    for (const char *const *c = field->choices; c != NULL && *c != NULL; c++)
        (void)json_array_append_new(list, json_string(*c));
    return list;
}

static json_t *describe(const timbre_field *f)
{
    return json_pack("{s:s, s:s, s:f, s:f, s:s?, s:o, s:s, s:b, s:b, s:b}", "name", f->name, "type",
                     types[f->type], "min", f->min, "max", f->max, "default", f->default_text,
                     "choices", choices_of(f), "help", f->help, "sketch",
                     (f->backends & TIMBRE_BACKEND_SKETCH) != 0, "neural",
                     (f->backends & TIMBRE_BACKEND_RIFFUSION) != 0, "accepted_unused",
                     f->accepted_unused);
}

int main(void)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, describe(&fields[i]));
    char *text = json_dumps(list, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(list);
    if (text == NULL)
        return 1;
    int code = puts(text) < 0;
    free(text);
    return code;
}
