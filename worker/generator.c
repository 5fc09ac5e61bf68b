/*
 * The generator child: the engine, alone with one socket. It reads models and prompts of strangers,
 * so it has no database, no network, and writes no files: what it makes goes over the channel. A
 * thread of its own listens for cancel, and ends the process when the supervisor is gone.
 */
#include <png.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/str.h"
#include "timbre/engine.h"
#include "worker/channel.h"
#include "worker/confine.h"
#include "worker/generator_frames.h"
#include "worker/generator_hook.h"
#include "worker/journal.h"
#include "worker/store.h"
#include "worker/worker.h"

enum { NICENESS = 5, PROGRESS_MS = 100, PREVIEW_MS = 400 };

typedef struct {
    tb_channel channel;
    timbre_engine *engine;
    char *inputs; /* folder of what takes begin with; owned */
    tb_journal journal;
    timbre_cancel cancel;
    double progress_s, preview_s; /* when the last one was sent */
    int i_stage;                  /* of it */

    pthread_mutex_t mutex; /* guards the three below */
    pthread_cond_t has_work;
    json_t *work;         /* the next frame; NULL: none */
    char id[TB_ID_BYTES]; /* of the take that is being made; "": none */
} generator;

static const char *text_of(const json_t *frame, const char *name)
{
    return json_string_value(json_object_get(frame, name));
}

static void send_frame(generator *g, json_t *frame, const void *bytes, size_t len_bytes)
{
    tb_error err = {0};
    if (frame == NULL || tb_channel_send(&g->channel, frame, bytes, len_bytes, &err) != TIMBRE_OK)
        _exit(1); /* without memory or supervisor there is nobody to tell */
    json_decref(frame);
}

static void send_failure(generator *g, const tb_error *err)
{
    send_frame(g,
               json_pack("{s:s, s:s, s:s, s:s}", "op", "failed", "code",
                         timbre_status_name(err->code), "message", err->message, "fix", err->fix),
               NULL, 0);
}

static void log_engine(timbre_log_level level, const char *message, void *user)
{
    generator *g = user;
    tb_journal_write(&g->journal, level, message, (tb_journal_field[]){{"part", "engine", 0}, {0}});
}

/* ---- the listening thread ---- */

static void take_frame(generator *g, json_t *frame)
{
    const char *op = text_of(frame, "op"), *id = text_of(frame, "id");
    pthread_mutex_lock(&g->mutex);
    if (op != NULL && strcmp(op, "cancel") == 0) {
        if (id != NULL && strcmp(id, g->id) == 0)
            timbre_cancel_request(&g->cancel);
        json_decref(frame);
    } else {
        json_decref(g->work);
        g->work = frame;
        (void)snprintf(g->id, sizeof g->id, "%s", id == NULL ? "" : id);
        timbre_cancel_reset(&g->cancel);
        pthread_cond_signal(&g->has_work);
    }
    pthread_mutex_unlock(&g->mutex);
}

static void *listen_to_supervisor(void *user)
{
    generator *g = user;
    for (;;) {
        json_t *frame = NULL;
        int64_t len_bytes = 0;
        tb_error err = {0};
        if (tb_channel_receive(&g->channel, -1, &frame, &len_bytes, &err) != TIMBRE_OK)
            _exit(0);
        take_frame(g, frame);
    }
    return NULL;
}

static json_t *wait_for_work(generator *g)
{
    pthread_mutex_lock(&g->mutex);
    while (g->work == NULL)
        pthread_cond_wait(&g->has_work, &g->mutex);
    json_t *work = g->work;
    g->work = NULL;
    pthread_mutex_unlock(&g->mutex);
    return work;
}

/* ---- one take ---- */

static void on_progress(const timbre_progress *p, void *user)
{
    generator *g = user;
    TB_GENERATOR_STEP_HOOK(p);
    double now_s = tb_clock_seconds();
    if (p->i_stage == g->i_stage && now_s - g->progress_s < PROGRESS_MS / 1e3)
        return;
    g->progress_s = now_s;
    g->i_stage = p->i_stage;
    send_frame(g,
               json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f}", "op", "progress", "stage", p->stage,
                         "i_stage", p->i_stage, "n_stages", p->n_stages, "stage_fraction",
                         p->stage_fraction, "fraction", p->fraction, "elapsed_s", p->elapsed_s),
               NULL, 0);
}

/* [height][width] grey as PNG; owned. NULL: it cannot be made, and a preview is worth no error. */
static void *encode_png(const timbre_preview_image *image, size_t *len_bytes)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_GRAY,
                     .flags = PNG_IMAGE_FLAG_FAST};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    void *bytes = malloc(size);
    if (bytes == NULL ||
        !png_image_write_to_memory(&png, bytes, &size, 0, image->pixels, 0, NULL)) {
        free(bytes);
        return NULL;
    }
    *len_bytes = size;
    return bytes;
}

static void on_preview(const timbre_preview_image *image, void *user)
{
    generator *g = user;
    double now_s = tb_clock_seconds();
    size_t len_bytes = 0;
    if (now_s - g->preview_s < PREVIEW_MS / 1e3 && image->i_step < image->n_steps)
        return;
    void *png = encode_png(image, &len_bytes);
    if (png == NULL)
        return;
    g->preview_s = now_s;
    send_frame(g,
               json_pack("{s:s, s:i, s:i}", "op", "preview", "i_step", image->i_step, "n_steps",
                         image->n_steps),
               png, len_bytes);
    free(png);
}

static void send_take(generator *g, const timbre_take *take)
{
    size_t len_bytes = 0;
    const unsigned char *picture = timbre_take_image(take, &len_bytes);
    if (picture != NULL)
        send_frame(g, json_pack("{s:s}", "op", "picture"), picture, len_bytes);
    const unsigned char *sound = timbre_take_bytes(take, &len_bytes);
    send_frame(g,
               json_pack("{s:s, s:s, s:s, s:s, s:s}", "op", "take", "sha256",
                         timbre_take_file_sha256(take), "recipe", timbre_take_recipe(take),
                         "metadata", timbre_take_metadata(take), "sidecar",
                         timbre_take_sidecar(take)),
               sound, len_bytes);
}

static tb_status read_request(const generator *g, const json_t *work, timbre_request **out,
                              tb_error *err)
{
    const char *path = text_of(work, "model_path");
    char *text = json_dumps(json_object_get(work, "request"), JSON_COMPACT);
    tb_status st = timbre_request_new(out, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(*out, text == NULL ? "" : text,
                                     text == NULL ? 0 : strlen(text), err);
    if (st == TIMBRE_OK && path != NULL)
        st = timbre_request_place_model(*out, path, text_of(work, "tokenizer"), err);
    if (st == TIMBRE_OK)
        st = timbre_request_find_inputs(*out, g->inputs, err);
    free(text);
    return st;
}

static tb_status make_take(generator *g, const json_t *work, bool is_warming, tb_error *err)
{
    timbre_request *request = NULL;
    timbre_take *take = NULL;
    timbre_output output = {
        .struct_size = sizeof output, .in_memory = 1, .id = is_warming ? NULL : g->id};
    timbre_generate_options options = {.struct_size = sizeof options,
                                       .output = &output,
                                       .progress = on_progress,
                                       .progress_user = g,
                                       .cancel = &g->cancel,
                                       .preview = is_warming ? NULL : on_preview,
                                       .preview_user = g};
    g->i_stage = -1;
    g->preview_s = 0;
    tb_status st = read_request(g, work, &request, err);
    if (st == TIMBRE_OK)
        st = TB_GENERATOR_HOOK(timbre_request_text(request, "prompt"), on_progress, g, &g->cancel,
                               err);
    if (st == TIMBRE_OK)
        st = timbre_generate(g->engine, request, &options, &take, err);
    if (st == TIMBRE_OK && !is_warming)
        send_take(g, take);
    timbre_take_free(take);
    timbre_request_free(request);
    return st;
}

static void run_work(generator *g)
{
    json_t *work = wait_for_work(g);
    const char *op = text_of(work, "op");
    tb_error err = {0};
    tb_status st = TIMBRE_OK;
    if (op != NULL && (strcmp(op, "generate") == 0 || strcmp(op, "warm") == 0))
        st = make_take(g, work, strcmp(op, "warm") == 0, &err);
    else
        st = tb_fail(&err, TIMBRE_INTERNAL, "no work of this name");
    if (st != TIMBRE_OK)
        send_failure(g, &err);
    json_decref(work);
    pthread_mutex_lock(&g->mutex);
    if (g->work == NULL) /* else it is the id of what comes next */
        g->id[0] = '\0';
    pthread_mutex_unlock(&g->mutex);
    send_frame(g, json_pack("{s:s}", "op", "ready"), NULL, 0);
}

/* ---- the beginning ---- */

enum { READABLE_MAX = 32 };

static tb_status confine(const json_t *begin, tb_error *err)
{
    const char *readable[READABLE_MAX + 1] = {NULL};
    const json_t *paths = json_object_get(begin, "readable");
    for (size_t i = 0; i < json_array_size(paths) && i < READABLE_MAX; i++)
        readable[i] = json_string_value(json_array_get(paths, i));
    return tb_confine(readable, err);
}

static tb_status open_engine(generator *g, const json_t *begin, tb_error *err)
{
    timbre_engine_options options = {
        .struct_size = sizeof options,
        .n_threads = (int)json_integer_value(json_object_get(begin, "threads")),
        .soundfont = text_of(begin, "soundfont"),
        .data_dir = text_of(begin, "data_dir"),
        .log = log_engine,
        .log_user = g,
        .log_level = g->journal.min_level,
        .cpu = text_of(begin, "cpu"),
        .tokenizer = text_of(begin, "tokenizer"),
        .memory = text_of(begin, "memory"),
    };
    g->inputs = tb_strf("%s/inputs", options.data_dir);
    if (g->inputs == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    return timbre_engine_new(&options, &g->engine, err);
}

static tb_status begin(generator *g, tb_error *err)
{
    json_t *frame = NULL;
    int64_t len_bytes = 0;
    tb_status st = tb_channel_receive(&g->channel, -1, &frame, &len_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    g->journal = (tb_journal){
        .fd = STDERR_FILENO,
        .is_json = json_is_true(json_object_get(frame, "json")),
        .min_level = (timbre_log_level)json_integer_value(json_object_get(frame, "level"))};
    st = confine(frame, err);
    if (st == TIMBRE_OK)
        st = open_engine(g, frame, err);
    json_decref(frame);
    if (st != TIMBRE_OK)
        send_failure(g, err);
    return st;
}

int tb_generator_main(void)
{
    generator g = {.mutex = PTHREAD_MUTEX_INITIALIZER, .has_work = PTHREAD_COND_INITIALIZER};
    tb_error err = {0};
    pthread_t thread;
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    (void)signal(SIGINT, SIG_IGN); /* the terminal's; the supervisor decides */
    (void)signal(SIGPIPE, SIG_IGN);
    tb_channel_init(&g.channel, TB_GENERATOR_FD);
    if (begin(&g, &err) != TIMBRE_OK)
        return timbre_status_exit_code(err.code);
    if (pthread_create(&thread, NULL, listen_to_supervisor, &g) != 0)
        return timbre_status_exit_code(TIMBRE_NO_MEMORY);
    send_frame(&g, json_pack("{s:s}", "op", "ready"), NULL, 0);
    for (;;)
        run_work(&g);
}
