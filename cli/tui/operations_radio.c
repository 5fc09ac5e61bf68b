/* /radio: the radio gets the terminal, with its line and its keys, and gives it back at its end.
 * The clips are takes of the same worker: they stand in the list afterwards. */
#include <stdlib.h>
#include <string.h>

#include "cli/radio_plan.h"
#include "cli/tui/operation_list.h"
#include "cli/tui/studio.h"

enum { ARGUMENTS_MAX = 2 * TB_WISHES_MAX + 4 };

/* Texts of an argument vector; all owned. */
typedef struct {
    char *text[ARGUMENTS_MAX + 1];
    int n;
    bool has_failed;
} arguments;

/* Takes the text. */
static void add(arguments *a, char *text)
{
    a->has_failed |= text == NULL || a->n == ARGUMENTS_MAX;
    if (a->n < ARGUMENTS_MAX)
        a->text[a->n++] = text;
    else
        free(text);
}

static void deinit(arguments *a)
{
    for (int i = 0; i < a->n; i++)
        free(a->text[i]);
}

/* The settings of the next take go along, but for those that a radio decides itself. */
static void add_wishes(arguments *a, const tb_wishes *wishes)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    json_t *asked = tb_wishes_to_json(wishes);
    a->has_failed |= asked == NULL;
    for (const char *own; asked != NULL && (own = tb_radio_find_own_field(asked)) != NULL;)
        (void)json_object_del(asked, own);
    for (size_t i = 0; asked != NULL && i < n; i++) {
        const char *value = tb_wishes_text(wishes, fields[i].name);
        if (value == NULL || json_object_get(asked, fields[i].name) == NULL)
            continue;
        bool is_switch = fields[i].type == TIMBRE_FIELD_BOOLEAN;
        bool is_off = is_switch && !json_is_true(json_object_get(asked, fields[i].name));
        add(a, tb_strf("--%s%s", is_off ? "no-" : "", fields[i].flag));
        if (!is_switch)
            add(a, tb_strdup(value));
    }
    json_decref(asked);
}

static void run(tb_studio *studio, const char *way)
{
    const char *url = tb_settings_text(&studio->app->settings, "worker.url");
    char *program = tb_studio_program();
    arguments a = {0};
    add(&a, tb_strdup(program != NULL ? program : "timbre"));
    add(&a, tb_strdup("radio"));
    add_wishes(&a, &studio->wishes);
    add(&a, tb_strdup("--"));
    add(&a, tb_strdup(way));
    if (url[0] != '\0') /* the one that /worker chose */
        (void)setenv("TIMBRE_WORKER_URL", url, 1);
    if (studio->playback.sound != NULL)
        tb_sound_pause(studio->playback.sound, true);
    int status = a.has_failed ? -1 : tb_studio_run_program(studio, a.text);
    if (status == 0 || status > 128) /* q, or Ctrl+C */
        tb_studio_toast(studio, TB_ROLE_OK, "the radio is off; its clips are in the list");
    else
        tb_studio_toast(studio, TB_ROLE_ERROR, "the radio ended with status %d: timbre radio '%s'",
                        status, way);
    deinit(&a);
    free(program);
}

TB_DO(radio)
{
    (void)self;
    if (argument == NULL || argument[0] == '\0')
        tb_studio_toast(studio, TB_ROLE_TEXT, "/radio rain on a roof -> church bells");
    else
        run(studio, argument);
}
