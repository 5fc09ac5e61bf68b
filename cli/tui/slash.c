/* Commands that fit what is typed after a slash, above the prompt. Enter completes the beginning of
 * a name and never runs a guess. */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/studio.h"
#include "timbre/request.h"

enum { MATCHES_MAX = 8 };

typedef struct {
    const char *name, *argument, *help;
    int field; /* -1: an operation's */
} match;

static bool begins(const char *name, const char *typed, size_t n)
{
    return strncmp(name, typed, n) == 0;
}

/* Names that begin with what is typed, the shortest of which is first in its table. */
static int find(const tb_studio *studio, match out[MATCHES_MAX])
{
    const char *typed = tb_editor_text(&studio->editor) + 1;
    size_t n_typed = strlen(typed), n;
    int n_found = 0;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n && n_found < MATCHES_MAX; i++)
        if (tb_wish_find(fields[i].name) >= 0 && begins(fields[i].flag, typed, n_typed))
            out[n_found++] = (match){fields[i].flag, fields[i].value_name, fields[i].help, (int)i};
    const tb_operation *table = tb_operations(&n);
    for (size_t i = 0; i < n && n_found < MATCHES_MAX; i++)
        if (table[i].slash != NULL && begins(table[i].slash, typed, n_typed))
            out[n_found++] = (match){table[i].slash, table[i].argument, table[i].title, -1};
    return n_found;
}

bool tb_slash_is_open(const tb_studio *studio)
{
    const char *text = tb_editor_text(&studio->editor);
    return text[0] == '/' && strpbrk(text, " \n") == NULL && studio->focus == TB_FOCUS_PROMPT;
}

static int chosen(const tb_studio *studio, int n)
{
    int i = studio->slash_choice % n;
    return i < 0 ? i + n : i;
}

bool tb_complete_slash(tb_studio *studio)
{
    match found[MATCHES_MAX];
    int n = tb_slash_is_open(studio) ? find(studio, found) : 0;
    if (n == 0)
        return false;
    const match *m = &found[chosen(studio, n)];
    if (strcmp(m->name, tb_editor_text(&studio->editor) + 1) == 0 &&
        (m->argument == NULL || m->field >= 0))
        return false; /* whole: Enter runs it */
    char *text = tb_strf("/%s%s", m->name, m->argument != NULL ? " " : "");
    if (text != NULL)
        tb_editor_set(&studio->editor, text);
    free(text);
    studio->slash_choice = 0;
    tb_studio_prompt_changed(studio);
    return true;
}

void tb_draw_slash(tb_studio *studio)
{
    match found[MATCHES_MAX];
    int n = tb_slash_is_open(studio) && studio->overlay == NULL ? find(studio, found) : 0;
    const tb_area prompt = studio->layout.prompt;
    int bottom = prompt.row - 1;
    if (n == 0 || bottom < n)
        return;
    tb_area box = {bottom - n, 0, n, studio->canvas.columns};
    tb_draw_fill(&studio->canvas, box, (tb_ink){0});
    for (int i = 0; i < n; i++) {
        tb_ink ink = {.attrs = i == chosen(studio, n) ? TB_ATTR_REVERSE : 0};
        tb_area row = {box.row + i, 0, 1, box.columns};
        tb_draw_fill(&studio->canvas, row, ink);
        char *name = tb_strf("/%s %s", found[i].name, found[i].argument ? found[i].argument : "");
        int wide = box.columns / 3 < 30 ? box.columns / 3 : 30;
        (void)tb_draw_cut(&studio->canvas, row, 0, 2, wide - 2, name != NULL ? name : "", ink);
        (void)tb_draw_cut(&studio->canvas, row, 0, wide + 1, box.columns - wide - 1,
                          found[i].help != NULL ? found[i].help : "", ink);
        if (found[i].field >= 0) {
            char *now = tb_strf(" %s ", tb_wishes_shown(&studio->wishes, found[i].field));
            (void)tb_draw_right(&studio->canvas, row, 0, now != NULL ? now : "", ink);
            free(now);
        }
        free(name);
    }
}
