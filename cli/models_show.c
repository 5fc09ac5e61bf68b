/* timbre models show: what is known of a model, what of it is here, and what the weights are. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
                       model->provenance != TB_PROVENANCE_ADDED &&
                       model->provenance != TB_PROVENANCE_SHIPPED;
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

/* A path, or a name that only a folder or file here has: what `timbre show` says of it. */
static bool is_only_a_path(const tb_models *m, const char *name)
{
    return tb_installed_find(&m->list, name) == NULL && access(name, F_OK) == 0;
}

static tb_status point_to_show(const char *path, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_MODEL_MISSING,
                           "there is no model '%.200s', but a file or folder of that name", path);
    tb_fix(err, "timbre show '%.200s' describes it", path);
    return st;
}

static tb_status show_sketch(const tb_models *m, tb_error *err)
{
    static const char title[] = "the built-in band: music from the prompt's words, no AI model";
    if (m->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:{s:s, s:s, s:s}}", "schema", 1, "model", "name",
                                       "sketch", "title", title, "state", "built-in"),
                             err);
    printf("sketch: %s.\n  state     built in; nothing to fetch\n", title);
    printf("  use it    timbre generate --model sketch\n");
    return TIMBRE_OK;
}

static void print_fact(const char *label, const char *text)
{
    if (text == NULL)
        return;
    printf("  %-9s ", label);
    tb_print_clean(stdout, text);
    printf("\n");
}

/* Its clauses, one a line: as a whole it is too long for a terminal. */
static void print_sentence(const char *text)
{
    const char *at = text == NULL ? "" : text;
    for (size_t length; (length = strcspn(at, ";")) > 0; at += strspn(at, "; ")) {
        printf("            %.*s\n", (int)length, at);
        at += length;
    }
}

/* A model that cannot be opened yet, in words: what it is, what it takes, what to do. */
static void print_not_here(const tb_installed *model)
{
    const tb_known_model *known = model->known;
    char a[TB_BYTES_TEXT_MAX], b[TB_BYTES_TEXT_MAX];
    tb_licence licence = tb_licence_get(model->licence);
    tb_print_clean(stdout, model->name);
    printf("%s%s.\n", known != NULL ? ": " : "", known != NULL ? known->title : "");
    tb_bytes_format(model->len_bytes, a);
    if (model->state == TB_INSTALLED_ABSENT)
        print_fact("state", "not here");
    else if (model->n_missing == 0)
        printf("  state     begun, %s are here\n", a);
    else
        printf("  state     partly here, %s; %zu file%s missing\n", a, model->n_missing,
               model->n_missing == 1 ? "" : "s");
    if (known != NULL) {
        tb_bytes_format(known->about_bytes, a);
        printf("  download  %s\n", a);
        tb_bytes_format(known->memory_bytes, a);
        tb_bytes_format(known->memory_low_bytes, b);
        printf("  memory    %s for a take of 5 s, %s with --memory low\n", a, b);
    }
    print_fact("licence", tb_licence_name(model->licence));
    print_sentence(licence.plain);
    char *remedy = tb_installed_remedy(model);
    print_fact("get it", remedy == NULL ? "" : remedy);
    free(remedy);
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
    {"is_default", "answers", YES},
    {"licence_title", "licence", TEXT},
    {"native_seconds", "trained on", SECONDS},
    {"bytes", "size", BYTES},
    {"memory_bytes", "memory", BYTES},
    {"memory_low_bytes", "with low", BYTES},
    {"path", "where", TEXT},
    {"tokenizer", "vocabulary", TEXT},
    {"commit", "commit", TEXT},
};

static void print_member(const json_t *value, fact_kind kind)
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
        print_member(value, lines[i].kind);
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
    if (strcmp(m->operands[0], "sketch") == 0)
        return show_sketch(m, err);
    tb_status st = tb_models_find(m, m->operands[0], &model, err);
    if (st == TIMBRE_MODEL_MISSING && is_only_a_path(m, m->operands[0]))
        return point_to_show(m->operands[0], err);
    if (st != TIMBRE_OK)
        return st;
    if (model->state != TB_INSTALLED_WHOLE && !m->app->wants_json) {
        print_not_here(model);
        return TIMBRE_OK;
    }
    (void)!tb_model_choose_from(m->app, &m->list, &standing, &ignored);
    bool is_default = standing.id != NULL && strcmp(standing.id, model->name) == 0;
    tb_model_choice_deinit(&standing);
    if (model->state == TB_INSTALLED_WHOLE)
        st = tb_model_choose_named(m->app, model->name, &choice, err);
    json_t *facts = st == TIMBRE_OK ? facts_of(m, model, choice.tokenizer, is_default, err) : NULL;
    tb_model_choice_deinit(&choice);
    return facts == NULL ? err->code : tell(m, facts, err);
}
