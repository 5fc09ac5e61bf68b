#include "engine/models/parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/models/names_ldm.h"

enum { SHAPE_TEXT_BYTES = 128 };

typedef struct {
    const char *name;        /* today's; in the arena */
    const tb_tensor *source; /* as the file has it */
    tb_tensor view;          /* of the shape that was asked for */
    bool is_asked;
} parameter;

struct tb_parameters {
    tb_network network;
    bool is_check_only;
    const tb_progress *progress; /* borrowed; may be NULL */
    int64_t n_loaded, n_bytes;   /* bytes; of those to load */
    tb_pool *pool;               /* borrowed; may be NULL */
    size_t n;
    parameter *all; /* by name; in the arena, as is everything */
    tb_arena arena;
};

const char *tb_network_name(tb_network network)
{
    static const char *const names[TB_NETWORK_COUNT] = {"text_encoder", "unet", "vae"};
    return names[network];
}

static bool is_checkpoint(const tb_weights *weights)
{
    for (size_t i = 0; i < tb_weights_count(weights); i++)
        for (int network = 0; network < TB_NETWORK_COUNT; network++)
            if (tb_ldm_name_inside((tb_network)network, tb_weights_at(weights, i)->name) != NULL)
                return true;
    return false;
}

/* Name inside the network, or NULL for a tensor that does not concern it. */
static const char *select_name(tb_network network, bool is_whole, const char *name)
{
    const char *inside = name;
    if (is_whole)
        inside = tb_ldm_name_inside(network, name);
    else if (tb_ldm_is_skipped(name))
        inside = NULL;
    return inside == NULL || tb_ldm_is_skipped_inside(inside) ? NULL : inside;
}

static void select_all(tb_parameters *p, const tb_weights *weights, tb_ldm_layout *layout)
{
    bool is_whole = is_checkpoint(weights);
    for (size_t i = 0; i < tb_weights_count(weights); i++) {
        const tb_tensor *tensor = tb_weights_at(weights, i);
        const char *name = select_name(p->network, is_whole, tensor->name);
        if (name == NULL)
            continue;
        tb_ldm_layout_add(layout, name);
        p->all[p->n++] = (parameter){.name = name, .source = tensor};
    }
    tb_ldm_layout_settle(layout);
}

static tb_status translate_all(tb_parameters *p, const tb_ldm_layout *layout, tb_error *err)
{
    char name[TB_TENSOR_NAME_MAX_BYTES];
    for (size_t i = 0; i < p->n; i++) {
        parameter *it = &p->all[i];
        if (!tb_ldm_translate(layout, p->network, it->name, name))
            return tb_fail(err, TIMBRE_BAD_FILE, "%s: the name '%.100s...' exceeds %d bytes",
                           tb_network_name(p->network), it->name, TB_TENSOR_NAME_MAX_BYTES - 1);
        it->name = tb_arena_push_str(&p->arena, name, strlen(name));
        if (it->name == NULL)
            return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the names of %zu tensors", p->n);
    }
    return TIMBRE_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const parameter *)a)->name, ((const parameter *)b)->name);
}

static tb_status check_twins(const tb_parameters *p, tb_error *err)
{
    for (size_t i = 1; i < p->n; i++)
        if (strcmp(p->all[i - 1].name, p->all[i].name) == 0)
            return tb_fail(err, TIMBRE_BAD_FILE, "%s: tensors '%.150s' and '%.150s' are both '%s'",
                           tb_network_name(p->network), p->all[i - 1].source->name,
                           p->all[i].source->name, p->all[i].name);
    return TIMBRE_OK;
}

static tb_status fill(tb_parameters *p, const tb_weights *weights, tb_error *err)
{
    tb_arena_init(&p->arena, 0);
    tb_ldm_layout *layout = tb_arena_push(&p->arena, 1, sizeof *layout);
    p->all = tb_arena_push(&p->arena, tb_weights_count(weights) + 1, sizeof *p->all);
    if (layout == NULL || p->all == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu tensors",
                       tb_weights_count(weights));
    select_all(p, weights, layout);
    tb_status st = translate_all(p, layout, err);
    if (st != TIMBRE_OK)
        return st;
    qsort(p->all, p->n, sizeof *p->all, by_name);
    return check_twins(p, err);
}

tb_status tb_parameters_new(const tb_weights *weights, tb_network network, tb_parameters **out,
                            tb_error *err)
{
    tb_parameters *p = calloc(1, sizeof *p);
    if (p == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a network's tensors");
    p->network = network;
    tb_status st = fill(p, weights, err);
    if (st == TIMBRE_OK)
        *out = p;
    else
        tb_parameters_free(p);
    return st;
}

void tb_parameters_free(tb_parameters *parameters)
{
    if (parameters == NULL)
        return;
    tb_arena_deinit(&parameters->arena);
    free(parameters);
}

static parameter *find(const tb_parameters *p, const char *name)
{
    parameter key = {.name = name};
    return p->n == 0 ? NULL : bsearch(&key, p->all, p->n, sizeof key, by_name);
}

bool tb_parameters_has(const tb_parameters *parameters, const char *name)
{
    return find(parameters, name) != NULL;
}

static int rank_without_ones(const int64_t *shape, int rank)
{
    while (rank > 0 && shape[rank - 1] == 1)
        rank--;
    return rank;
}

/* `source` seen with the shape asked for; false when it has another. */
static bool view_as(const tb_tensor *source, int rank, const int64_t *shape, tb_tensor *view)
{
    int n = rank_without_ones(source->shape, source->rank);
    if (n != rank_without_ones(shape, rank) ||
        memcmp(source->shape, shape, (size_t)n * sizeof *shape) != 0)
        return false;
    *view = *source;
    view->rank = rank;
    for (int i = n; i < rank; i++) {
        view->shape[i] = 1;
        view->stride[i] = 1;
    }
    return true;
}

tb_status tb_parameters_get(tb_parameters *parameters, const char *name, int rank,
                            const int64_t *shape, const tb_tensor **out, tb_error *err)
{
    const char *network = tb_network_name(parameters->network);
    parameter *p = find(parameters, name);
    if (p == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "%s: tensor '%s' is missing", network, name);
    p->is_asked = true;
    if (!tb_dtype_is_float(p->source->dtype))
        return tb_fail(err, TIMBRE_BAD_FILE, "%s: tensor '%.200s' is %s, not of a float type",
                       network, p->source->name, tb_dtype_name(p->source->dtype));
    if (rank == 0)
        p->view = *p->source;
    else if (!view_as(p->source, rank, shape, &p->view)) {
        char has[SHAPE_TEXT_BYTES], wants[SHAPE_TEXT_BYTES];
        tb_shape_format(p->source->shape, p->source->rank, has, sizeof has);
        tb_shape_format(shape, rank, wants, sizeof wants);
        return tb_fail(err, TIMBRE_BAD_FILE, "%s: tensor '%.200s' is %s, not %s", network,
                       p->source->name, has, wants);
    }
    *out = &p->view;
    return TIMBRE_OK;
}

const tb_tensor *tb_parameters_at(const tb_parameters *parameters, size_t i, const char **name)
{
    *name = parameters->all[i].name;
    return parameters->all[i].source;
}

tb_status tb_parameters_check_extra(const tb_parameters *parameters, tb_error *err)
{
    const parameter *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < parameters->n; i++) {
        if (parameters->all[i].is_asked)
            continue;
        if (n++ == 0)
            first = &parameters->all[i];
    }
    if (n == 0)
        return TIMBRE_OK;
    char more[48] = "";
    if (n > 1)
        snprintf(more, sizeof more, ", and %zu more are not", n - 1);
    return tb_fail(err, TIMBRE_BAD_FILE, "%s: tensor '%.200s' is not part of the network%s",
                   tb_network_name(parameters->network), first->source->name, more);
}

tb_status tb_parameters_check_strangers(const tb_weights *weights, tb_error *err)
{
    for (size_t i = 0; i < tb_weights_count(weights); i++) {
        const char *name = tb_weights_at(weights, i)->name;
        bool is_known = tb_ldm_is_skipped(name);
        for (int network = 0; network < TB_NETWORK_COUNT; network++)
            is_known = is_known || tb_ldm_name_inside((tb_network)network, name) != NULL;
        if (!is_known)
            return tb_fail(err, TIMBRE_BAD_FILE,
                           "tensor '%.200s' is of none of a checkpoint's networks", name);
    }
    return TIMBRE_OK;
}

/* A checkpoint may claim any shape by strides of 0. */
static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

tb_parameters_facts tb_parameters_measure(const tb_parameters *parameters)
{
    tb_parameters_facts facts = {0};
    for (size_t i = 0; i < parameters->n; i++) {
        const tb_tensor *tensor = parameters->all[i].source;
        int64_t n_bytes;
        facts.n_tensors++;
        if (__builtin_mul_overflow(tensor->n_elements, (int64_t)tb_dtype_size(tensor->dtype),
                                   &n_bytes))
            n_bytes = INT64_MAX;
        facts.n_parameters = add(facts.n_parameters, tensor->n_elements);
        facts.n_bytes = add(facts.n_bytes, n_bytes);
        facts.n_bytes_of[tensor->dtype] = add(facts.n_bytes_of[tensor->dtype], n_bytes);
    }
    return facts;
}

void tb_parameters_set_progress(tb_parameters *parameters, const tb_progress *progress)
{
    parameters->progress = progress;
    parameters->n_loaded = 0;
    parameters->n_bytes = tb_parameters_measure(parameters).n_bytes;
}

tb_status tb_parameters_advance(tb_parameters *parameters, const tb_tensor *tensor, tb_error *err)
{
    parameters->n_loaded += tensor->n_elements * (int64_t)tb_dtype_size(tensor->dtype);
    double fraction = parameters->n_bytes > 0
                          ? (double)parameters->n_loaded / (double)parameters->n_bytes
                          : 1;
    tb_progress_report(parameters->progress, fraction < 1 ? fraction : 1);
    return tb_progress_check(parameters->progress, err);
}

void tb_parameters_set_pool(tb_parameters *parameters, tb_pool *pool)
{
    parameters->pool = pool;
}

tb_pool *tb_parameters_pool(const tb_parameters *parameters)
{
    return parameters->pool;
}

void tb_parameters_set_check_only(tb_parameters *parameters, bool is_check_only)
{
    parameters->is_check_only = is_check_only;
}

bool tb_parameters_is_check_only(const tb_parameters *parameters)
{
    return parameters->is_check_only;
}
