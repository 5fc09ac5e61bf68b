#include "cli/inbox.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/str.h"

static char *format_note(const timbre_take *take)
{
    json_t *note = json_loads(timbre_take_sidecar(take), 0, NULL);
    json_t *path = json_string(timbre_take_path(take));
    char *text = NULL;
    if (path == NULL) /* a path that is no UTF-8 cannot stand in JSON */
        json_decref(note);
    else if (json_object_set_new(note, "path", path) == 0)
        text = json_dumps(note, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    if (path != NULL)
        json_decref(note);
    return text;
}

tb_status tb_inbox_write(const char *data_dir, const timbre_take *take, tb_error *err)
{
    char *folder = tb_strf("%s/inbox", data_dir);
    char *path = tb_strf("%s/inbox/%s.json", data_dir, timbre_take_id(take));
    char *note = format_note(take);
    tb_status st;
    if (folder == NULL || path == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    else if (note == NULL)
        st = tb_fail(err, TIMBRE_FAILED, "the take's path cannot be written as JSON");
    else
        st = tb_dir_make(folder, err);
    if (st == TIMBRE_OK)
        st = tb_file_write(path, note, strlen(note), true, err);
    free(folder);
    free(path);
    free(note);
    return st;
}
