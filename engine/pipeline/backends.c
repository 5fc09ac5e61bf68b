/* The backends there are, which one runs a model, and what a model is called. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/utf8.h"
#include "engine/pipeline/backend.h"
#include "engine/pipeline/request.h"
#include "timbre/model.h"

const tb_backend *const tb_backends[TB_BACKEND_COUNT] = {&tb_backend_sketch, &tb_backend_riffusion};

enum { SKETCH, RIFFUSION };

tb_status tb_backend_find(const char *model_id, int *i_backend, tb_error *err)
{
    struct stat info;
    *i_backend = SKETCH;
    if (strcmp(model_id, tb_backend_sketch.name) == 0)
        return TIMBRE_OK;
    *i_backend = RIFFUSION;
    if (stat(model_id, &info) == 0)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_MODEL_MISSING, "there is no model '%.200s'", model_id);
    tb_fix(err, "name a folder or file of a model, or use --model sketch");
    return st;
}

int timbre_request_makes(const timbre_request *request, timbre_side side)
{
    int i = 0;
    return tb_backend_find(tb_request_model_path(request), &i, NULL) == TIMBRE_OK &&
           tb_backends[i]->side == side;
}

/* Links are followed for the names of folders, "." among them. A file has its own: links of the
 * Hugging Face cache lead to one whose name is a hash. */
void timbre_model_name(const char *model_id, char *out, size_t cap)
{
    struct stat info;
    bool is_path = strchr(model_id, '/') != NULL || model_id[0] == '.';
    bool is_file = is_path && stat(model_id, &info) == 0 && S_ISREG(info.st_mode);
    char *real = is_path && !is_file ? realpath(model_id, NULL) : NULL;
    const char *name = tb_path_name(real != NULL ? real : model_id);
    if (tb_utf8_require_text("model", name, strlen(name), TB_MODEL_ID_MAX_BYTES, NULL) != TIMBRE_OK)
        name = tb_path_name(model_id);
    (void)snprintf(out, cap, "%s", name);
    free(real);
}
