#include "cli/settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/field_error.h"
#include "cli/paths.h"
#include "cli/settings_file.h"
#include "cli/settings_rows.h"
#include "engine/base/limits.h"
#include "engine/base/number.h"
#include "timbre/engine.h"
#include "timbre/request.h"

enum { N_SETTINGS = sizeof table / sizeof table[0] };
_Static_assert((int)N_SETTINGS <= (int)TB_SETTINGS_MAX, "raise TB_SETTINGS_MAX");

const tb_setting *tb_settings_table(size_t *n)
{
    *n = N_SETTINGS;
    return table;
}

static int find(const char *section, const char *name)
{
    for (int i = 0; i < N_SETTINGS; i++)
        if (strcmp(table[i].section, section) == 0 && strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

int tb_setting_find(const char *key)
{
    char section[32];
    const char *dot = strchr(key, '.');
    if (dot == NULL || (size_t)(dot - key) >= sizeof section)
        return -1;
    (void)snprintf(section, sizeof section, "%.*s", (int)(dot - key), key);
    return find(section, dot + 1);
}

const char *tb_setting_suggest(const char *key, char buffer[80])
{
    char keys[N_SETTINGS][80];
    tb_suggestion near = tb_suggestion_begin(key);
    for (int i = 0; i < N_SETTINGS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "%s.%s", table[i].section, table[i].name);
        tb_suggestion_offer(&near, keys[i]);
        /* "dir" for "output.dir" */
        if (strcmp(table[i].name, key) == 0)
            near = (tb_suggestion){.word = key, .best = keys[i], .distance = 0};
    }
    if (near.best == NULL)
        return NULL;
    (void)snprintf(buffer, 80, "%s", near.best);
    return buffer;
}

static tb_status check_field(const tb_setting *setting, const char *shown, const char *value,
                             tb_error *err)
{
    timbre_request *scratch = NULL;
    tb_error why = {0};
    tb_status st = timbre_request_new(&scratch, &why);
    if (st == TIMBRE_OK)
        st = timbre_request_set(scratch, setting->field, value, &why);
    timbre_request_free(scratch);
    if (st == TIMBRE_OK)
        return st;
    tb_field_error_rename(&why, setting->field, shown);
    if (err != NULL)
        *err = why;
    return st;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcasecmp(text + length - n, end) == 0;
}

/* A name of takes: only braces that are known, and no ending, which comes from the format. */
static tb_status check_pattern(const char *shown, const char *value, tb_error *err)
{
    timbre_request *scratch = NULL;
    char *name = NULL;
    tb_error why = {0};
    tb_status st = timbre_request_new(&scratch, &why);
    if (st == TIMBRE_OK)
        st = timbre_request_set(scratch, "prompt", "x", &why);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(scratch, &why);
    if (st == TIMBRE_OK)
        st = timbre_expand_name(value, scratch, 1, &name, &why);
    timbre_request_free(scratch);
    free(name);
    if (st != TIMBRE_OK) {
        (void)tb_fail(err, st, "%.250s: %.250s", shown, why.message);
        tb_fix(err, "%s",
               why.fix[0] != '\0' ? why.fix : "known are {date} {time} {slug} {seed} {n} {model}");
        return st;
    }
    if (ends_with(value, ".wav") || ends_with(value, ".flac") || ends_with(value, "/")) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.80s' ends in '%s'", shown, value,
                     ends_with(value, "/") ? "/" : strrchr(value, '.'));
        tb_fix(err, "leave that out: the ending comes from output.format");
    }
    return st;
}

tb_status tb_setting_check(const tb_setting *setting, const char *shown, const char *value,
                           tb_error *err)
{
    if (setting->field != NULL && value[0] != '\0')
        return check_field(setting, shown, value, err);
    if (setting->is_pattern && value[0] != '\0')
        return check_pattern(shown, value, err);
    return tb_value_check(&setting->rule, shown, value, err);
}

static tb_status put(tb_settings *s, int i, const char *value, tb_origin origin, const char *where,
                     tb_error *err)
{
    if (value[0] == '\0') /* an empty value asks for the built-in one */
        return TIMBRE_OK;
    free(s->text[i]);
    free(s->where[i]);
    s->text[i] = tb_strdup(value);
    s->where[i] = tb_strdup(where);
    s->origin[i] = origin;
    if (s->text[i] == NULL || s->where[i] == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the settings");
    return TIMBRE_OK;
}

typedef struct {
    tb_settings *s;
    const char *path;
    tb_origin origin;
    tb_error *err; /* the first error */
    tb_status status;
} reading;

static void warn_unknown(reading *r, const char *key, int line)
{
    char near[80];
    const char *best = tb_setting_suggest(key, near);
    tb_str_appendf(&r->s->warnings, "%s:%d: unknown setting '%.80s'%s%s%s\n", r->path, line, key,
                   best != NULL ? ", did you mean " : "", best != NULL ? best : "",
                   best != NULL ? "?" : "");
}

static void on_entry(const char *section, const char *name, const char *value, int line, void *user)
{
    reading *r = user;
    char *where = tb_strf("%s:%d", r->path, line);
    char *key = tb_strf("%s%s%s", section, section[0] != '\0' ? "." : "", name);
    char *shown = tb_strf("%s: %s", where == NULL ? "" : where, key == NULL ? "" : key);
    tb_error err = {0};
    tb_status st = TIMBRE_OK;
    int i = find(section, name);
    if (where == NULL || key == NULL || shown == NULL)
        st = tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for the settings");
    else if (i < 0 && strcmp(section, "keys") == 0) /* the studio knows them */
        tb_str_appendf(&r->s->keys, "%s\t%s\t%s\n", where, name, value);
    else if (i < 0)
        warn_unknown(r, key, line);
    else if ((st = tb_setting_check(&table[i], shown, value, &err)) == TIMBRE_OK)
        st = put(r->s, i, value, r->origin, where, &err);
    if (st != TIMBRE_OK && r->status == TIMBRE_OK) {
        r->status = st;
        if (err.fix[0] == '\0' && i >= 0)
            tb_fix(&err, "edit the file, or: timbre config unset %s.%s", section, name);
        if (r->err != NULL)
            *r->err = err;
    }
    free(where);
    free(key);
    free(shown);
}

static tb_status load_file(tb_settings *s, const char *path, tb_origin origin, tb_error *err)
{
    reading r = {.s = s, .path = path, .origin = origin, .err = err};
    tb_error why = {0};
    tb_status st = tb_settings_file_read(path, on_entry, &r, &why);
    if (r.status != TIMBRE_OK || st == TIMBRE_OK)
        return r.status;
    if (err != NULL)
        *err = why;
    return st;
}

static tb_status load_environment(tb_settings *s, tb_error *err)
{
    tb_status first = TIMBRE_OK;
    for (int i = 0; i < N_SETTINGS; i++) {
        const char *value = table[i].env == NULL ? NULL : getenv(table[i].env);
        if (value == NULL || value[0] == '\0')
            continue;
        tb_error *report = first == TIMBRE_OK ? err : NULL;
        tb_status st = tb_setting_check(&table[i], table[i].env, value, report);
        if (st == TIMBRE_OK)
            st = put(s, i, value, TB_ORIGIN_ENVIRONMENT, table[i].env, report);
        if (first == TIMBRE_OK)
            first = st;
    }
    return first;
}

static tb_status load_user(tb_settings *s, const char *config_path, tb_error *err)
{
    const char *named = config_path != NULL ? config_path : getenv("TIMBRE_CONFIG");
    bool is_named = named != NULL && named[0] != '\0';
    s->user_path = is_named ? tb_strdup(named) : tb_path_user_settings();
    if (s->user_path == NULL || (!is_named && access(s->user_path, F_OK) != 0))
        return TIMBRE_OK;
    return load_file(s, s->user_path, TB_ORIGIN_USER_FILE, err);
}

tb_status tb_settings_load(tb_settings *s, const char *config_path, tb_error *err)
{
    *s = (tb_settings){0};
    tb_status first = TIMBRE_OK;
    char *system_path = tb_path_system_settings();
    if (system_path != NULL)
        first = load_file(s, system_path, TB_ORIGIN_SYSTEM_FILE, err);
    free(system_path);
    tb_status st = load_user(s, config_path, first == TIMBRE_OK ? err : NULL);
    first = first == TIMBRE_OK ? st : first;
    st = load_environment(s, first == TIMBRE_OK ? err : NULL);
    return first == TIMBRE_OK ? st : first;
}

tb_status tb_settings_check_file(tb_settings *s, const char *path, tb_error *err)
{
    *s = (tb_settings){0};
    return load_file(s, path, TB_ORIGIN_USER_FILE, err);
}

bool tb_setting_has_option(const tb_setting *setting, const tb_option *option)
{
    if (setting->flag == NULL || option->name == NULL || strcmp(setting->flag, option->name) != 0)
        return false;
    if (setting->field != NULL)
        return option->field != NULL && strcmp(option->field, setting->field) == 0;
    return option->setting != NULL;
}

/* The last value given by an option that stands for the setting; NULL: none. */
static const char *value_of_flag(const tb_setting *setting, const tb_args *args)
{
    for (size_t i = args->n_items; i-- > 0;)
        if (tb_setting_has_option(setting, &args->items[i].option))
            return args->items[i].value;
    return NULL;
}

tb_status tb_settings_apply(tb_settings *s, const tb_args *args, tb_error *err)
{
    for (int i = 0; i < N_SETTINGS; i++) {
        const char *value = value_of_flag(&table[i], args);
        if (value == NULL)
            continue;
        char shown[40];
        (void)snprintf(shown, sizeof shown, "--%s", table[i].flag);
        tb_status st = put(s, i, value, TB_ORIGIN_FLAG, shown, err);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

void tb_settings_deinit(tb_settings *s)
{
    for (int i = 0; i < TB_SETTINGS_MAX; i++) {
        free(s->text[i]);
        free(s->where[i]);
    }
    free(s->user_path);
    tb_str_deinit(&s->warnings);
    tb_str_deinit(&s->keys);
    *s = (tb_settings){0};
}

const char *tb_settings_text(const tb_settings *s, const char *key)
{
    int i = tb_setting_find(key);
    assert(i >= 0);
    return s->text[i] != NULL ? s->text[i] : table[i].default_text;
}

double tb_settings_number(const tb_settings *s, const char *key)
{
    double value = 0;
    (void)tb_number_parse(tb_settings_text(s, key), &value); /* checked when it was read */
    return value;
}

tb_origin tb_settings_origin(const tb_settings *s, const char *key)
{
    int i = tb_setting_find(key);
    assert(i >= 0);
    return s->origin[i];
}
