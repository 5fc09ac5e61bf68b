/* The worker's models: which there are, and fetching one with its progress. */
#include <string.h>

#include "cli/client/row.h"
#include "cli/tui/studio.h"

static void take_health(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status != TIMBRE_OK)
        return;
    json_decref(studio->contact.health);
    studio->contact.health = json_incref(reply->json);
    studio->is_dirty = true;
}

static void end_pull(tb_studio *studio, const char *model, const json_t *pull)
{
    bool is_done = strcmp(tb_member_text(pull, "state"), "done") == 0;
    const json_t *error = json_object_get(pull, "error");
    studio->contact.pulling[0] = '\0';
    if (is_done)
        tb_studio_toast(studio, TB_ROLE_OK, "%s is installed", model);
    else
        tb_studio_toast(studio, TB_ROLE_ERROR, "%s was not downloaded: %s", model,
                        tb_member_text(error, "message"));
    tb_studio_log(studio, "pull of %s: %s %s", model, tb_member_text(pull, "state"),
                  tb_member_text(error, "message"));
    tb_studio_get(studio, "/health", NULL, take_health);
}

static void take_pull(tb_studio *studio, const char *model, const json_t *pull)
{
    tb_contact_state *contact = &studio->contact;
    const char *state = tb_member_text(pull, "state");
    bool is_going = strcmp(state, "running") == 0 || strcmp(state, "planning") == 0;
    if (is_going) {
        (void)snprintf(contact->pulling, sizeof contact->pulling, "%s", model);
        json_decref(contact->pull);
        contact->pull = json_incref((json_t *)pull);
    } else if (strcmp(contact->pulling, model) == 0 && json_is_object(pull)) {
        end_pull(studio, model, pull);
    }
}

static void take_models(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status != TIMBRE_OK) {
        tb_studio_log(studio, "models: %s", reply->err.message);
        return;
    }
    size_t i;
    json_t *model;
    json_decref(studio->contact.models);
    studio->contact.models = json_incref(json_object_get(reply->json, "models"));
    json_array_foreach(studio->contact.models, i, model)
        take_pull(studio, tb_member_text(model, "id"), json_object_get(model, "pull"));
    tb_refresh_models(studio);
    studio->is_dirty = true;
}

void tb_studio_ask_models(tb_studio *studio)
{
    tb_studio_get(studio, "/models", NULL, take_models);
}

static void take_pull_begun(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status != TIMBRE_OK) {
        studio->contact.pulling[0] = '\0';
        tb_studio_toast_error(studio, &reply->err);
        return;
    }
    tb_studio_toast(studio, TB_ROLE_OK, "downloading %s", reply->id);
    tb_studio_ask_models(studio);
}

void tb_studio_pull(tb_studio *studio, const char *model, const char *licence)
{
    tb_str path = {0};
    tb_str_append(&path, "/models/");
    for (const char *part = model; *part != '\0';) { /* ORG/NAME keeps its slash */
        char name[80];
        size_t n = strcspn(part, "/");
        (void)snprintf(name, sizeof name, "%.*s", (int)n, part);
        tb_path_part_append(&path, name);
        tb_str_append(&path, "/");
        part += n + (part[n] == '/');
    }
    tb_str_append(&path, "pull");
    (void)snprintf(studio->contact.pulling, sizeof studio->contact.pulling, "%s", model);
    tb_link_ask(studio->link, &(tb_ask){.method = "POST",
                                        .path = tb_str_text(&path),
                                        .body = json_pack("{s:s}", "accept_license", licence),
                                        .id = model,
                                        .done = take_pull_begun});
    tb_str_deinit(&path);
}
