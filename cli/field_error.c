#include "cli/field_error.h"

#include <stdio.h>
#include <string.h>

#include "cli/app.h"
#include "timbre/request.h"

static bool is_about(const char *message, const char *name)
{
    size_t length = strlen(name);
    return strncmp(message, name, length) == 0 && message[length] == ' ';
}

static const timbre_field *find_field(const char *name)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

void tb_field_error_rename(tb_error *err, const char *name, const char *shown)
{
    if (!is_about(err->message, name))
        return;
    tb_error old = *err;
    const char *rest = old.message + strlen(name) + 1;
    (void)tb_fail(err, old.code, "%.250s: %.250s", shown, rest);
    const timbre_field *field = find_field(name);
    if (old.fix[0] != '\0')
        tb_fix(err, "%s", old.fix);
    else if (field != NULL && field->value_name != NULL && strcmp(field->value_name, "SEC") == 0 &&
             strstr(rest, "is not a number") != NULL)
        tb_fix(err, "give it in seconds, such as 90");
}

/* "--length", or for a value of the settings "FILE:LINE: generate.length". */
static bool name_source(const tb_app *app, const timbre_field *field, char *out, size_t size)
{
    size_t n;
    const tb_setting *settings = tb_settings_table(&n);
    if (field->flag != NULL && tb_args_has(&app->args, field->flag)) {
        (void)snprintf(out, size, "--%s", field->flag);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (settings[i].field == NULL || strcmp(settings[i].field, field->name) != 0 ||
            app->settings.where[i] == NULL)
            continue;
        if (app->settings.origin[i] == TB_ORIGIN_ENVIRONMENT)
            (void)snprintf(out, size, "%s", app->settings.where[i]);
        else
            (void)snprintf(out, size, "%s: %s.%s", app->settings.where[i], settings[i].section,
                           settings[i].name);
        return true;
    }
    return false;
}

void tb_field_error_explain(tb_error *err, const tb_app *app)
{
    size_t n;
    char source[256];
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if (is_about(err->message, fields[i].name)) {
            if (name_source(app, &fields[i], source, sizeof source))
                tb_field_error_rename(err, fields[i].name, source);
            return;
        }
}
