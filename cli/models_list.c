/* timbre models list and path: what there is, which model answers and why, and where it lies. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/model_choice.h"
#include "cli/models.h"
#include "cli/text.h"
#include "engine/base/utf8.h"

static const char built_in[] = "sketch";

/* What a model takes when it is whole, 0: not known. */
static int64_t size_of(const tb_installed *model)
{
    bool is_rest_known = model->known != NULL && model->state != TB_INSTALLED_WHOLE;
    return is_rest_known ? model->known->about_bytes : model->len_bytes;
}

static json_t *sketch_to_json(bool is_default)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:n, s:n, s:i, s:n, s:n, s:n, s:i, s:n, s:b}", "name",
                     built_in, "title", "a sketch from the prompt's words, no AI model", "state",
                     "built-in", "provenance", "built-in", "licence", "bytes", "here_bytes", 0,
                     "memory_bytes", "memory_low_bytes", "path", "n_missing", 0, "missing",
                     "is_default", is_default);
}

json_t *tb_models_to_json(const tb_installed *model, bool is_default)
{
    const tb_known_model *known = model->known;
    return json_pack(
        "{s:o, s:o, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:o, s:b}", "name",
        tb_text_to_json(model->name), "title", tb_text_or_null(known == NULL ? NULL : known->title),
        "state", tb_models_state_name(model->state), "provenance",
        tb_models_provenance_name(model->provenance), "licence", tb_text_to_json(model->licence),
        "bytes", tb_bytes_or_null(size_of(model)), "here_bytes", (json_int_t)model->len_bytes,
        "memory_bytes", tb_bytes_or_null(known == NULL ? 0 : known->memory_bytes),
        "memory_low_bytes", tb_bytes_or_null(known == NULL ? 0 : known->memory_low_bytes), "path",
        tb_text_or_null(model->path), "n_missing", (json_int_t)model->n_missing, "missing",
        tb_text_or_null(model->missing), "is_default", is_default);
}

/* Which model answers, or why none can. */
typedef struct {
    tb_model_choice choice;
    tb_error err; /* code OK: the choice stands */
} answer;

static bool is_default(const answer *a, const char *name)
{
    return a->err.code == TIMBRE_OK && strcmp(a->choice.id, name) == 0;
}

static tb_status print_json(const tb_models *m, const answer *a, tb_error *err)
{
    json_t *models = json_array();
    bool is_whole = true;
    for (size_t i = 0; i < m->list.n; i++)
        is_whole &= json_array_append_new(
                        models, tb_models_to_json(&m->list.items[i],
                                                  is_default(a, m->list.items[i].name))) == 0;
    is_whole &= json_array_append_new(models, sketch_to_json(is_default(a, built_in))) == 0;
    bool is_chosen = a->err.code == TIMBRE_OK;
    json_t *chosen = json_pack("{s:o, s:o}", "name",
                               tb_text_or_null(is_chosen ? a->choice.id : NULL), "why",
                               tb_text_to_json(is_chosen ? a->choice.why : a->err.message));
    json_t *list = is_whole ? json_pack("{s:i, s:o, s:O, s:O}", "schema", 1, "cache",
                                        tb_text_to_json(m->hub.cache), "default", chosen, "models",
                                        models)
                            : NULL;
    json_decref(chosen);
    json_decref(models);
    return tb_json_print(list, err);
}

/* --- for people ------------------------------------------------------------------------------ */

enum { N_COLUMNS = 5, CELL_BYTES = 320 };

typedef struct {
    bool is_default;
    char cells[N_COLUMNS][CELL_BYTES]; /* name, state, size, memory, licence; "": unknown */
} row;

static void fill_state(const tb_installed *model, char out[CELL_BYTES])
{
    char here[TB_BYTES_TEXT_MAX], all[TB_BYTES_TEXT_MAX];
    if (model->state == TB_INSTALLED_WHOLE)
        (void)snprintf(out, CELL_BYTES, "ready");
    else if (model->state == TB_INSTALLED_ABSENT)
        (void)snprintf(out, CELL_BYTES, "not here");
    else if (model->known != NULL) {
        tb_bytes_format(model->len_bytes, here);
        tb_bytes_format(model->known->about_bytes, all);
        (void)snprintf(out, CELL_BYTES, "partly here, %s of %s", here, all);
    } else if (model->n_missing > 0)
        (void)snprintf(out, CELL_BYTES, "partly here, %zu file%s missing", model->n_missing,
                       model->n_missing == 1 ? "" : "s");
    else
        (void)snprintf(out, CELL_BYTES, "partly here");
}

static void fill_row(const tb_installed *model, bool is_the_default, row *out)
{
    char memory[TB_BYTES_TEXT_MAX], low[TB_BYTES_TEXT_MAX];
    const tb_known_model *known = model->known;
    *out = (row){.is_default = is_the_default};
    (void)snprintf(out->cells[0], CELL_BYTES, "%s", model->name);
    fill_state(model, out->cells[1]);
    if (size_of(model) > 0)
        tb_bytes_format(size_of(model), out->cells[2]);
    if (known != NULL && known->memory_bytes > 0) {
        tb_bytes_format(known->memory_bytes, memory);
        tb_bytes_format(known->memory_low_bytes, low);
        (void)snprintf(out->cells[3], CELL_BYTES, "%s, low %s", memory, low);
    }
    (void)snprintf(out->cells[4], CELL_BYTES, "%s", tb_licence_name(model->licence));
}

/* Columns of a text as it is printed; what is not UTF-8 is counted by bytes. */
static int columns_of(const char *text)
{
    size_t n = strlen(text);
    return tb_utf8_check(text, n) == n ? tb_utf8_columns(text, n) : (int)n;
}

static void print_cell(const char *text, int columns)
{
    int pad = columns - columns_of(text);
    tb_print_clean(stdout, text);
    printf("%*s", pad > 0 ? pad : 0, "");
}

/* Columns of the terminal behind standard output; a file or a pipe has room for anything. */
static int columns_of_paper(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return isatty(STDOUT_FILENO) ? 80 : 10000;
}

static void print_as_table(const tb_app *app, const row *rows, size_t n,
                           const int widths[N_COLUMNS])
{
    for (size_t i = 0; i < n; i++) {
        const char *style = i == 0 ? tb_app_style(app, 1, TB_STYLE_BOLD) : "";
        printf("%s%s ", style, rows[i].is_default ? "*" : " ");
        for (int k = 0; k < N_COLUMNS; k++) {
            const char *cell = rows[i].cells[k][0] != '\0' ? rows[i].cells[k] : "-";
            print_cell(cell, k + 1 < N_COLUMNS ? widths[k] + 2 : 0);
        }
        printf("%s\n", i == 0 ? tb_app_style(app, 1, TB_STYLE_PLAIN) : "");
    }
}

/* A name a line and below it what is known, for narrow terminals. */
static void print_as_blocks(const row *rows, size_t n)
{
    static const char *const labels[N_COLUMNS] = {"", "", "size ", "memory ", ""};
    for (size_t i = 1; i < n; i++) {
        printf("%s ", rows[i].is_default ? "*" : " ");
        tb_print_clean(stdout, rows[i].cells[0]);
        for (int k = 1; k < N_COLUMNS; k++)
            if (rows[i].cells[k][0] != '\0') {
                printf("\n    %s", labels[k]);
                tb_print_clean(stdout, rows[i].cells[k]);
            }
        printf("\n");
    }
}

static void print_rows(const tb_app *app, const row *rows, size_t n)
{
    int widths[N_COLUMNS] = {0}, all = 2;
    for (int k = 0; k < N_COLUMNS; k++) {
        for (size_t i = 0; i < n; i++) {
            int columns = columns_of(rows[i].cells[k]);
            widths[k] = columns > widths[k] ? columns : widths[k];
        }
        all += widths[k] + (k + 1 < N_COLUMNS ? 2 : 0);
    }
    if (all < columns_of_paper())
        print_as_table(app, rows, n, widths);
    else
        print_as_blocks(rows, n);
}

static void print_answer(const answer *a)
{
    printf("\n");
    if (a->err.code != TIMBRE_OK) {
        printf("No model answers: ");
        tb_print_clean(stdout, a->err.message);
        printf(".\n  fix: ");
        tb_print_clean(stdout, a->err.fix);
        printf("\n");
        return;
    }
    tb_print_clean(stdout, a->choice.id);
    printf(" answers, because ");
    tb_print_clean(stdout, a->choice.why);
    printf(".\n");
}

static void print_pull(const char *what_for, const char *name)
{
    printf("%s ", what_for);
    tb_print_clean(stdout, name);
    printf(": timbre models pull ");
    tb_print_clean(stdout, name);
    printf("\n");
}

/* The command for each that has begun; where nothing is installed, for the best of those known. */
static void print_advice(const tb_models *m)
{
    const tb_installed *best = NULL;
    bool is_begun = false;
    for (size_t i = 0; i < m->list.n; i++) {
        const tb_installed *model = &m->list.items[i];
        if (model->state == TB_INSTALLED_ABSENT && best == NULL)
            best = model;
        if (model->state != TB_INSTALLED_PARTIAL || model->provenance == TB_PROVENANCE_ADDED)
            continue;
        print_pull("To complete", model->name);
        is_begun = true;
    }
    if (best != NULL && !is_begun && tb_installed_default(&m->list) == NULL)
        print_pull("To fetch", best->name);
}

static tb_status print_text(const tb_models *m, const answer *a, tb_error *err)
{
    size_t n = m->list.n + 2;
    row *rows = calloc(n, sizeof *rows);
    if (rows == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a list of %zu models", m->list.n);
    rows[0] = (row){.cells = {"NAME", "STATE", "SIZE", "MEMORY", "LICENCE"}};
    for (size_t i = 0; i < m->list.n; i++)
        fill_row(&m->list.items[i], is_default(a, m->list.items[i].name), &rows[i + 1]);
    rows[n - 1] = (row){.is_default = is_default(a, built_in), .cells = {"sketch", "built in"}};
    print_rows(m->app, rows, n);
    free(rows);
    print_answer(a);
    print_advice(m);
    printf("The cache: ");
    tb_print_clean(stdout, m->hub.cache);
    printf("\n");
    return TIMBRE_OK;
}

tb_status tb_models_list(tb_models *m, int *exit_code, tb_error *err)
{
    *exit_code = 0;
    tb_status st = tb_models_read(m, err);
    if (st != TIMBRE_OK)
        return st;
    answer a = {0};
    if (tb_model_choose_from(m->app, &m->list, &a.choice, &a.err) == TIMBRE_OK)
        a.err.code = TIMBRE_OK;
    st = m->app->wants_json ? print_json(m, &a, err) : print_text(m, &a, err);
    tb_model_choice_deinit(&a.choice);
    return st;
}

tb_status tb_models_path(tb_models *m, int *exit_code, tb_error *err)
{
    *exit_code = 0;
    const char *path = m->hub.cache;
    const tb_installed *model = NULL;
    tb_status st = TIMBRE_OK;
    if (m->n_operands > 0) {
        st = tb_models_find(m, m->operands[0], &model, err);
        if (st == TIMBRE_OK)
            st = tb_installed_require_whole(model, err);
        if (st == TIMBRE_OK)
            path = model->path;
    }
    if (st != TIMBRE_OK)
        return st;
    if (m->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:o}", "schema", 1, "path", tb_text_to_json(path)),
                             err);
    printf("%s\n", path);
    return TIMBRE_OK;
}
