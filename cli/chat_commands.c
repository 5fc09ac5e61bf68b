/* The one table of commands of the line mode. Names come out of it and out of the request's fields;
 * nothing about a field is written here. */
#include <stdlib.h>
#include <string.h>

#include "cli/chat.h"
#include "cli/client/follow.h"
#include "cli/client/row.h"
#include "cli/field_error.h"
#include "cli/text.h"
#include "cli/value.h"
#include "engine/base/str.h"

/* Cut the first word off `*text`, which moves to the next one. Owned, NULL for memory. */
static char *take_word(const char **text)
{
    size_t n = strcspn(*text, " \t");
    char *word = tb_strf("%.*s", (int)n, *text);
    *text += n + strspn(*text + n, " \t");
    return word;
}

/* ---- settings ---- */

static const timbre_field *field_at(int i)
{
    size_t n;
    return &timbre_request_fields(&n)[i];
}

static void print_setting(const tb_chat *chat, FILE *out, int i)
{
    const char *value = tb_wishes_shown(&chat->wishes, i);
    fprintf(out, "%s: ", field_at(i)->flag);
    tb_print_clean(out, value[0] != '\0' ? value : "not set");
    fputs("\n", out);
}

static tb_status use_field(tb_chat *chat, int i, const char *value, tb_error *err)
{
    if (value[0] == '\0') {
        print_setting(chat, chat->answers, i);
        return TIMBRE_OK;
    }
    bool is_off = strcmp(value, "off") == 0;
    tb_status st = tb_wishes_set(&chat->wishes, i, is_off ? NULL : value, err);
    if (st != TIMBRE_OK) {
        char shown[40];
        (void)snprintf(shown, sizeof shown, "/%s", field_at(i)->flag);
        tb_field_error_rename(err, field_at(i)->name, shown);
        return st;
    }
    if (!chat->app->is_quiet)
        print_setting(chat, stderr, i);
    return TIMBRE_OK;
}

static tb_status set(tb_chat *chat, const char *argument, tb_error *err)
{
    tb_status st;
    char *key = take_word(&argument);
    int i = key != NULL ? tb_wish_find(key) : -1;
    if (i >= 0) {
        st = use_field(chat, i, argument, err);
    } else {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "there is no setting '%.40s'", key != NULL ? key : "");
        tb_fix(err, "/settings shows which there are");
    }
    free(key);
    return st;
}

static tb_status settings(tb_chat *chat, const char *argument, tb_error *err)
{
    (void)argument;
    (void)err;
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if (tb_wish_find(fields[i].name) >= 0)
            print_setting(chat, chat->answers, (int)i);
    return TIMBRE_OK;
}

/* ---- the worker ---- */

static tb_status models(tb_chat *chat, const char *argument, tb_error *err)
{
    (void)argument;
    json_t *answer = NULL, *model;
    size_t i;
    tb_status st = tb_chat_ask(chat, "GET", "/models", NULL, &answer, err);
    json_array_foreach(json_object_get(answer, "models"), i, model)
    {
        const char *state = tb_member_text(model, "state");
        bool is_default = json_is_true(json_object_get(model, "is_default"));
        tb_print_clean(chat->answers, tb_member_text(model, "id"));
        fprintf(chat->answers, ": %s%s\n",
                strcmp(state, "whole") == 0     ? "installed"
                : strcmp(state, "partial") == 0 ? "half fetched"
                                                : "not installed",
                is_default ? ", answers where none is named" : "");
    }
    json_decref(answer);
    return st;
}

/* Other programs' too: this one waits for its own. */
static tb_status cancel(tb_chat *chat, const char *argument, tb_error *err)
{
    static const char *const lists[] = {"/jobs?state=running&limit=1",
                                        "/jobs?state=queued&limit=1"};
    (void)argument;
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < 2; i++) {
        json_t *answer = NULL;
        st = tb_chat_ask(chat, "GET", lists[i], NULL, &answer, err);
        const json_t *job = json_array_get(json_object_get(answer, "jobs"), 0);
        char *path = job != NULL ? tb_strf("/jobs/%s/cancel", tb_member_text(job, "job_id")) : NULL;
        bool is_found = st == TIMBRE_OK && path != NULL;
        if (is_found)
            st = tb_chat_ask(chat, "POST", path, NULL, NULL, err);
        if (is_found && st == TIMBRE_OK)
            tb_app_note(chat->app, "told to stop: %s", tb_member_text(job, "prompt"));
        free(path);
        json_decref(answer);
        if (is_found)
            return st;
    }
    if (st == TIMBRE_OK)
        tb_app_note(chat->app, "nothing is being made");
    return st;
}

static tb_status quit(tb_chat *chat, const char *argument, tb_error *err)
{
    (void)argument;
    (void)err;
    chat->is_over = true;
    return TIMBRE_OK;
}

/* ---- the table ---- */

static tb_status help(tb_chat *chat, const char *argument, tb_error *err);

static const tb_chat_command table[] = {
    {"set", "NAME VALUE", "the same as /NAME VALUE", set},
    {"settings", NULL, "what the next takes are made with", settings},
    {"takes", "[TEXT]", "the newest takes, or those with these words", tb_chat_takes},
    {"play", "[#N|last]", "listen to a take; Ctrl-C ends it", tb_chat_play},
    {"radio", "A -> B", "play from prompt to prompt; Ctrl-C ends it", tb_chat_radio},
    {"star", "[#N|last]", "keep a take when old ones go", tb_chat_star},
    {"delete", "#N|last", "put a take into the trash", tb_chat_delete},
    {"restore", "#N", "take it out of the trash", tb_chat_restore},
    {"again", "[#N|last]", "make a take like it, with another seed", tb_chat_again},
    {"repeat", "[#N|last]", "make the same take once more", tb_chat_repeat},
    {"export", "#N|last FILE", "copy a take; the ending of FILE is its format", tb_chat_export},
    {"models", NULL, "the models there are", models},
    {"cancel", NULL, "stop what the worker makes, for whomever", cancel},
    {"help", "[COMMAND]", "the commands, or one of them", help},
    {"quit", NULL, "the end; so is Ctrl-D", quit},
    {0},
};

const tb_chat_command *tb_chat_commands(void)
{
    return table;
}

static const tb_chat_command *find(const char *name)
{
    for (const tb_chat_command *c = table; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* By its flag alone: what /set takes besides is no command. */
static int find_field(const char *name)
{
    int i = tb_wish_find(name);
    return i >= 0 && strcmp(field_at(i)->flag, name) == 0 ? i : -1;
}

static void print_command(FILE *out, const char *name, const char *argument, const char *text)
{
    fprintf(out, "/%s%s%s: %s\n", name, argument != NULL ? " " : "",
            argument != NULL ? argument : "", text);
}

static void print_field(FILE *out, const timbre_field *field)
{
    const char *value = field->type == TIMBRE_FIELD_BOOLEAN ? "true" : field->value_name;
    char argument[64];
    (void)snprintf(argument, sizeof argument, "[%s|off]", value != NULL ? value : "VALUE");
    print_command(out, field->flag, argument, field->help);
}

static tb_status refuse(const char *name, tb_error *err)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    tb_suggestion near = tb_suggestion_begin(name);
    for (const tb_chat_command *c = table; c->name != NULL; c++)
        tb_suggestion_offer(&near, c->name);
    for (size_t i = 0; i < n; i++)
        if (fields[i].flag != NULL && find_field(fields[i].flag) >= 0)
            tb_suggestion_offer(&near, fields[i].flag);
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "there is no command '/%.40s'", name);
    if (near.best != NULL)
        tb_fix(err, "did you mean /%s?", near.best);
    else
        tb_fix(err, "/help shows which there are");
    return st;
}

static tb_status help(tb_chat *chat, const char *argument, tb_error *err)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    const char *name = argument[0] == '/' ? argument + 1 : argument;
    int i_field = find_field(name);
    const tb_chat_command *one = find(name);
    if (name[0] != '\0' && one == NULL && i_field < 0)
        return refuse(name, err);
    for (size_t i = 0; one == NULL && i < n; i++)
        if (tb_wish_find(fields[i].name) >= 0 && (i_field < 0 || (size_t)i_field == i))
            print_field(chat->answers, &fields[i]);
    for (const tb_chat_command *c = table; i_field < 0 && c->name != NULL; c++)
        if (one == NULL || one == c)
            print_command(chat->answers, c->name, c->argument, c->help);
    return TIMBRE_OK;
}

/* Too little or too much behind the name. */
static tb_status check_argument(const tb_chat_command *c, const char *argument, tb_error *err)
{
    bool is_optional = c->argument != NULL && c->argument[0] == '[';
    if (c->argument == NULL && argument[0] != '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "/%s takes nothing behind it", c->name);
    if (c->argument == NULL || is_optional || argument[0] != '\0')
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "/%s needs more behind it", c->name);
    tb_fix(err, "/%s %s", c->name, c->argument);
    return st;
}

tb_status tb_chat_run(tb_chat *chat, const char *line, tb_error *err)
{
    const char *argument = line + 1;
    char *name = take_word(&argument);
    if (name == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a command");
    const tb_chat_command *c = find(name);
    int i_field = c == NULL ? find_field(name) : -1;
    tb_status st;
    if (i_field >= 0)
        st = use_field(chat, i_field, argument, err);
    else if (c == NULL)
        st = refuse(name, err);
    else if ((st = check_argument(c, argument, err)) == TIMBRE_OK)
        st = c->run(chat, argument, err);
    (void)fflush(chat->answers);
    free(name);
    return st;
}
