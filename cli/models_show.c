/* timbre models show: what is known of a model, what of it is here, and what the weights are. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/model_choice.h"
#include "cli/models.h"
#include "cli/show_model.h"
#include "cli/text.h"
#include "timbre/model.h"

tb_status tb_models_describe(tb_app *app, const char *path, const char *tokenizer, char **facts,
                             tb_error *err)
{
    tb_model_choice choice = {.tokenizer = (char *)(uintptr_t)tokenizer}; /* only read */
    char *vocabulary = NULL;
    *facts = NULL;
    tb_status st = tb_model_choice_tokenizer(app, &choice, &vocabulary, err);
    if (st == TIMBRE_OK)
        st = timbre_model_describe(path, vocabulary, facts, err);
    free(vocabulary);
    return st;
}

static json_t *commands_of(const tb_installed *model)
{
    bool is_to_fetch = model->state != TB_INSTALLED_WHOLE &&
                       model->provenance != TB_PROVENANCE_ADDED;
    return is_to_fetch ? json_sprintf("timbre models pull %s", model->name) : json_null();
}

/* Facts of the weights are added where the model is whole. New reference. */
static json_t *facts_of(tb_models *m, const tb_installed *model, const char *tokenizer,
                        bool is_default, tb_error *err)
{
    char *text = NULL;
    json_t *weights = json_null();
    if (model->state == TB_INSTALLED_WHOLE) {
        if (tb_models_describe(m->app, model->path, tokenizer, &text, err) != TIMBRE_OK)
            return NULL;
        weights = json_loads(text, 0, NULL);
        free(text);
    }
    json_t *facts = tb_models_to_json(model, is_default);
    const tb_known_model *known = model->known;
    tb_licence licence = tb_licence_get(model->licence);
    bool is_whole =
        facts != NULL && weights != NULL &&
        json_object_set_new(facts, "licence_title", tb_text_or_null(licence.title)) == 0 &&
        json_object_set_new(facts, "licence_asks", tb_text_or_null(licence.plain)) == 0 &&
        json_object_set_new(facts, "native_seconds",
                            known != NULL ? json_real(known->native_seconds) : json_null()) == 0 &&
        json_object_set_new(facts, "commit", tb_text_or_null(model->commit)) == 0 &&
        json_object_set_new(facts, "tokenizer", tb_text_or_null(model->tokenizer)) == 0 &&
        json_object_set_new(facts, "fetch", commands_of(model)) == 0 &&
        json_object_set(facts, "weights", weights) == 0;
    json_decref(weights);
    if (is_whole)
        return facts;
    json_decref(facts);
    (void)tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the model's facts");
    return NULL;
}

/* ---- for people ---- */

typedef enum { TEXT, BYTES, SECONDS, YES } fact_kind;

static const struct {
    const char *member, *label;
    fact_kind kind;
} lines[] = {
    {"name", "name", TEXT},
    {"title", "what it is", TEXT},
    {"state", "state", TEXT},
    {"missing", "missing", TEXT},
    {"fetch", "to fetch it", TEXT},
    {"is_default", "answers", YES},
    {"licence_title", "licence", TEXT},
    {"licence_asks", "which is", TEXT},
    {"native_seconds", "trained on", SECONDS},
    {"bytes", "size", BYTES},
    {"here_bytes", "of it here", BYTES},
    {"memory_bytes", "memory", BYTES},
    {"memory_low_bytes", "with low", BYTES},
    {"path", "where", TEXT},
    {"tokenizer", "vocabulary", TEXT},
    {"commit", "commit", TEXT},
};

static void print_fact(const json_t *value, fact_kind kind)
{
    char bytes[TB_BYTES_TEXT_MAX];
    switch (kind) {
    case TEXT:
        tb_print_clean(stdout, json_string_value(value));
        break;
    case BYTES:
        tb_bytes_format(json_integer_value(value), bytes);
        printf("%s", bytes);
        break;
    case SECONDS:
        printf("%.2f s at a time", json_number_value(value));
        break;
    case YES:
        printf("yes, when no model is named");
        break;
    }
}

/* What is not so, not known or not there has no line. */
static bool has_line(const json_t *value)
{
    return value != NULL && !json_is_null(value) && !json_is_false(value) &&
           !(json_is_integer(value) && json_integer_value(value) == 0);
}

static void print_facts(const json_t *facts)
{
    enum { LABEL_COLUMNS = 17 };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const json_t *value = json_object_get(facts, lines[i].member);
        if (!has_line(value))
            continue;
        printf("%-*s ", LABEL_COLUMNS, lines[i].label);
        print_fact(value, lines[i].kind);
        printf("\n");
    }
    const json_t *weights = json_object_get(facts, "weights");
    if (json_is_object(weights)) {
        printf("\nThe weights, after a look at every tensor:\n");
        tb_show_facts(weights);
    }
}

/* Takes the reference. */
static tb_status tell(const tb_models *m, json_t *facts, tb_error *err)
{
    if (m->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:o}", "schema", 1, "model", facts), err);
    print_facts(facts);
    json_decref(facts);
    return TIMBRE_OK;
}

tb_status tb_models_show(tb_models *m, int *exit_code, tb_error *err)
{
    *exit_code = 0;
    const tb_installed *model = NULL;
    tb_model_choice standing = {0}, choice = {0};
    tb_error ignored = {0}; /* the one that answers may be missing */
    bool is_sketch = strcmp(m->operands[0], "sketch") == 0;
    tb_status st = is_sketch ? tb_models_read(m, err)
                             : tb_models_find(m, m->operands[0], &model, err);
    if (st != TIMBRE_OK)
        return st;
    (void)!tb_model_choose_from(m->app, &m->list, &standing, &ignored);
    bool is_default = standing.id != NULL && strcmp(standing.id, m->operands[0]) == 0;
    tb_model_choice_deinit(&standing);
    if (is_sketch)
        return tell(m, tb_models_sketch_to_json(is_default), err);
    if (model->state == TB_INSTALLED_WHOLE)
        st = tb_model_choose_named(m->app, model->name, &choice, err);
    json_t *facts = st == TIMBRE_OK ? facts_of(m, model, choice.tokenizer, is_default, err) : NULL;
    tb_model_choice_deinit(&choice);
    return facts == NULL ? err->code : tell(m, facts, err);
}
