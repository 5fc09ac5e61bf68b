/*
 * How close decoding comes to an image, for each start of the phases and number of rounds:
 *
 *     bench_quality IMAGE|SOUND...
 *
 * Each IMAGE is decoded with the defaults of `timbre decode` but for the two, and the sound encoded
 * again; tests/spectrogram/quality.h says how they are compared. A SOUND (.mp3, .wav, .flac) is
 * compared with the image before it. Without arguments: the seed images and pairs in
 * TIMBRE_TEST_DATA.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/spectrogram/quality.h"
#include "timbre/spectrogram.h"

static const char *const names[] = {
    "seed_images/og_beat.png",  "seed_images/agile.png", "seed_images/marim.png",
    "seed_images/motorway.png", "seed_images/vibes.png", "pairs/funky_sax.png",
    "pairs/funky_sax.mp3",      "pairs/rap_sample.jpg",  "pairs/rap_sample.mp3",
};
static const int rounds[] = {8, 16, 32, 64};
enum { N_ROUNDS = sizeof rounds / sizeof *rounds, N_NAMES = sizeof names / sizeof *names };

typedef struct bench {
    timbre_engine *engine;
    tb_pool *pool;
    char folder[64], sound[80];
    quality_bands image; /* the last one */
} bench;

static tb_status measure_sound(const bench *b, const char *path, double *db, tb_error *err)
{
    quality_bands sound;
    quality_distance distance = {0};
    tb_status st = quality_load_sound(path, b->pool, &sound, err);
    if (st != TIMBRE_OK)
        return st;
    st = quality_compare(&b->image, &sound, &distance, err);
    *db = distance.db;
    quality_deinit(&sound);
    return st;
}

static tb_status measure(const bench *b, const char *image, const char *phase, int n_rounds,
                         double *db, tb_error *err)
{
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    params.num_griffin_lim_iters = n_rounds;
    timbre_decode_options options = {.struct_size = sizeof options,
                                     .params = &params,
                                     .output = b->sound,
                                     .replace = 1,
                                     .phase = phase};
    timbre_decode_report report = {.struct_size = sizeof report};
    tb_status st = timbre_decode(b->engine, image, &options, &report, err);
    return st == TIMBRE_OK ? measure_sound(b, b->sound, db, err) : st;
}

static tb_status report_image(bench *b, const char *path, tb_error *err)
{
    quality_deinit(&b->image);
    tb_status st = quality_load_image(path, &b->image, err);
    for (const char *const *phase = timbre_phase_names(); *phase != NULL; phase++) {
        printf("%-24s %-11s", strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path, *phase);
        for (int i = 0; i < N_ROUNDS && st == TIMBRE_OK; i++) {
            double db = NAN;
            st = measure(b, path, *phase, rounds[i], &db, err);
            printf(" %8.3f", db);
        }
        printf("\n");
        fflush(stdout);
    }
    return st;
}

static tb_status report_sound(const bench *b, const char *path, tb_error *err)
{
    double db = NAN;
    tb_status st = measure_sound(b, path, &db, err);
    printf("%-36s %8.3f\n", strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path, db);
    return st;
}

static bool is_image(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcmp(dot, ".png") == 0 || strcmp(dot, ".jpg") == 0);
}

static tb_status report(bench *b, const char *path, tb_error *err)
{
    return is_image(path) ? report_image(b, path, err) : report_sound(b, path, err);
}

static tb_status report_all(bench *b, int n_paths, char **paths, tb_error *err)
{
    printf("dB, after rounds:                   ");
    for (int i = 0; i < N_ROUNDS; i++)
        printf(" %8d", rounds[i]);
    printf("\n");
    tb_status st = TIMBRE_OK;
    for (int i = 0; i < n_paths && st == TIMBRE_OK; i++)
        st = report(b, paths[i], err);
    const char *data = getenv("TIMBRE_TEST_DATA");
    if (n_paths == 0 && data == NULL)
        printf("no images: TIMBRE_TEST_DATA is not set\n");
    for (int i = 0; i < N_NAMES && n_paths == 0 && data != NULL && st == TIMBRE_OK; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/riffusion/%s", data, names[i]);
        st = report(b, path, err);
    }
    return st;
}

int main(int argc, char **argv)
{
    bench b = {.folder = "/tmp/timbre-quality-XXXXXX"};
    timbre_engine_options how = {.struct_size = sizeof how};
    tb_error err = {0};
    if (mkdtemp(b.folder) == NULL) {
        perror("bench_quality");
        return 1;
    }
    snprintf(b.sound, sizeof b.sound, "%s/sound.wav", b.folder);
    tb_status st = timbre_engine_new(&how, &b.engine, &err);
    if (st == TIMBRE_OK)
        st = tb_pool_new(0, &b.pool, &err);
    if (st == TIMBRE_OK)
        st = report_all(&b, argc - 1, argv + 1, &err);
    if (st != TIMBRE_OK)
        fprintf(stderr, "bench_quality: %s\n", err.message);
    unlink(b.sound);
    rmdir(b.folder);
    quality_deinit(&b.image);
    tb_pool_free(b.pool);
    timbre_engine_free(b.engine);
    return st == TIMBRE_OK ? 0 : 1;
}
