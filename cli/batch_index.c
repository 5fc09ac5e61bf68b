#include "cli/batch_index.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/text.h"
#include "engine/base/file.h"
#include "engine/base/path.h"

enum { SCHEMA = 1, MAX_BYTES = 1 << 28 /* the longest prompts in as many takes as there may be */ };

static json_t *name_of(const char *path)
{
    return path == NULL ? NULL : tb_text_to_json(tb_path_name(path));
}

tb_status tb_batch_index_add(json_t *takes, const tb_batch_row *row, tb_error *err)
{
    json_t *json = json_pack(
        "{s:s, s:i, s:O, s:O*, s:O*, s:s, s:o*, s:o*, s:o*}", "params", row->set, "entry",
        (int)row->i_entry, "prompt", row->prompt, "negative_prompt", row->negative_prompt, "seed",
        row->seed, "status", row->status, "audio", name_of(row->audio), "image",
        name_of(row->image), "error", row->error == NULL ? NULL : tb_error_to_json(row->error));
    return json_array_append_new(takes, json) == 0
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the index");
}

tb_status tb_batch_index_write(const char *path, json_t *takes, tb_error *err)
{
    json_t *json = json_pack("{s:i, s:O}", "schema", SCHEMA, "takes", takes);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    tb_status st = text == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the index")
                                : tb_file_write(path, text, strlen(text), true, err);
    free(text);
    json_decref(json);
    return st;
}

tb_status tb_batch_index_check(const char *path, tb_error *err)
{
    char *text = NULL;
    size_t len_bytes = 0;
    if (access(path, F_OK) != 0)
        return TIMBRE_OK;
    tb_status st = tb_file_read(path, MAX_BYTES, &text, &len_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    json_t *json = json_loadb(text, len_bytes, 0, NULL);
    bool is_ours = json_is_integer(json_object_get(json, "schema")) &&
                   json_is_array(json_object_get(json, "takes"));
    json_decref(json);
    free(text);
    if (is_ours)
        return TIMBRE_OK;
    st = tb_fail(err, TIMBRE_EXISTS, "'%s' is there and is not of a batch", path);
    tb_fix(err, "name another folder with --output");
    return st;
}
