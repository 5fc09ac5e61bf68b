#include "cli/batch_model.h"

#include <string.h>
#include <unistd.h>

#include "hub/registry.h"

static bool has_source(const tb_known_model *model, const char *repo)
{
    for (size_t i = 0; i < model->n_sources; i++)
        if (strcmp(model->sources[i].repo, repo) == 0)
            return true;
    return false;
}

/* Of the known models that come from `repo` the first that is here; where none is, the error of the
 * first. False: no known model comes from it. */
static bool choose_by_repo(tb_app *app, const char *repo, tb_model_choice *out, tb_status *st,
                           tb_error *err)
{
    size_t n;
    bool is_known = false;
    const tb_known_model *models = tb_registry(&n);
    for (size_t i = 0; i < n && (!is_known || *st != TIMBRE_OK); i++) {
        if (!has_source(&models[i], repo))
            continue;
        tb_error why = {0};
        tb_model_choice_deinit(out);
        tb_status found = tb_model_choose_named(app, models[i].name, out, &why);
        if (found != TIMBRE_OK && is_known)
            continue;
        if (found != TIMBRE_OK && err != NULL)
            *err = why;
        is_known = true;
        *st = found;
    }
    return is_known;
}

tb_status tb_batch_model_choose(tb_app *app, const char *asked, tb_model_choice *out, tb_error *err)
{
    bool is_known;
    tb_status st = TIMBRE_OK;
    if (strcmp(asked, "sketch") == 0)
        return tb_model_choose_recorded(app, asked, out, &is_known, err);
    if (tb_model_is_name(app, asked))
        return tb_model_choose_named(app, asked, out, err);
    if (choose_by_repo(app, asked, out, &st, err))
        return st;
    st = tb_model_choose_at(app, asked, out, err);
    if (st != TIMBRE_OK || access(out->path, F_OK) == 0)
        return st;
    tb_model_choice_deinit(out);
    return tb_model_choose_recorded(app, asked, out, &is_known, err); /* says what there is */
}
