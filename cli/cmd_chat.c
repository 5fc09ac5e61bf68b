/*
 * timbre chat: a line is a prompt, and its answer the path of a take. For screen readers, pipes and
 * terminals that cannot draw.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/chat.h"
#include "cli/chat_line.h"
#include "cli/client/client.h"
#include "cli/client/row.h"
#include "cli/client/run.h"
#include "cli/commands.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/str.h"

enum { EXIT_LAST_FAILED = 1 };

/* A worker may have ended since the last line: it is looked for each time. */
tb_status tb_chat_ask(tb_chat *chat, const char *method, const char *path, const char *body,
                      json_t **answer, tb_error *err)
{
    tb_client client = {0};
    if (answer != NULL)
        *answer = NULL;
    tb_status st = tb_client_open(chat->app, TB_CLIENT_START, &client, err);
    if (st == TIMBRE_OK)
        st = tb_client_call(&client, method, path, body, NULL, answer, err);
    tb_client_close(&client);
    return st;
}

static json_t *member_or_null(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return value != NULL ? json_incref(value) : json_null();
}

/* The members that generate --json has of a take, without what stands in files; and its number. */
static json_t *answer_of(const json_t *entry)
{
    json_t *metadata = member_or_null(entry, "metadata");
    json_t *seed = member_or_null(metadata, "seed");
    return json_pack("{s:i, s:{s:o, s:o, s:o, s:o, s:o, s:o}}", "schema", 1, "take", "number",
                     member_or_null(entry, "number"), "path",
                     member_or_null(entry, "artifact_path"), "id", member_or_null(entry, "job_id"),
                     "seed", seed, "sha256", member_or_null(entry, "sha256"), "metadata", metadata);
}

static tb_status print_take(const tb_chat *chat, const json_t *entry, tb_error *err)
{
    if (chat->app->wants_json)
        return tb_json_print_line(answer_of(entry), err);
    if (chat->names_takes)
        printf("#%lld ", (long long)json_integer_value(json_object_get(entry, "number")));
    printf("%s\n", tb_member_text(entry, "artifact_path"));
    (void)fflush(stdout); /* who reads lines wants them as they come */
    return TIMBRE_OK;
}

static tb_status run_body(tb_chat *chat, const char *body, json_t **entry, tb_error *err)
{
    tb_client client = {0};
    tb_meter meter;
    char *id = NULL, *path = NULL;
    tb_meter_init_sentences(&meter, chat->app);
    tb_status st = tb_client_open(chat->app, TB_CLIENT_START, &client, err);
    if (st == TIMBRE_OK)
        st = tb_job_run(chat->app, &client, body, &meter, NULL, &id, err);
    if (st == TIMBRE_OK && (path = tb_strf("/artifacts/%s", id)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    if (st == TIMBRE_OK)
        st = tb_client_call(&client, "GET", path, NULL, NULL, entry, err);
    tb_client_close(&client);
    free(path);
    free(id);
    return st;
}

tb_status tb_chat_make(tb_chat *chat, json_t *body, tb_error *err)
{
    json_t *entry = NULL;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(body);
    tb_status st = text != NULL ? run_body(chat, text, &entry, err)
                                : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    if (st == TIMBRE_OK)
        st = print_take(chat, entry, err);
    if (st != TIMBRE_OK && chat->app->wants_json)
        (void)!tb_json_print_line(
            json_pack("{s:i, s:o}", "schema", 1, "error", tb_error_to_json(err)), NULL);
    chat->last = st;
    json_decref(entry);
    free(text);
    return st;
}

static tb_status make_prompt(tb_chat *chat, const char *prompt, tb_error *err)
{
    json_t *body = NULL;
    tb_status st = chat->last = tb_wishes_make_body(&chat->wishes, prompt, &body, err);
    return st == TIMBRE_OK ? tb_chat_make(chat, body, err) : st;
}

/* Ctrl-C ends what was being done; other signals end all. */
static void finish_line(tb_chat *chat, tb_status st, const tb_error *err)
{
    bool was_interrupted = tb_signals_caught() == SIGINT;
    if (was_interrupted && st == TIMBRE_CANCELLED)
        tb_app_note(chat->app, "cancelled");
    else if (st != TIMBRE_OK && tb_signals_caught() == 0)
        (void)tb_app_report(chat->app, err);
    chat->is_over |= !tb_signals_forget_interrupt();
}

static void take_line(tb_chat *chat, tb_lines *lines, const char *line)
{
    tb_error err = {0};
    if (line[0] == '\0')
        return;
    tb_lines_remember(lines, line);
    tb_status st = line[0] == '/' ? tb_chat_run(chat, line, &err) : make_prompt(chat, line, &err);
    finish_line(chat, st, &err);
}

/* Returns when nothing more is to be read. */
static tb_status read_lines(tb_chat *chat, tb_lines *lines, tb_error *err)
{
    while (!chat->is_over) {
        char *line = NULL;
        *err = (tb_error){0};
        tb_status st = tb_lines_read(lines, &line, err);
        if (st == TIMBRE_BAD_INPUT) {
            chat->last = st;
            (void)tb_app_report(chat->app, err);
            continue;
        }
        if (st != TIMBRE_OK || line == NULL)
            return st;
        take_line(chat, lines, line);
        free(line);
    }
    return TIMBRE_OK;
}

static tb_status run_all(tb_chat *chat, bool is_person, tb_error *err)
{
    char *data_dir = NULL, *history = NULL;
    tb_lines *lines = NULL;
    tb_error ignored = {0};
    if (is_person &&
        tb_path_data(tb_args_value(&chat->app->args, "data-dir"), &data_dir, &ignored) == TIMBRE_OK)
        history = tb_strf("%s/prompt_history", data_dir);
    tb_status st = tb_lines_open(chat->app, history, &lines, err);
    if (st == TIMBRE_OK && is_person)
        tb_app_note(chat->app, "a line is a prompt; /help shows the commands");
    if (st == TIMBRE_OK)
        st = read_lines(chat, lines, err);
    tb_lines_close(lines);
    free(history);
    free(data_dir);
    return st;
}

int tb_cmd_chat(tb_app *app)
{
    tb_error err = {0};
    bool is_person = isatty(STDIN_FILENO);
    tb_chat chat = {.app = app,
                    .answers = app->wants_json ? stderr : stdout,
                    .names_takes = isatty(STDOUT_FILENO)};
    app->has_color[1] = app->has_color[2] = false;
    tb_signals_catch();
    if (is_person)
        tb_signals_catch_stop();
    tb_wishes_init(&chat.wishes, app);
    tb_status st = tb_wishes_take_flags(&chat.wishes, app, &err);
    if (st == TIMBRE_OK)
        st = run_all(&chat, is_person, &err);
    tb_wishes_deinit(&chat.wishes);
    if (tb_signals_caught() != 0)
        return 128 + tb_signals_caught();
    if (st != TIMBRE_OK)
        return tb_app_report(app, &err);
    return chat.last != TIMBRE_OK && !is_person ? EXIT_LAST_FAILED : 0;
}
