#include "cli/tui/wishes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/field_error.h"
#include "cli/inputs.h"
#include "engine/base/str.h"

static const timbre_field *field_at(int i)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    return i >= 0 && (size_t)i < n && i < TB_WISHES_MAX ? &fields[i] : NULL;
}

/* The prompt is written, not set; files of this machine do not travel to a worker. */
static bool is_settable(const timbre_field *field)
{
    return field->flag != NULL && strcmp(field->name, "prompt") != 0 &&
           (!field->is_path || strcmp(field->name, "model_id") == 0);
}

int tb_wish_find(const char *name)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n && i < TB_WISHES_MAX; i++)
        if (is_settable(&fields[i]) &&
            (strcmp(fields[i].name, name) == 0 || strcmp(fields[i].flag, name) == 0))
            return (int)i;
    return -1;
}

/* A take ("#12", "last", its id) is the worker's to find; a file becomes the name of its content.
 */
static tb_status keep_input(const char *field, const char *text, char **value, tb_error *err)
{
    bool is_number = text[0] == '#' && text[1 + strspn(text + 1, "0123456789")] == '\0';
    bool is_uuid = strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
    if (!is_number && !is_uuid && strcmp(text, "last") != 0)
        return tb_input_keep(NULL, field, text, value, err);
    *value = tb_strdup(text);
    return *value != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a setting");
}

tb_status tb_wishes_set(tb_wishes *wishes, int i_field, const char *text, tb_error *err)
{
    const timbre_field *field = field_at(i_field);
    if (field == NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "there is no such setting");
    bool is_off = text == NULL || text[0] == '\0' ||
                  (strcmp(text, "off") == 0 &&
                   (field->type != TIMBRE_FIELD_TEXT || field->is_input)) ||
                  strcmp(text, "default") == 0;
    if (field->type == TIMBRE_FIELD_BOOLEAN && text != NULL)
        text = strcmp(text, "on") == 0 ? "true" : text;
    if (!is_off) {
        timbre_request *scratch = NULL;
        tb_status st = timbre_request_new(&scratch, err);
        if (st == TIMBRE_OK)
            st = timbre_request_set(scratch, field->name, text, err);
        is_off = st == TIMBRE_OK && !timbre_request_has(scratch, field->name); /* seed random */
        timbre_request_free(scratch);
        if (st != TIMBRE_OK)
            return st;
    }
    char *value = NULL;
    tb_status st = TIMBRE_OK;
    if (!is_off && field->is_input)
        st = keep_input(field->name, text, &value, err);
    else if (!is_off && (value = tb_strdup(text)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a setting");
    if (st != TIMBRE_OK)
        return st;
    free(wishes->text[i_field]);
    wishes->text[i_field] = value;
    return TIMBRE_OK;
}

static void take_setting(tb_wishes *wishes, const tb_app *app, const char *key, const char *name)
{
    tb_error err = {0};
    int i = tb_wish_find(name);
    if (i >= 0 && tb_settings_origin(&app->settings, key) != TB_ORIGIN_BUILT_IN)
        (void)!tb_wishes_set(wishes, i, tb_settings_text(&app->settings, key), &err);
}

void tb_wishes_init(tb_wishes *wishes, const tb_app *app)
{
    *wishes = (tb_wishes){0};
    take_setting(wishes, app, "generate.length", "duration_seconds");
    take_setting(wishes, app, "output.format", "output_format");
}

void tb_wishes_deinit(tb_wishes *wishes)
{
    for (int i = 0; i < TB_WISHES_MAX; i++)
        free(wishes->text[i]);
    *wishes = (tb_wishes){0};
}

tb_status tb_wishes_take_flags(tb_wishes *wishes, const tb_app *app, tb_error *err)
{
    const tb_args *args = &app->args;
    for (size_t i = 0; i < args->n_items; i++) {
        const tb_option *option = &args->items[i].option;
        if (option->field == NULL)
            continue;
        tb_status st = tb_wishes_set(wishes, tb_wish_find(option->field), args->items[i].value,
                                     err);
        if (st != TIMBRE_OK) {
            char shown[40];
            (void)snprintf(shown, sizeof shown, "--%s", option->name);
            tb_field_error_rename(err, option->field, shown);
            return st;
        }
    }
    return TIMBRE_OK;
}

const char *tb_wishes_shown(const tb_wishes *wishes, int i_field)
{
    const timbre_field *field = field_at(i_field);
    if (field == NULL)
        return "";
    if (wishes->text[i_field] != NULL)
        return wishes->text[i_field];
    if (strcmp(field->name, "seed") == 0)
        return "random";
    if (field->default_text != NULL)
        return field->default_text;
    return field->type == TIMBRE_FIELD_BOOLEAN ? "off"
           : field->type == TIMBRE_FIELD_TEXT  ? ""
                                               : "model's own";
}

const char *tb_wishes_text(const tb_wishes *wishes, const char *name)
{
    int i = tb_wish_find(name);
    return i >= 0 ? wishes->text[i] : NULL;
}

static tb_status fill(const tb_wishes *wishes, timbre_request *request, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (int i = 0; i < TB_WISHES_MAX && st == TIMBRE_OK; i++)
        if (wishes->text[i] != NULL)
            st = timbre_request_set(request, field_at(i)->name, wishes->text[i], err);
    return st;
}

static tb_status make(const tb_wishes *wishes, const char *prompt, json_t **out, tb_error *err)
{
    timbre_request *request = NULL;
    char *text = NULL;
    *out = NULL;
    tb_status st = timbre_request_new(&request, err);
    if (st == TIMBRE_OK && prompt != NULL)
        st = timbre_request_set(request, "prompt", prompt, err);
    if (st == TIMBRE_OK)
        st = fill(wishes, request, err);
    if (st == TIMBRE_OK) {
        text = timbre_request_format(request);
        *out = text != NULL ? json_loads(text, 0, NULL) : NULL;
        if (*out == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    }
    free(text);
    timbre_request_free(request);
    return st;
}

tb_status tb_wishes_make_body(const tb_wishes *wishes, const char *prompt, json_t **out,
                              tb_error *err)
{
    return make(wishes, prompt, out, err);
}

json_t *tb_wishes_to_json(const tb_wishes *wishes)
{
    json_t *out;
    tb_error err = {0};
    return make(wishes, NULL, &out, &err) == TIMBRE_OK ? out : NULL;
}

/* A value of a request as timbre_request_set takes it. Owned, NULL for null. */
static char *text_of(const json_t *value)
{
    if (json_is_string(value))
        return tb_strdup(json_string_value(value));
    if (json_is_boolean(value))
        return tb_strdup(json_is_true(value) ? "true" : "false");
    if (json_is_integer(value))
        return tb_strf("%lld", (long long)json_integer_value(value));
    return json_is_real(value) ? tb_strf("%.10g", json_real_value(value)) : NULL;
}

void tb_wishes_from_json(tb_wishes *wishes, const json_t *fields)
{
    size_t n;
    const timbre_field *table = timbre_request_fields(&n);
    for (size_t i = 0; i < n && i < TB_WISHES_MAX; i++) {
        tb_error err = {0};
        if (!is_settable(&table[i]))
            continue;
        char *text = text_of(json_object_get(fields, table[i].name));
        (void)!tb_wishes_set(wishes, (int)i, text, &err);
        free(text);
    }
}

static void append_quoted(tb_str *out, const char *text)
{
    tb_str_append(out, "'");
    for (; *text != '\0'; text++)
        if (*text == '\'')
            tb_str_append(out, "'\\''");
        else
            tb_str_append_bytes(out, text, 1);
    tb_str_append(out, "'");
}

static void append_flag(tb_str *out, const timbre_field *field, const json_t *value)
{
    char *text = text_of(value);
    if (text != NULL && field->type == TIMBRE_FIELD_BOOLEAN) {
        tb_str_appendf(out, " --%s%s", json_is_true(value) ? "" : "no-", field->flag);
    } else if (text != NULL) {
        bool is_plain = text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789._-/")] == '\0' &&
                        text[0] != '\0';
        tb_str_appendf(out, " --%s ", field->flag);
        if (is_plain)
            tb_str_append(out, text);
        else
            append_quoted(out, text);
    }
    free(text);
}

char *tb_wishes_shell(const json_t *request)
{
    size_t n;
    const timbre_field *table = timbre_request_fields(&n);
    tb_str out = {0};
    const char *prompt = json_string_value(json_object_get(request, "prompt"));
    tb_str_append(&out, "timbre generate ");
    append_quoted(&out, prompt != NULL ? prompt : "");
    for (size_t i = 0; i < n; i++)
        if (table[i].flag != NULL && strcmp(table[i].name, "prompt") != 0)
            append_flag(&out, &table[i], json_object_get(request, table[i].name));
    return tb_str_take(&out);
}
