/*
 * Layers of Stable Diffusion 1.5 (a 64x64 latent, batch of two) with fp16 weights, beside fused
 * multiply-adds in registers, in turn. Convolutions count as direct ones, however they are
 * computed.
 *
 *     bench_nn [--cpu NAME] [--threads N] [--csv FILE] [--only PREFIX] [--shapes]
 *
 * --shapes prints each row's name and its sizes, for bench/peers.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "layer.h"
#include "report.h"

enum { MAX_NAME = 80, MIN_REPEATS = 3, MAX_REPEATS = 50 };

#define MIN_SECONDS 0.3 /* of a layer's runs together */

static const layer layers[] = {
    {LAYER_LINEAR, 1, 8192, 1, 320, 320, 1},     {LAYER_LINEAR, 1, 8192, 1, 320, 2560, 1},
    {LAYER_LINEAR, 1, 8192, 1, 1280, 320, 1},    {LAYER_LINEAR, 1, 2048, 1, 640, 640, 1},
    {LAYER_LINEAR, 1, 2048, 1, 640, 5120, 1},    {LAYER_LINEAR, 1, 512, 1, 1280, 1280, 1},
    {LAYER_LINEAR, 1, 512, 1, 1280, 10240, 1},   {LAYER_LINEAR, 1, 512, 1, 5120, 1280, 1},
    {LAYER_LINEAR, 1, 128, 1, 1280, 1280, 1},    {LAYER_LINEAR, 1, 154, 1, 768, 1280, 1},
    {LAYER_LINEAR, 1, 2, 1, 1280, 1280, 1},      {LAYER_CONV, 2, 64, 64, 320, 320, 1},
    {LAYER_CONV, 2, 64, 64, 960, 320, 1},        {LAYER_CONV, 2, 64, 64, 4, 320, 1},
    {LAYER_CONV, 2, 64, 64, 320, 320, 2},        {LAYER_CONV, 2, 32, 32, 640, 640, 1},
    {LAYER_CONV, 2, 32, 32, 1920, 640, 1},       {LAYER_CONV, 2, 16, 16, 1280, 1280, 1},
    {LAYER_CONV, 2, 16, 16, 2560, 1280, 1},      {LAYER_CONV, 2, 8, 8, 1280, 1280, 1},
    {LAYER_CONV, 1, 64, 64, 512, 512, 1},        {LAYER_CONV, 1, 128, 128, 512, 512, 1},
    {LAYER_CONV, 1, 256, 256, 256, 256, 1},      {LAYER_CONV, 1, 512, 512, 128, 128, 1},
    {LAYER_CONV, 1, 512, 512, 128, 3, 1},        {LAYER_ATTENTION, 2, 4096, 4096, 8, 40, 1},
    {LAYER_ATTENTION, 2, 4096, 77, 8, 40, 1},    {LAYER_ATTENTION, 2, 1024, 1024, 8, 80, 1},
    {LAYER_ATTENTION, 2, 256, 256, 8, 160, 1},   {LAYER_ATTENTION, 1, 4096, 4096, 1, 512, 1},
    {LAYER_GROUP_NORM, 2, 64, 64, 320, 320, 1},  {LAYER_GROUP_NORM, 1, 512, 512, 128, 128, 1},
    {LAYER_LAYER_NORM, 2, 4096, 1, 320, 320, 1}, {LAYER_GEGLU, 2, 4096, 1, 320, 1280, 1},
    {LAYER_GEGLU, 2, 256, 1, 1280, 5120, 1},     {LAYER_GELU, 2, 4096, 1, 1280, 1280, 1},
};

static bool has_products(layer_kind kind)
{
    return kind == LAYER_LINEAR || kind == LAYER_CONV || kind == LAYER_ATTENTION ||
           kind == LAYER_GEGLU;
}

/* The best: other programs slow the rest. */
static double best_seconds(report *r, tb_nn *nn, layer_run *run)
{
    tb_error err = {0};
    double best = 0, total = 0;
    for (int i = 0; i < MAX_REPEATS && (i < MIN_REPEATS || total < MIN_SECONDS); i++) {
        report_peak(r);
        double start = tb_clock_seconds();
        if (tb_nn_run(nn, layer_forward, run, NULL, &err) != TIMBRE_OK)
            exit(EXIT_FAILURE);
        double seconds = tb_clock_seconds() - start;
        total += seconds;
        best = i == 0 || seconds < best ? seconds : best;
    }
    return best;
}

static void measure_layer(report *r, tb_nn *nn, const layer *l, const char *name)
{
    layer_run run;
    tb_error err = {0};
    layer_start(&run, l);
    if (tb_nn_reserve(nn, layer_forward, &run, &err) != TIMBRE_OK) {
        fprintf(stderr, "bench_nn: %s\n", err.message);
        exit(EXIT_FAILURE);
    }
    double seconds = best_seconds(r, nn, &run);
    report_row(r, name, seconds, has_products(l->kind) ? 2e-9 * layer_work(l) : 0);
    layer_stop(&run);
}

static void print_shape(const layer *l, const char *name)
{
    printf("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", name, layer_kind_name(l->kind), l->n, l->h, l->w,
           l->c_in, l->c_out, l->stride);
}

static void run_layers(report *r, const char *only, bool shapes)
{
    tb_nn nn;
    tb_nn_init(&nn, r->kernels, r->pool);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        char name[MAX_NAME];
        layer_format(&layers[i], name, sizeof name);
        if (strncmp(name, only, strlen(only)) != 0)
            continue;
        if (shapes)
            print_shape(&layers[i], name);
        else
            measure_layer(r, &nn, &layers[i], name);
    }
    tb_nn_deinit(&nn);
}

int main(int argc, char **argv)
{
    report r = {.cpu = getenv("TIMBRE_CPU")};
    const char *only = "";
    bool shapes = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--shapes") == 0)
            shapes = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (!report_option(&r, argc, argv, &i)) {
            fputs("usage: bench_nn [--only PREFIX] [--shapes] " REPORT_OPTIONS "\n", stderr);
            return 2;
        }
    }
    report_start(&r);
    if (!shapes)
        printf("%s, %d threads\n", tb_kernels_name(r.kernels), tb_pool_n_threads(r.pool));
    run_layers(&r, only, shapes);
    report_stop(&r);
    return EXIT_SUCCESS;
}
