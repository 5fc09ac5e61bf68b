#include "engine/nn/elementwise.h"

#include <string.h>

#include "engine/kernels/table.h"

enum { TASK_FLOATS = 16384 };

/* An operation over a span of elements, or over rows of c. */
typedef struct elementwise {
    const tb_network_kernels *kernels;
    float *out;
    const float *a, *b;
    size_t n; /* elements, or rows */
    int64_t positions;
    int ca, cb;
    size_t rows_per_task;
    void (*span)(float *out, const float *in, size_t n);
} elementwise;

/* Tasks of about TASK_FLOATS: rows of `len` floats each. */
static int split_rows(elementwise *e, int64_t n_rows, size_t len)
{
    e->n = (size_t)n_rows;
    e->rows_per_task = len >= TASK_FLOATS ? 1 : TASK_FLOATS / (len > 0 ? len : 1);
    return (int)((e->n + e->rows_per_task - 1) / e->rows_per_task);
}

/* The rows of a task: from `*from` to before the result. */
static size_t task_rows(const elementwise *e, int i_task, size_t *from)
{
    *from = (size_t)i_task * e->rows_per_task;
    return e->n - *from < e->rows_per_task ? e->n : *from + e->rows_per_task;
}

static void activate_span(int i_task, void *user)
{
    const elementwise *e = user;
    size_t from, to = task_rows(e, i_task, &from);
    e->span(e->out + from, e->a + from, to - from);
}

void tb_activate(tb_nn *nn, float *out, const float *in, size_t n, tb_activation activation)
{
    elementwise e = {.a = in};
    e.out = out;
    if (!tb_nn_begin(nn, 0))
        return;
    const tb_network_kernels *kernels = nn->kernels->network;
    e.span = activation == TB_ACTIVATION_SILU   ? kernels->silu
             : activation == TB_ACTIVATION_GELU ? kernels->gelu
                                                : kernels->quick_gelu;
    tb_nn_tasks(nn, split_rows(&e, (int64_t)n, 1), activate_span, &e);
}

static void add_row(int i_task, void *user)
{
    const elementwise *e = user;
    size_t c = (size_t)e->ca, from, to = task_rows(e, i_task, &from);
    for (size_t row = from; row < to; row++)
        e->kernels->add(e->out + row * c, e->a + row * c, e->b + row / (size_t)e->positions * c, c);
}

void tb_add_rows(tb_nn *nn, float *out, const float *in, int n, int64_t positions, int c,
                 const float *row)
{
    elementwise e = {.kernels = nn->kernels->network, .a = in, .b = row, .ca = c};
    e.out = out;
    e.positions = positions;
    if (tb_nn_begin(nn, 0))
        tb_nn_tasks(nn, split_rows(&e, n * positions, (size_t)c), add_row, &e);
}

static void concat_rows(int i_task, void *user)
{
    const elementwise *e = user;
    size_t ca = (size_t)e->ca, cb = (size_t)e->cb, from, to = task_rows(e, i_task, &from);
    for (size_t row = from; row < to; row++) {
        float *out = e->out + row * (ca + cb);
        memcpy(out, e->a + row * ca, sizeof *out * ca);
        memcpy(out + ca, e->b + row * cb, sizeof *out * cb);
    }
}

void tb_concat(tb_nn *nn, float *out, const float *a, int ca, const float *b, int cb,
               int64_t positions)
{
    elementwise e = {.a = a, .b = b, .ca = ca, .cb = cb};
    e.out = out;
    if (tb_nn_begin(nn, 0))
        tb_nn_tasks(nn, split_rows(&e, positions, (size_t)ca + (size_t)cb), concat_rows, &e);
}
