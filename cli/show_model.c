#include "cli/show_model.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/models.h"
#include "cli/text.h"
#include "timbre/model.h"

enum { NAME_COLUMNS = 17 };

static void print_value(const json_t *value)
{
    if (json_is_string(value)) {
        tb_print_clean(stdout, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    fputs(text == NULL ? "" : text, stdout);
    free(text);
}

static bool is_bytes(const char *name)
{
    size_t n = strlen(name);
    return n >= 5 && strcmp(name + n - 5, "bytes") == 0;
}

static void print_bytes(json_int_t n_bytes)
{
    char text[TB_BYTES_TEXT_MAX];
    tb_bytes_format(n_bytes, text);
    printf("%s", text);
}

/* How many files and bytes; --json has their names. */
static void print_files(const json_t *files)
{
    const json_t *file;
    size_t i;
    json_int_t n_bytes = 0;
    json_array_foreach((json_t *)files, i, file)
        n_bytes += json_integer_value(json_object_get(file, "bytes"));
    printf("%zu, ", json_array_size(files));
    print_bytes(n_bytes);
}

/* Members of an object, one a line, those of objects inside them indented; what is not known is
 * left out. */
static void print_object(const json_t *object, int indent)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (json_is_null(value))
            continue;
        printf("%*s%-*s ", indent, "", NAME_COLUMNS - indent, name);
        if (json_is_object(value)) {
            printf("\n");
            print_object(value, indent + 2);
            continue;
        }
        if (strcmp(name, "files") == 0)
            print_files(value);
        else if (is_bytes(name) && json_is_integer(value))
            print_bytes(json_integer_value(value));
        else
            print_value(value);
        printf("\n");
    }
}

void tb_show_facts(const json_t *facts)
{
    print_object(facts, 0);
}

int tb_show_model(tb_app *app, const tb_model_choice *model)
{
    tb_error err = {0};
    char *text = NULL, *tokenizer = NULL;
    tb_status st = tb_model_choice_tokenizer(app, model, &tokenizer, &err);
    if (st == TIMBRE_OK)
        st = timbre_model_describe(model->path, tokenizer, &text, &err);
    json_t *facts = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (st == TIMBRE_OK && facts == NULL)
        st = tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for the model's facts");
    free(text);
    free(tokenizer);
    if (st != TIMBRE_OK)
        return tb_app_fail(app, &err);
    if (app->wants_json) { /* takes the reference */
        json_t *answer = json_pack("{s:i, s:o}", "schema", 1, "model", facts);
        return tb_json_print(answer, &err) == TIMBRE_OK ? 0 : tb_app_report(app, &err);
    }
    print_object(facts, 0);
    json_decref(facts);
    return 0;
}
