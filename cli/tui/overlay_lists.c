/* The lists: help, palette, old prompts, models. */
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/tui/overlay_list.h"

/* Items with their scores, to be added the best first. */
typedef struct {
    int score, index;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    return x->score != y->score ? y->score - x->score : x->index - y->index;
}

/* ---- help: every key, in the order of the table ---- */

static void fill_help(tb_studio *studio, tb_list *list, const char *filter)
{
    static const unsigned places[] = {TB_WHERE_ANY, TB_WHERE_PROMPT, TB_WHERE_TAKES, TB_WHERE_VIEW};
    size_t n;
    const tb_operation *table = tb_operations(&n);
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        bool has_heading = false;
        for (size_t i = 0; i < n; i++) {
            char keys[96], text[200], slash[80] = "";
            const tb_operation *o = &table[i];
            tb_keymap_labels(&studio->keymap, (int)i, keys, sizeof keys);
            if (o->where != places[p] || (keys[0] == '\0' && o->slash == NULL))
                continue;
            if (o->slash != NULL)
                (void)snprintf(slash, sizeof slash, "/%s %s", o->slash,
                               o->argument != NULL ? o->argument : "");
            (void)snprintf(text, sizeof text, "%-22s %s", keys, o->title);
            if (filter[0] != '\0' && strcasestr(text, filter) == NULL &&
                strcasestr(slash, filter) == NULL)
                continue;
            if (!has_heading)
                tb_list_add(list, &(tb_item){.is_heading = true}, tb_where_title(places[p]), NULL,
                            NULL);
            has_heading = true;
            tb_list_add(list, &(tb_item){.value = (long)i}, text, slash, NULL);
        }
    }
}

static void run_chosen(tb_studio *studio, tb_list *list, const tb_item *item)
{
    (void)list;
    int operation = (int)item->value;
    tb_studio_close_overlay(studio);
    tb_operation_run(studio, operation, NULL);
}

static const tb_list_kind help = {.title = "KEYS",
                                  .hint = "type to filter   Enter does it   F1 or Esc closes ",
                                  .is_screen = true,
                                  .has_filter = true,
                                  .fill = fill_help,
                                  .choose = run_chosen,
                                  .overlay = TB_LIST_OVERLAY("help", true)};

void tb_open_help(tb_studio *studio)
{
    if (tb_overlay_state(studio, &help.overlay) != NULL)
        tb_studio_close_overlay(studio);
    else
        tb_open_list(studio, &help);
}

/* ---- palette ---- */

static void fill_palette(tb_studio *studio, tb_list *list, const char *filter)
{
    size_t n, n_found = 0;
    const tb_operation *table = tb_operations(&n);
    scored *found = calloc(n, sizeof *found);
    for (size_t i = 0; found != NULL && i < n; i++) {
        int score = table[i].is_quiet ? -1 : tb_fuzzy_score(table[i].title, filter);
        if (score >= 0)
            found[n_found++] = (scored){score, (int)i};
    }
    if (found != NULL && filter[0] != '\0')
        qsort(found, n_found, sizeof *found, by_score);
    for (size_t i = 0; i < n_found; i++) {
        const tb_operation *o = &table[found[i].index];
        char key[TB_KEY_NAME_MAX], right[64];
        tb_keymap_label(&studio->keymap, found[i].index, key);
        (void)snprintf(right, sizeof right, "%s", key);
        if (key[0] == '\0' && o->slash != NULL)
            (void)snprintf(right, sizeof right, "/%s", o->slash);
        const char *why = o->why_not != NULL ? o->why_not(studio) : NULL;
        tb_list_add(list, &(tb_item){.value = found[i].index}, o->title, right, why);
    }
    free(found);
}

static const tb_list_kind palette = {.title = "Commands",
                                     .hint = " type to filter, Enter, Esc ",
                                     .has_filter = true,
                                     .fill = fill_palette,
                                     .choose = run_chosen,
                                     .overlay = TB_LIST_OVERLAY("palette", false)};

void tb_open_palette(tb_studio *studio)
{
    tb_open_list(studio, &palette);
}

/* ---- old prompts ---- */

static void fill_history(tb_studio *studio, tb_list *list, const char *filter)
{
    const tb_history *h = &studio->history;
    long i = (long)h->n;
    while ((i = tb_history_search(h, filter, (size_t)i)) >= 0)
        tb_list_add(list, &(tb_item){.value = i}, h->items[i], NULL, NULL);
}

static void use_history(tb_studio *studio, tb_list *list, const tb_item *item)
{
    (void)list;
    long i = item->value;
    tb_studio_close_overlay(studio);
    tb_editor_set(&studio->editor, studio->history.items[i]);
    studio->focus = TB_FOCUS_PROMPT;
    tb_studio_prompt_changed(studio);
}

static const tb_list_kind old_prompts = {.title = "Old prompts",
                                         .hint = " type to search, Enter, Esc ",
                                         .has_filter = true,
                                         .fill = fill_history,
                                         .choose = use_history,
                                         .overlay = TB_LIST_OVERLAY("history", false)};

void tb_open_history(tb_studio *studio)
{
    tb_open_list(studio, &old_prompts);
}

/* ---- models ---- */

/* What Enter does, or what it is. */
static const char *word_of(const char *state)
{
    static const char *const words[][2] = {{"absent", "Enter downloads"},
                                           {"partial", "Enter continues the download"},
                                           {"whole", "installed"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], state) == 0)
            return words[i][1];
    return state;
}

static void fill_models(tb_studio *studio, tb_list *list, const char *filter)
{
    (void)filter;
    size_t i;
    json_t *model;
    json_array_foreach(studio->contact.models, i, model)
    {
        char text[200], right[80];
        const char *state = tb_member_text(model, "state"), *id = tb_member_text(model, "id");
        bool is_pulling = strcmp(studio->contact.pulling, id) == 0;
        (void)snprintf(text, sizeof text, "%-22s %s", id, tb_member_text(model, "title"));
        (void)snprintf(right, sizeof right, "%s%s", is_pulling ? "downloading" : word_of(state),
                       json_is_true(json_object_get(model, "is_default")) ? ", in use" : "");
        tb_list_add(list, &(tb_item){.value = (long)i}, text, right, NULL);
    }
}

static void pull_accepted(tb_studio *studio, const char *text, const char *user)
{
    size_t i;
    json_t *model;
    json_array_foreach(studio->contact.models, i,
                       model) if (strcmp(tb_member_text(model, "id"), user) == 0)
    {
        const char *licence = tb_member_text(model, "licence");
        if (strcmp(text, licence) == 0 || strcasecmp(text, "yes") == 0)
            tb_studio_pull(studio, user, licence);
        else
            tb_studio_toast(studio, TB_ROLE_WARN, "not downloaded: the licence was not accepted");
        return;
    }
}

static void choose_model(tb_studio *studio, tb_list *list, const tb_item *item)
{
    (void)list;
    const json_t *model = json_array_get(studio->contact.models, (size_t)item->value);
    char id[80], title[200];
    tb_error err = {0};
    (void)snprintf(id, sizeof id, "%s", tb_member_text(model, "id"));
    const char *state = tb_member_text(model, "state");
    if (strcmp(state, "absent") != 0 && strcmp(state, "partial") != 0) {
        if (tb_wishes_set(&studio->wishes, tb_wish_find("model_id"), id, &err) == TIMBRE_OK)
            tb_studio_toast(studio, TB_ROLE_OK, "the next takes are made with %s", id);
        tb_studio_close_overlay(studio);
        return;
    }
    (void)snprintf(title, sizeof title, "Accept the licence %s? Type yes to download %s",
                   tb_member_text(model, "licence"), id);
    tb_open_question(studio, title, "", pull_accepted, id);
}

static const tb_list_kind models = {.title = "Models",
                                    .hint = " Enter uses or downloads, Esc ",
                                    .fill = fill_models,
                                    .choose = choose_model,
                                    .overlay = TB_LIST_OVERLAY("models", false)};

void tb_open_models(tb_studio *studio)
{
    tb_open_list(studio, &models);
}

void tb_refresh_models(tb_studio *studio)
{
    tb_list *list = tb_overlay_state(studio, &models.overlay);
    if (list != NULL)
        tb_list_refill(studio, list);
}
