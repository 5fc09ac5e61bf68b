#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/paths.h"
#include "engine/base/content.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"

/* "a, b, c" of what the field knows without a file. */
static void fix_with_names(const char *field, tb_error *err)
{
    tb_str list = {0};
    tb_str_append_words(&list, timbre_input_names(field));
    tb_fix(err, "a file, a take such as '#12', or one of: %s", tb_str_text(&list));
    tb_str_deinit(&list);
}

static tb_status find_folder(const char *data_dir, char **out, tb_error *err)
{
    char *data = NULL;
    tb_status st = tb_path_data(data_dir, &data, err);
    *out = st == TIMBRE_OK ? tb_strf("%s/inputs", data) : NULL;
    free(data);
    if (st == TIMBRE_OK && *out == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    return st;
}

tb_status tb_input_keep(const char *data_dir, const char *field, const char *text, char **value,
                        tb_error *err)
{
    char hex[TB_SHA256_HEX_BYTES], *folder = NULL, *path = NULL;
    bool is_known = timbre_input_has_name(field, text) || timbre_is_input_id(text);
    *value = NULL;
    tb_status st = tb_path_expand(field, text, &path, err);
    if (st == TIMBRE_OK && !is_known && access(path, F_OK) != 0) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.200s' is no file and no name", field, text);
        fix_with_names(field, err);
    }
    if (st == TIMBRE_OK && !is_known)
        st = find_folder(data_dir, &folder, err);
    if (st == TIMBRE_OK && !is_known)
        st = tb_content_keep(folder, path, TB_INPUT_MAX_BYTES, hex, err);
    if (st == TIMBRE_OK && (*value = tb_strdup(is_known ? text : hex)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an input");
    free(folder);
    free(path);
    return st;
}

tb_status tb_input_set(tb_app *app, timbre_request *request, const char *field, const char *text,
                       tb_error *err)
{
    char *value = NULL;
    tb_status st = tb_input_keep(tb_args_value(&app->args, "data-dir"), field, text, &value, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set(request, field, value, err);
    free(value);
    return st;
}

tb_status tb_inputs_find(tb_app *app, timbre_request *request, tb_error *err)
{
    char *folder = NULL;
    tb_error why = {0};
    /* without a data folder there are no copies, and none is needed unless one is named */
    tb_status st = find_folder(tb_args_value(&app->args, "data-dir"), &folder, &why);
    st = timbre_request_find_inputs(request, st == TIMBRE_OK ? folder : "", err);
    free(folder);
    return st;
}
