/* Settings of the next takes, from the field table: arrows change choices, Enter takes a value. */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/overlay_list.h"

static void fill(tb_studio *studio, tb_list *list, const char *filter)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++) {
        char text[160];
        if (tb_wish_find(fields[i].name) < 0)
            continue;
        (void)snprintf(text, sizeof text, "%-20s %s", fields[i].flag, fields[i].help);
        if (tb_fuzzy_score(text, filter) < 0)
            continue;
        const char *shown = tb_wishes_shown(&studio->wishes, (int)i);
        tb_list_add(list, &(tb_item){.value = (long)i}, text, shown[0] != '\0' ? shown : "-", NULL);
    }
}

static void set_value(tb_studio *studio, const char *text, const char *user)
{
    tb_error err = {0};
    int field = atoi(user);
    tb_status st = tb_wishes_set(&studio->wishes, field, text, &err);
    tb_open_settings(studio);
    if (st != TIMBRE_OK)
        tb_studio_toast_error(studio, &err);
}

static void choose(tb_studio *studio, tb_list *list, const tb_item *item)
{
    (void)list;
    size_t n;
    char user[16], title[200];
    const timbre_field *field = &timbre_request_fields(&n)[item->value];
    const char *now = studio->wishes.text[item->value];
    (void)snprintf(user, sizeof user, "%ld", item->value);
    (void)snprintf(title, sizeof title, "%s (empty: %s)", field->flag,
                   field->default_text != NULL ? field->default_text : "as the model has it");
    tb_open_question(studio, title, now != NULL ? now : "", set_value, user);
}

/* The choice after or before the one in force; a switch turns over. */
static const char *other_choice(const timbre_field *field, const char *now, int step)
{
    static const char *const on_off[] = {"false", "true", NULL};
    const char *const *choices = field->type == TIMBRE_FIELD_BOOLEAN ? on_off : field->choices;
    int n = 0, at = -1;
    if (choices == NULL)
        return NULL;
    for (; choices[n] != NULL; n++)
        if (strcmp(choices[n], now) == 0)
            at = n;
    return at < 0 ? choices[step > 0 ? 0 : n - 1] : choices[(at + step + n) % n];
}

static bool key(tb_studio *studio, tb_list *list, const tb_item *item, tb_key key)
{
    size_t n;
    tb_error err = {0};
    bool is_arrow = key.code == TB_KEY_LEFT || key.code == TB_KEY_RIGHT;
    if (item == NULL || (!is_arrow && key.code != TB_KEY_DELETE))
        return false;
    int field = (int)item->value;
    const char *other = NULL;
    if (is_arrow)
        other = other_choice(&timbre_request_fields(&n)[field],
                             tb_wishes_shown(&studio->wishes, field),
                             key.code == TB_KEY_LEFT ? -1 : 1);
    if (is_arrow && other == NULL)
        return true;
    if (tb_wishes_set(&studio->wishes, field, other, &err) != TIMBRE_OK)
        tb_studio_toast_error(studio, &err);
    tb_list_refill(studio, list);
    return true;
}

static const tb_list_kind settings = {.title = "Settings of the next take",
                                      .hint = " Enter changes, arrows choose, Del: default, Esc ",
                                      .has_filter = true,
                                      .fill = fill,
                                      .choose = choose,
                                      .key = key,
                                      .overlay = TB_LIST_OVERLAY("settings", false)};

void tb_open_settings(tb_studio *studio)
{
    tb_open_list(studio, &settings);
}
