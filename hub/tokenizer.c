#include "hub/tokenizer.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/path.h"
#include "engine/base/str.h"

/* Whether a file of weights has a vocabulary beside it; folders have their own. */
static bool has_vocabulary(const char *path)
{
    static const char *const places[] = {"tokenizer/vocab.json", "vocab.json"};
    struct stat info;
    bool has = stat(path, &info) != 0 || S_ISDIR(info.st_mode);
    int folder_bytes = (int)(tb_path_name(path) - path); /* with the slash */
    for (size_t i = 0; !has && i < sizeof places / sizeof places[0]; i++) {
        char *file = tb_strf("%.*s%s", folder_bytes, path, places[i]);
        has = file != NULL && access(file, F_OK) == 0;
        free(file);
    }
    return has;
}

tb_status tb_installed_tokenizer(const tb_installed_list *list, const char *path, char **out,
                                 tb_error *err)
{
    *out = NULL;
    if (has_vocabulary(path))
        return TIMBRE_OK;
    for (size_t i = 0; i < list->n; i++) {
        const tb_installed *item = &list->items[i];
        if (item->known == NULL || item->state != TB_INSTALLED_WHOLE)
            continue;
        *out = item->tokenizer != NULL ? tb_strdup(item->tokenizer)
                                       : tb_strf("%s/tokenizer", item->path);
        return *out != NULL ? TIMBRE_OK
                            : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a vocabulary's path");
    }
    return TIMBRE_OK;
}
