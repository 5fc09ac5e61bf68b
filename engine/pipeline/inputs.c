/* Fields whose values are files: called by a name that is known, or by their content. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/str.h"
#include "engine/pipeline/mask_image.h"
#include "engine/pipeline/rework.h"

const char *const *timbre_input_names(const char *name)
{
    if (strcmp(name, "init") == 0)
        return tb_seed_names;
    return strcmp(name, "mask") == 0 ? tb_mask_names : NULL;
}

int timbre_input_has_name(const char *name, const char *text)
{
    const char *const *known = timbre_input_names(name);
    while (known != NULL && *known != NULL && strcmp(*known, text) != 0)
        known++;
    return known != NULL && *known != NULL;
}

int timbre_is_input_id(const char *text)
{
    return strlen(text) == TB_SHA256_HEX_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == TB_SHA256_HEX_BYTES - 1;
}

tb_status timbre_request_find_inputs(timbre_request *request, const char *folder, tb_error *err)
{
    size_t n_fields;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < n_fields; i++) {
        const char *id = timbre_request_text(request, fields[i].name);
        if (!fields[i].is_input || !timbre_is_input_id(id))
            continue;
        char *path = tb_strf("%s/%s", folder, id);
        if (path == NULL)
            return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
        st = access(path, R_OK) == 0
                 ? timbre_request_place_input(request, fields[i].name, path, err)
                 : tb_rework_fail_missing(fields[i].name, id, err);
        free(path);
    }
    return st;
}
