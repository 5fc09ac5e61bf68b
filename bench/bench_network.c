/*
 * A whole model, stage by stage.
 *
 *     bench_network MODEL [--steps N] [--until STAGE] [--dump DIR] [--cpu NAME] [--threads N]
 *                   [--csv FILE]
 *
 * Seconds, and for Stable Diffusion 1.5's sizes the rate beside fused multiply-adds in registers,
 * measured around each stage. --until encode, step or decode leaves the stages behind it out.
 * --dump writes what the stages gave, for tools/reference/full_size.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/diffusion/guidance.h"
#include "engine/models/text_encoder.h"
#include "engine/os/memory.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"
#include "report.h"

enum { MAX_STEPS = 99, MAX_PATH = 4096 };

#define SECONDS_OF_SOUND 5.0    /* 512 columns */
#define TEXT_GFLOP       26.6   /* both prompts */
#define STEP_GFLOP       1607.0 /* a guided step at 64x64 of Stable Diffusion 1.5 */
#define DECODE_GFLOP     2514.0 /* of 512x512 */

typedef struct bench {
    const char *model, *dump; /* dump: NULL for none */
    const char *until;        /* the last stage; NULL: all */
    int n_steps;
    bool is_sd15;
    report report;
    timbre_request *request;
    tb_stages stages;
    tb_job job;
    tb_riffusion r;
    tb_riffusion_work w;
    tb_sampler *sampler;
    tb_noise noise;
    tb_unet_input input;
    float *embeddings;    /* [2, n_tokens, width]: of the negative prompt and the prompt */
    float *in, *out;      /* [2, h*w, n_channels] */
    float *noise_scratch; /* [n_latents] */
    float *image;         /* [height*width, 3] */
} bench;

static void ok(tb_status st, const tb_error *err)
{
    if (st == TIMBRE_OK)
        return;
    fprintf(stderr, "bench_network: %s\n", err->message);
    exit(EXIT_FAILURE);
}

static float *new_floats(size_t n)
{
    float *out = tb_floats_alloc(n);
    if (out == NULL) {
        fputs("no memory\n", stderr);
        exit(1);
    }
    return out;
}

/* ---- what is printed and written ---- */

static FILE *open_dump(const bench *b, const char *name, const char *mode)
{
    char path[MAX_PATH];
    (void)snprintf(path, sizeof path, "%s/%s", b->dump, name);
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return file;
}

static void dump(const bench *b, const char *name, const float *floats, size_t n)
{
    if (b->dump == NULL)
        return;
    FILE *file = open_dump(b, name, "wb");
    size_t n_written = fwrite(floats, sizeof *floats, n, file);
    if (fclose(file) != 0 || n_written != n)
        ok(TIMBRE_IO, &(tb_error){.message = "the dump could not be written"});
}

static void dump_sizes(const bench *b)
{
    if (b->dump == NULL)
        return;
    FILE *file = open_dump(b, "sizes.json", "w");
    fprintf(file, "{\"h\": %d, \"w\": %d, \"channels\": %d, \"width\": %d, \"timestep\": %.17g}\n",
            b->w.size.h, b->w.size.w, b->w.size.n_channels, tb_model_text_config(b->r.model)->width,
            tb_sampler_timestep(b->sampler, 0));
    (void)fclose(file);
}

/* ---- stages ---- */

static void start(bench *b)
{
    static const tb_stage list[] = {{"all", 1}};
    static const char *const fields[][2] = {{"prompt", "funk bassline with a jazzy saxophone solo"},
                                            {"negative_prompt", "rain"},
                                            {"seed", "42"},
                                            {"prompt_syntax", "plain"},
                                            {"steps", "20"},
                                            {"scheduler", "ddim"},
                                            {"cfg_scale", "7"}};
    tb_error err = {0};
    ok(timbre_request_new(&b->request, &err), &err);
    ok(timbre_request_set(b->request, "model_id", b->model, &err), &err);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        ok(timbre_request_set(b->request, fields[i][0], fields[i][1], &err), &err);
    ok(timbre_request_resolve(b->request, &err), &err);
    report_start(&b->report);
    tb_stages_init(&b->stages, list, 1, &(tb_stages_listener){0}, NULL);
    tb_stages_next(&b->stages);
    b->job = (tb_job){.request = b->request, .pool = b->report.pool, .stages = &b->stages};
    b->job.kernels = b->report.kernels;
    b->w = (tb_riffusion_work){.job = &b->job, .has_guidance = true};
    printf("%s, %d threads, %s\n", tb_kernels_name(b->job.kernels),
           tb_pool_n_threads(b->report.pool), b->model);
}

/* Those that the numbers of operations are of. */
static bool has_known_sizes(const bench *b)
{
    static const int channels[] = {320, 640, 1280, 1280}, vae_channels[] = {128, 256, 512, 512};
    const tb_unet_config *unet = tb_model_unet_config(b->r.model);
    const tb_vae_config *vae = tb_model_vae_config(b->r.model);
    return unet->n_blocks == 4 && unet->layers_per_block[0] == 2 && unet->cross_width == 768 &&
           memcmp(unet->block_channels, channels, sizeof channels) == 0 && vae->n_blocks == 4 &&
           vae->layers_per_block == 2 &&
           memcmp(vae->block_channels, vae_channels, sizeof vae_channels) == 0 &&
           b->w.size.h == 64 && b->w.size.w == 64;
}

static void load(bench *b)
{
    tb_error err = {0};
    report_peak(&b->report);
    double from = tb_clock_seconds();
    ok(tb_riffusion_open(&b->r, b->model, NULL, &err), &err);
    ok(tb_riffusion_get_size(&b->r, SECONDS_OF_SOUND, &b->w.size, &err), &err);
    report_row(&b->report, "open", tb_clock_seconds() - from, 0);
    b->is_sd15 = has_known_sizes(b);
    from = tb_clock_seconds();
    ok(tb_riffusion_hold(&b->r, &b->job, TB_NETWORK_VAE, NULL, &err), &err);
    ok(tb_riffusion_hold(&b->r, &b->job, TB_NETWORK_UNET, NULL, &err), &err);
    report_row(&b->report, "load UNet and VAE (pack)", tb_clock_seconds() - from, 0);
    from = tb_clock_seconds();
    ok(tb_riffusion_hold(&b->r, &b->job, TB_NETWORK_TEXT, NULL, &err), &err);
    report_row(&b->report, "load text encoder (pack)", tb_clock_seconds() - from, 0);
}

static void encode_both(tb_nn *nn, void *user)
{
    bench *b = user;
    size_t n = (size_t)(b->w.prompt.n_chunks * b->w.prompt.n_positions) *
               (size_t)tb_model_text_config(b->r.model)->width;
    tb_text_encoder_forward(nn, b->r.encoder, b->w.negative.tokens, b->w.negative.n_chunks, 0,
                            b->embeddings);
    tb_text_encoder_forward(nn, b->r.encoder, b->w.prompt.tokens, b->w.prompt.n_chunks, 0,
                            b->embeddings + n);
}

/* Seconds of one run, what it needs already reserved. */
static double time_run(tb_nn *nn, tb_nn_work work, bench *b)
{
    tb_error err = {0};
    double from = tb_clock_seconds();
    ok(tb_nn_run(nn, work, b, NULL, &err), &err);
    return tb_clock_seconds() - from;
}

static void encode(bench *b)
{
    tb_error err = {0};
    tb_nn nn;
    ok(tb_riffusion_tokenize(&b->r, &b->w, &err), &err);
    int n_tokens = b->w.prompt.n_chunks * b->w.prompt.n_positions;
    size_t n = 2 * (size_t)n_tokens * (size_t)tb_model_text_config(b->r.model)->width;
    b->embeddings = new_floats(n);
    tb_nn_init(&nn, b->job.kernels, b->report.pool);
    ok(tb_nn_reserve(&nn, encode_both, b, &err), &err);
    report_peak(&b->report);
    (void)time_run(&nn, encode_both, b);
    report_row(&b->report, "text encoder, two prompts", time_run(&nn, encode_both, b),
               b->is_sd15 ? TEXT_GFLOP : 0);
    tb_nn_deinit(&nn);
    dump(b, "embeddings.f32", b->embeddings, n);
    double from = tb_clock_seconds();
    ok(tb_unet_context_new(b->r.unet, b->job.kernels, b->report.pool, b->embeddings, 2, n_tokens,
                           &b->r.conditioning.context, &err),
       &err);
    report_row(&b->report, "keys and values of the text", tb_clock_seconds() - from, 0);
}

static void evaluate(tb_nn *nn, void *user)
{
    bench *b = user;
    tb_unet_forward(nn, b->r.unet, &b->input, b->out);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of as many runs as were asked for. */
static double time_median(tb_nn *nn, tb_nn_work work, bench *b)
{
    double seconds[MAX_STEPS] = {0};
    for (int i = 0; i < b->n_steps; i++)
        seconds[i] = time_run(nn, work, b);
    qsort(seconds, (size_t)b->n_steps, sizeof *seconds, compare_doubles);
    return seconds[b->n_steps / 2];
}

static void start_latents(bench *b)
{
    tb_error err = {0};
    const tb_riffusion_size *size = &b->w.size;
    size_t n = (size_t)size->n_latents;
    b->w.latents = new_floats(n);
    b->noise_scratch = new_floats(n);
    float *in = new_floats(2 * n); /* the same for both halves of the batch */
    b->in = in;
    b->out = new_floats(2 * n);
    ok(tb_sampler_new("ddim", &b->r.schedule, 20, TB_SPACING_DEFAULT, size->n_latents, &b->sampler,
                      &err),
       &err);
    ok(tb_noise_init(&b->noise, TB_GENERATOR_TORCH_CPU, 42, &err), &err);
    tb_noise_draw_latents(&b->noise, b->w.latents, b->noise_scratch, size->n_channels, size->h,
                          size->w);
    dump(b, "noise.f32", b->w.latents, n);
    dump_sizes(b);
    tb_sampler_scale(b->sampler, 0, b->w.latents, in);
    memcpy(in + n, in, n * sizeof *in);
    b->input = (tb_unet_input){.latents = b->in,
                               .h = size->h,
                               .w = size->w,
                               .timestep = tb_sampler_timestep(b->sampler, 0),
                               .context = b->r.conditioning.context};
}

static void denoise(bench *b)
{
    tb_error err = {0};
    tb_nn nn;
    start_latents(b);
    tb_nn_init(&nn, b->job.kernels, b->report.pool);
    ok(tb_nn_reserve(&nn, evaluate, b, &err), &err);
    (void)time_run(&nn, evaluate, b);
    report_peak(&b->report);
    report_row(&b->report, "guided UNet step, median", time_median(&nn, evaluate, b),
               b->is_sd15 ? STEP_GFLOP : 0);
    tb_nn_deinit(&nn);
    size_t n = (size_t)b->w.size.n_latents;
    dump(b, "unet.f32", b->out, 2 * n);
    tb_guide(b->out, b->out, b->out + n, 7, b->w.size.n_latents);
    dump(b, "guided.f32", b->out, n);
    tb_sampler_step(b->sampler, 0, b->out, b->w.latents, NULL);
    dump(b, "latents.f32", b->w.latents, n);
}

static void decode_latents(tb_nn *nn, void *user)
{
    bench *b = user;
    tb_vae_decode(nn, b->r.vae, b->w.latents, b->w.size.h, b->w.size.w, b->image);
}

static void decode(bench *b)
{
    tb_error err = {0};
    tb_nn nn;
    size_t n = (size_t)b->w.size.height * (size_t)b->w.size.width * 3;
    b->image = new_floats(n);
    tb_nn_init(&nn, b->job.kernels, b->report.pool);
    ok(tb_nn_reserve(&nn, decode_latents, b, &err), &err);
    double gflop = b->is_sd15 ? DECODE_GFLOP : 0;
    report_peak(&b->report);
    report_row(&b->report, "first VAE decode 512x512", time_run(&nn, decode_latents, b), gflop);
    report_row(&b->report, "VAE decode 512x512, median", time_median(&nn, decode_latents, b),
               gflop);
    tb_nn_deinit(&nn);
    dump(b, "image.f32", b->image, n);
}

static void vocode(bench *b)
{
    tb_error err = {0};
    const tb_riffusion_size *size = &b->w.size;
    size_t n = (size_t)size->height * (size_t)size->width;
    uint8_t *red = malloc(n), *rgb = malloc(3 * n);
    float *samples = new_floats((size_t)size->n_vocoded);
    tb_vocode v = {0};
    if (red == NULL || rgb == NULL)
        ok(TIMBRE_NO_MEMORY, &(tb_error){.message = "no memory"});
    tb_vae_to_pixels(b->image, (int64_t)(3 * n), rgb);
    for (size_t i = 0; i < n; i++)
        red[i] = rgb[3 * i];
    report_peak(&b->report);
    double from = tb_clock_seconds();
    ok(tb_vocode_init(&v, &b->r.vocode, size->width, 1, &err), &err);
    ok(tb_vocode_pixels(&v, red, b->job.kernels, b->report.pool, NULL, samples, &err), &err);
    report_row(&b->report, "vocode", tb_clock_seconds() - from, 0);
    tb_vocode_deinit(&v);
    free(red);
    free(rgb);
    free(samples);
}

static void stop(bench *b)
{
    tb_sampler_free(b->sampler);
    tb_prompt_deinit(&b->w.prompt);
    tb_prompt_deinit(&b->w.negative);
    tb_riffusion_unload(&b->r);
    report_stop(&b->report);
    timbre_request_free(b->request);
    free(b->w.latents);
    free(b->embeddings);
    free(b->noise_scratch);
    free(b->in);
    free(b->out);
    free(b->image);
}

static bool parse(bench *b, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc)
            b->n_steps = atoi(argv[++i]);
        else if (strcmp(argv[i], "--dump") == 0 && i + 1 < argc)
            b->dump = argv[++i];
        else if (strcmp(argv[i], "--until") == 0 && i + 1 < argc)
            b->until = argv[++i];
        else if (report_option(&b->report, argc, argv, &i))
            continue;
        else if (b->model == NULL && argv[i][0] != '-')
            b->model = argv[i];
        else
            return false;
    }
    return b->model != NULL && b->n_steps > 0 && b->n_steps <= MAX_STEPS;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(bench *b);
    } stages[] = {{"encode", encode}, {"step", denoise}, {"decode", decode}, {"vocode", vocode}};
    static bench b = {.n_steps = 3};
    if (!parse(&b, argc, argv)) {
        fprintf(stderr,
                "usage: bench_network MODEL [--steps 1..%d] [--until STAGE] [--dump DIR] %s\n",
                MAX_STEPS, REPORT_OPTIONS);
        return 2;
    }
    start(&b);
    load(&b);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        stages[i].run(&b);
        if (b.until != NULL && strcmp(b.until, stages[i].name) == 0)
            break;
    }
    report_value(&b.report, "peak memory", (double)tb_memory_peak() * 1e-9, "GB");
    stop(&b);
    return EXIT_SUCCESS;
}
