/* Operations on the prompt and on the settings of the next takes. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tui/operation_list.h"
#include "cli/tui/studio.h"
#include "engine/base/file.h"
#include "engine/base/utf8.h"

enum { COUNT_MAX = 64 };

TB_DO(submit)
{
    (void)self, (void)argument;
    if (tb_editor_text(&studio->editor)[0] == '\0' && studio->collection.n_rows == 0)
        tb_editor_set(&studio->editor, tb_example_text(studio));
    else if (!tb_complete_slash(studio))
        tb_studio_submit(studio);
}

/* Past the first and the last row it is the history's turn; on the empty screen the examples'. */
static void leave_row(tb_studio *studio, int step)
{
    const char *text = tb_editor_text(&studio->editor);
    if (studio->collection.n_rows == 0 && text[0] == '\0' && studio->history.n == 0) {
        studio->example += step;
        return;
    }
    const char *other = tb_history_step(&studio->history, step, text);
    if (other != NULL)
        tb_editor_set(&studio->editor, other);
}

TB_DO(edit)
{
    (void)argument;
    tb_edit edit = (tb_edit)self->value;
    if (tb_slash_is_open(studio) && (edit == TB_EDIT_UP || edit == TB_EDIT_DOWN)) {
        studio->slash_choice += edit == TB_EDIT_UP ? -1 : 1;
        return;
    }
    bool did = tb_editor_edit(&studio->editor, edit);
    if (!did && (edit == TB_EDIT_UP || edit == TB_EDIT_DOWN))
        leave_row(studio, edit == TB_EDIT_UP ? -1 : 1);
    studio->slash_choice = 0;
    tb_studio_prompt_changed(studio);
}

/* The text as the editor left it; owned, NULL: it could not be read. */
static char *edited(tb_studio *studio, const char *path)
{
    char *text = NULL;
    size_t n = 0;
    tb_error err = {0};
    if (tb_file_read(path, TB_EDITOR_MAX_BYTES, &text, &n, &err) != TIMBRE_OK) {
        tb_studio_toast_error(studio, &err);
        return NULL;
    }
    if (tb_utf8_check(text, n) != n) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "what the editor wrote is no UTF-8");
        free(text);
        return NULL;
    }
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    return text;
}

TB_DO(editor)
{
    (void)self, (void)argument;
    const char *program = getenv("VISUAL") != NULL ? getenv("VISUAL") : getenv("EDITOR");
    const char *before = tb_editor_text(&studio->editor);
    char *path = tb_strf("%s/prompt.txt", studio->cache_dir);
    char *command = path != NULL
                        ? tb_strf("%s '%s'", program != NULL && *program != '\0' ? program : "vi",
                                  path)
                        : NULL;
    tb_error err = {0};
    if (command == NULL || tb_file_write(path, before, strlen(before), true, &err) != TIMBRE_OK) {
        tb_studio_toast_error(studio, &err);
    } else {
        char shell[] = "sh", flag[] = "-c";
        char *argv[] = {shell, flag, command, NULL};
        int status = tb_studio_run_program(studio, argv);
        char *text = status == 0 ? edited(studio, path) : NULL;
        if (status != 0)
            tb_studio_toast(studio, TB_ROLE_ERROR, "the editor '%s' ended with %d",
                            program != NULL ? program : "vi", status);
        if (text != NULL)
            tb_editor_set(&studio->editor, text);
        free(text);
        tb_studio_prompt_changed(studio);
    }
    if (path != NULL)
        (void)unlink(path);
    free(command);
    free(path);
}

TB_DO(count)
{
    (void)self;
    char *rest = NULL;
    long n = argument != NULL ? strtol(argument, &rest, 10) : 0;
    if (argument == NULL || rest == argument || n < 1 || n > COUNT_MAX) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "/count 1 .. %d PROMPT", COUNT_MAX);
        return;
    }
    rest += strspn(rest, " ");
    if (rest[0] == '\0') {
        tb_studio_toast(studio, TB_ROLE_ERROR, "/count %ld of what? The prompt follows it", n);
        return;
    }
    for (long i = 0; i < n && tb_studio_generate(studio, rest, &studio->wishes); i++)
        ;
}

/* "length=3 steps=20 PROMPT": one take with other settings. */
TB_DO(with)
{
    (void)self;
    tb_error err = {0};
    tb_wishes wishes = {0};
    json_t *now = tb_wishes_to_json(&studio->wishes);
    tb_wishes_from_json(&wishes, now);
    json_decref(now);
    const char *at = argument != NULL ? argument : "";
    tb_status st = TIMBRE_OK;
    for (;;) {
        size_t n = strcspn(at, " \n"), key = strcspn(at, "= \n");
        if (at[key] != '=')
            break;
        char name[64], value[256];
        (void)snprintf(name, sizeof name, "%.*s", (int)key, at);
        (void)snprintf(value, sizeof value, "%.*s", (int)(n - key - 1), at + key + 1);
        int field = tb_wish_find(name);
        st = field >= 0 ? tb_wishes_set(&wishes, field, value, &err)
                        : tb_fail(&err, TIMBRE_BAD_INPUT, "there is no setting '%s'", name);
        if (st != TIMBRE_OK)
            break;
        at += n;
        at += strspn(at, " \n");
    }
    if (st != TIMBRE_OK)
        tb_studio_toast_error(studio, &err);
    else if (at[0] == '\0')
        tb_studio_toast(studio, TB_ROLE_ERROR, "/with length=3 seed=1 PROMPT");
    else
        (void)tb_studio_generate(studio, at, &wishes);
    tb_wishes_deinit(&wishes);
}

static void save_preset(tb_studio *studio, const char *text, const char *user)
{
    (void)user;
    if (text[0] != '\0')
        tb_studio_save_preset(studio, text);
}

TB_DO(preset_save)
{
    (void)self;
    if (argument != NULL && argument[0] != '\0')
        tb_studio_save_preset(studio, argument);
    else
        tb_open_question(studio, "Keep the settings under the name", "", save_preset, "");
}

TB_DO(preset_use)
{
    (void)self;
    if (argument != NULL && argument[0] != '\0')
        tb_studio_use_preset(studio, argument);
    else
        tb_studio_toast(studio, TB_ROLE_ERROR, "/use NAME: which preset?");
}

TB_DO(reset)
{
    (void)self, (void)argument;
    tb_wishes_deinit(&studio->wishes);
    tb_wishes_init(&studio->wishes, studio->app);
    tb_studio_toast(studio, TB_ROLE_OK, "settings are as they were at the start");
}
