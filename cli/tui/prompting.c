/* From what was typed to a take: submitting, repeating, slash commands, presets. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client/row.h"
#include "cli/tui/studio.h"
#include "cli/value.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/base/utf8.h"

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A job that the worker may get twice is made once: the key says so. */
static bool queue_body(tb_studio *studio, const char *prompt, json_t *body)
{
    char key[TB_TAKE_ID_MAX];
    unsigned char drawn[16];
    tb_error err = {0};
    if (tb_entropy(drawn, sizeof drawn, &err) != TIMBRE_OK) {
        tb_studio_toast_error(studio, &err);
        json_decref(body);
        return false;
    }
    for (size_t i = 0; i < sizeof drawn; i++)
        (void)snprintf(key + 2 * i, 3, "%02x", drawn[i]);
    tb_take *take = tb_collection_add_unsent(&studio->collection, key, prompt, now_ms());
    if (take == NULL) {
        json_decref(body);
        tb_studio_toast(studio, TB_ROLE_ERROR, "no memory");
        return false;
    }
    take->extras = body; /* until it is sent */
    studio->first_row = -1;
    tb_studio_select(studio, take);
    tb_studio_send_unsent(studio);
    if (studio->contact.contact == TB_CONTACT_OFFLINE)
        tb_studio_toast(studio, TB_ROLE_WARN,
                        "kept: it is sent when the worker is back (worker offline)");
    return true;
}

bool tb_studio_generate(tb_studio *studio, const char *prompt, const tb_wishes *wishes)
{
    json_t *body = NULL;
    tb_error err = {0};
    if (tb_wishes_make_body(wishes, prompt, &body, &err) != TIMBRE_OK) {
        tb_studio_toast_error(studio, &err);
        return false;
    }
    return queue_body(studio, prompt, body);
}

void tb_studio_prompt_changed(tb_studio *studio)
{
    studio->typed_s = tb_clock_seconds();
    studio->is_draft_unsaved = true;
    studio->is_dirty = true;
}

/* Without the blanks and line breaks around it; owned. */
static char *trimmed(const char *text)
{
    text += strspn(text, " \t\n");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\n", text[n - 1]) != NULL)
        n--;
    return strndup(text, n);
}

void tb_studio_submit(tb_studio *studio)
{
    char *text = trimmed(tb_editor_text(&studio->editor));
    if (text == NULL || text[0] == '\0') {
        free(text);
        return;
    }
    if (text[0] == '/') {
        tb_history_add(&studio->history, text);
        tb_editor_set(&studio->editor, "");
        tb_studio_prompt_changed(studio);
        tb_studio_run_slash(studio, text);
    } else if (tb_studio_generate(studio, text, &studio->wishes)) {
        tb_history_add(&studio->history, text);
        tb_editor_set(&studio->editor, "");
        tb_studio_prompt_changed(studio);
    }
    free(text);
}

/* ---- slash commands ---- */

static void set_wish(tb_studio *studio, int field, const char *value)
{
    size_t n;
    const timbre_field *f = &timbre_request_fields(&n)[field];
    tb_error err = {0};
    if (value[0] == '\0') {
        tb_studio_toast(studio, TB_ROLE_TEXT, "%s: %s   (%s; 'default' takes it back)", f->flag,
                        tb_wishes_shown(&studio->wishes, field), f->help);
        return;
    }
    if (tb_wishes_set(&studio->wishes, field, value, &err) != TIMBRE_OK)
        tb_studio_toast_error(studio, &err);
    else
        tb_studio_toast(studio, TB_ROLE_OK, "%s: %s", f->flag,
                        tb_wishes_shown(&studio->wishes, field));
}

static void refuse_unknown(tb_studio *studio, const char *name)
{
    size_t n;
    tb_suggestion near = tb_suggestion_begin(name);
    const tb_operation *table = tb_operations(&n);
    for (size_t i = 0; i < n; i++)
        if (table[i].slash != NULL)
            tb_suggestion_offer(&near, table[i].slash);
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if (tb_wish_find(fields[i].name) >= 0)
            tb_suggestion_offer(&near, fields[i].flag);
    if (near.best != NULL)
        tb_studio_toast(studio, TB_ROLE_ERROR, "unknown command /%s, did you mean /%s?", name,
                        near.best);
    else
        tb_studio_toast(studio, TB_ROLE_ERROR, "unknown command /%s: F1 lists all", name);
}

void tb_studio_run_slash(tb_studio *studio, const char *line)
{
    char name[64];
    size_t n = strcspn(line + 1, " \n");
    const char *argument = line + 1 + n;
    argument += strspn(argument, " \n");
    (void)snprintf(name, sizeof name, "%.*s", (int)n, line + 1);
    int operation = tb_operation_find_slash(name), field = tb_wish_find(name);
    if (operation >= 0)
        tb_operation_run(studio, operation, argument);
    else if (field >= 0)
        set_wish(studio, field, argument);
    else
        refuse_unknown(studio, name);
}

/* ---- takes again ---- */

/* Fields of the recipe's request that name files of this machine, or what is not to be repeated, do
 * not go back to the worker. */
static json_t *request_of(const json_t *recipe)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    json_t *request = json_deep_copy(json_object_get(recipe, "request"));
    for (size_t i = 0; request != NULL && i < n; i++)
        if (fields[i].is_path && strcmp(fields[i].name, "model_id") != 0)
            (void)json_object_del(request, fields[i].name);
    return request;
}

static void use_recipe(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status != TIMBRE_OK) {
        tb_studio_toast_error(studio, &reply->err);
        return;
    }
    json_t *request = request_of(reply->json);
    const char *prompt = json_string_value(json_object_get(request, "prompt"));
    if (prompt == NULL) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "this take has no recipe to repeat");
    } else if (reply->tag == TB_AGAIN_EDIT) {
        tb_wishes_from_json(&studio->wishes, request);
        tb_editor_set(&studio->editor, prompt);
        studio->focus = TB_FOCUS_PROMPT;
        tb_studio_prompt_changed(studio);
        tb_studio_toast(studio, TB_ROLE_OK, "words and settings of the take are back");
    } else {
        if (reply->tag == TB_AGAIN_NEW_SEED)
            (void)json_object_del(request, "seed");
        (void)queue_body(studio, prompt, json_incref(request));
    }
    json_decref(request);
}

/* One that failed or was cancelled has no recipe: its words and the wishes in force. */
static void again_from_words(tb_studio *studio, const tb_take *take, tb_again how)
{
    if (how == TB_AGAIN_EDIT) {
        tb_editor_set(&studio->editor, take->prompt);
        studio->focus = TB_FOCUS_PROMPT;
        tb_studio_prompt_changed(studio);
        return;
    }
    json_t *body = NULL;
    tb_error err = {0};
    if (tb_wishes_make_body(&studio->wishes, take->prompt, &body, &err) != TIMBRE_OK) {
        tb_studio_toast_error(studio, &err);
        return;
    }
    if (how == TB_AGAIN_SAME_SEED)
        (void)json_object_set_new(body, "seed", json_integer(take->seed));
    (void)queue_body(studio, take->prompt, body);
}

void tb_studio_again(tb_studio *studio, const tb_take *take, tb_again how)
{
    if (take->state != TB_TAKE_DONE) {
        again_from_words(studio, take, how);
        return;
    }
    char path[96];
    (void)snprintf(path, sizeof path, "/artifacts/%s/recipe", take->id);
    tb_link_ask(
        studio->link,
        &(tb_ask){.method = "GET", .path = path, .id = take->id, .tag = how, .done = use_recipe});
}

/* ---- the clipboard ---- */

static void append_base64(tb_str *out, const char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < n ? (unsigned char)bytes[i + k] : 0);
        char four[4];
        for (size_t k = 0; k < 4; k++)
            four[k] = i + k > n ? '=' : digits[v >> (18 - 6 * k) & 63];
        tb_str_append_bytes(out, four, 4);
    }
}

/* OSC 52: the terminal's clipboard, also over ssh. */
void tb_studio_copy(tb_studio *studio, const char *text, const char *what)
{
    tb_str sequence = {0};
    tb_str_append(&sequence, "\033]52;c;");
    append_base64(&sequence, text, strlen(text));
    tb_str_append(&sequence, "\033\\");
    if (!sequence.failed)
        tb_str_append_bytes(&studio->after, sequence.bytes, sequence.len);
    tb_str_deinit(&sequence);
    tb_studio_toast(studio, TB_ROLE_OK, "copied %s: %s", what, text);
}

static void copy_recipe_command(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    json_t *request = reply->status == TIMBRE_OK ? request_of(reply->json) : NULL;
    char *command = request != NULL ? tb_wishes_shell(request) : NULL;
    if (command != NULL)
        tb_studio_copy(studio, command, "the command");
    else
        tb_studio_toast_error(studio, &reply->err);
    free(command);
    json_decref(request);
}

void tb_studio_copy_command(tb_studio *studio, const tb_take *take)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/artifacts/%s/recipe", take->id);
    tb_studio_get(studio, path, take->id, copy_recipe_command);
}

/* ---- presets ---- */

static void preset_saved(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status == TIMBRE_OK)
        tb_studio_toast(studio, TB_ROLE_OK, "settings are kept as '%s'; /use %s brings them back",
                        reply->id, reply->id);
    else
        tb_studio_toast_error(studio, &reply->err);
}

static void preset_path(const char *name, tb_str *path)
{
    tb_str_append(path, "/presets/");
    tb_path_part_append(path, name);
}

void tb_studio_save_preset(tb_studio *studio, const char *name)
{
    tb_str path = {0};
    preset_path(name, &path);
    tb_link_ask(studio->link, &(tb_ask){.method = "PUT",
                                        .path = tb_str_text(&path),
                                        .body = tb_wishes_to_json(&studio->wishes),
                                        .id = name,
                                        .done = preset_saved});
    tb_str_deinit(&path);
}

static void preset_read(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status != TIMBRE_OK) {
        tb_studio_toast_error(studio, &reply->err);
        return;
    }
    const json_t *fields = json_object_get(reply->json, "request");
    tb_wishes_from_json(&studio->wishes, json_is_object(fields) ? fields : reply->json);
    tb_studio_toast(studio, TB_ROLE_OK, "settings of '%s'", reply->id);
}

void tb_studio_use_preset(tb_studio *studio, const char *name)
{
    tb_str path = {0};
    preset_path(name, &path);
    tb_studio_get(studio, tb_str_text(&path), name, preset_read);
    tb_str_deinit(&path);
}
