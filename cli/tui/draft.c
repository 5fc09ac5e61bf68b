#include "cli/tui/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client/row.h"
#include "cli/tui/studio.h"
#include "engine/base/file.h"

enum { DRAFT_MAX_BYTES = 4 << 20 };

static char *draft_path(const tb_studio *studio)
{
    return tb_strf("%s/studio.json", studio->data_dir);
}

static json_t *unsent_to_json(const tb_studio *studio)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < studio->collection.n; i++) {
        const tb_take *take = studio->collection.takes[i];
        if (take->state == TB_TAKE_UNSENT)
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:I, s:O}", "key", take->id, "prompt", take->prompt,
                                "created_ms", (json_int_t)take->created_ms, "body", take->extras));
    }
    return list;
}

/* What is to be kept now; owned, NULL: nothing new, or no memory. */
static char *new_text(const tb_studio *studio)
{
    json_t *all = json_pack("{s:i, s:s, s:o}", "schema", 1, "draft",
                            tb_editor_text(&studio->editor), "unsent", unsent_to_json(studio));
    char *text = all != NULL ? json_dumps(all, JSON_INDENT(1)) : NULL;
    json_decref(all);
    if (text == NULL || studio->saved == NULL || strcmp(studio->saved, text) != 0)
        return text;
    free(text);
    return NULL;
}

typedef struct {
    tb_studio *studio;
    char *path, *text; /* owned */
    tb_status status;
    tb_error err;
} saving;

static void write_draft(void *state, const timbre_cancel *cancel)
{
    (void)cancel;
    saving *s = state;
    s->status = tb_file_write(s->path, s->text, strlen(s->text), true, &s->err);
}

static void draft_written(void *user, void *state)
{
    tb_studio *studio = user;
    saving *s = state;
    studio->is_saving = false;
    if (s->status == TIMBRE_OK) {
        free(studio->saved);
        studio->saved = s->text;
    } else {
        tb_studio_log(studio, "the draft was not saved: %s", s->err.message);
        free(s->text);
    }
    free(s->path);
    free(s);
}

static saving *new_saving(tb_studio *studio)
{
    saving *s = calloc(1, sizeof *s);
    char *path = draft_path(studio), *text = new_text(studio);
    if (s == NULL || path == NULL || text == NULL) {
        free(s);
        free(path);
        free(text);
        return NULL;
    }
    *s = (saving){.studio = studio, .path = path, .text = text};
    return s;
}

void tb_draft_save(tb_studio *studio)
{
    if (studio->is_saving) /* and again when that is over */
        return;
    studio->is_draft_unsaved = false;
    saving *s = new_saving(studio);
    if (s == NULL)
        return;
    studio->is_saving = true;
    if (tb_tasks_start(&studio->tasks, write_draft, draft_written, s) == NULL) {
        write_draft(s, NULL);
        draft_written(studio, s);
    }
}

void tb_draft_save_now(tb_studio *studio)
{
    saving *s = new_saving(studio);
    if (s == NULL)
        return;
    write_draft(s, NULL);
    draft_written(studio, s);
}

static void load_unsent(tb_studio *studio, const json_t *item)
{
    const char *key = tb_member_text(item, "key"), *prompt = tb_member_text(item, "prompt");
    json_t *body = json_object_get(item, "body");
    if (key[0] == '\0' || strlen(key) >= TB_TAKE_ID_MAX || !json_is_object(body))
        return;
    tb_take *take = tb_collection_add_unsent(
        &studio->collection, key, prompt,
        (int64_t)json_integer_value(json_object_get(item, "created_ms")));
    if (take != NULL)
        take->extras = json_incref(body);
}

void tb_draft_load(tb_studio *studio)
{
    char *path = draft_path(studio), *text = NULL;
    size_t n = 0, i;
    tb_error err = {0};
    json_t *item;
    if (path == NULL || tb_file_read(path, DRAFT_MAX_BYTES, &text, &n, &err) != TIMBRE_OK) {
        free(path);
        return;
    }
    json_t *all = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(all)) {
        char *aside = tb_strf("%s.bad", path);
        tb_studio_log(studio, "%s is damaged and was put aside", path);
        if (aside != NULL)
            (void)rename(path, aside);
        free(aside);
    }
    const char *draft = tb_member_text(all, "draft");
    if (draft[0] != '\0')
        tb_editor_set(&studio->editor, draft);
    json_array_foreach(json_object_get(all, "unsent"), i, item) load_unsent(studio, item);
    json_decref(all);
    free(text);
    free(path);
}
