#include "cli/take_ref.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client/client.h"
#include "cli/client/row.h"
#include "cli/commands.h"
#include "engine/base/str.h"

/* What stands behind /artifacts/, or NULL where a file is meant. */
static const char *find_id(const char *text)
{
    bool is_number = text[0] == '#' && text[1] != '\0' &&
                     text[1 + strspn(text + 1, "0123456789")] == '\0';
    if ((!is_number && strcmp(text, "last") != 0) || access(text, F_OK) == 0)
        return NULL;
    return is_number ? text + 1 : text;
}

static tb_status take_path(const json_t *take, char **path, tb_error *err)
{
    const char *file = tb_member_text(take, "artifact_path");
    if (strcmp(tb_member_text(take, "state"), "trashed") == 0) {
        long long number = json_integer_value(json_object_get(take, "number"));
        tb_status st = tb_fail(err, TIMBRE_GONE, "take %lld is in the trash", number);
        tb_fix(err, "timbre takes restore %lld", number);
        return st;
    }
    if (file[0] == '\0')
        return tb_fail(err, TIMBRE_GONE, "the take has no file");
    *path = tb_strdup(file);
    return *path != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

tb_status tb_take_ref_resolve(tb_app *app, const char *text, char **path, tb_error *err)
{
    const char *id = find_id(text);
    if (id == NULL) {
        *path = tb_strdup(text);
        return *path != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    }
    if (tb_settings_text(&app->settings, "worker.url")[0] != '\0') {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "the take %.40s is on the worker's machine and has no file here",
                               text);
        tb_fix(err, "timbre takes path '%.40s' says where it is there", text);
        return st;
    }
    tb_client client = {0};
    json_t *take = NULL;
    char *address = tb_strf("/artifacts/%s", id);
    tb_status st = address != NULL ? tb_client_open(app, TB_CLIENT_START, &client, err)
                                   : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    if (st == TIMBRE_OK)
        st = tb_client_call(&client, "GET", address, NULL, NULL, &take, err);
    if (st == TIMBRE_OK)
        st = take_path(take, path, err);
    if (st == TIMBRE_OK && tb_member_text(take, "title")[0] != '\0') {
        free(app->take_title);
        app->take_title = tb_strdup(tb_member_text(take, "title")); /* NULL: as if it had none */
    }
    json_decref(take);
    tb_client_close(&client);
    free(address);
    return st;
}

static tb_status apply(tb_app *app, const char **text, char **owned, tb_error *err)
{
    if (find_id(*text) == NULL)
        return TIMBRE_OK;
    tb_status st = tb_take_ref_resolve(app, *text, owned, err);
    if (st == TIMBRE_OK)
        *text = *owned;
    return st;
}

/* Options whose file may be a take's. */
static const char *const file_options[] = {"from", "vary", "init", "mask", "compare"};

enum { N_FILE_OPTIONS = sizeof file_options / sizeof *file_options };

_Static_assert(1 + N_FILE_OPTIONS <= TB_TAKE_PATHS_MAX, "a place for each of them");

tb_status tb_take_ref_apply(tb_app *app, tb_error *err)
{
    tb_args *args = &app->args;
    tb_operand_kind kind = args->command->operand_kind;
    tb_status st = TIMBRE_OK;
    if (args->n_operands > 0 && (kind == TB_OPERAND_FILE || kind == TB_OPERAND_AUDIO))
        st = apply(app, &args->operands[0], &app->take_paths[0], err);
    for (size_t k = 0; k < N_FILE_OPTIONS; k++)
        for (size_t i = args->n_items; st == TIMBRE_OK && i-- > 0;) {
            const char *name = args->items[i].option.name;
            if (name == NULL || strcmp(name, file_options[k]) != 0)
                continue;
            st = apply(app, &args->items[i].value, &app->take_paths[1 + k], err);
            break; /* the last one counts */
        }
    return st;
}
