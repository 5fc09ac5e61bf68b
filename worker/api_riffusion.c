/*
 * riffusion's own server protocol (riffusion.server of riffusion-hobby): one clip between two
 * prompts for each request, picture and sound in the answer. Its web app works against it
 * unchanged. The clip is a job like any other, ahead of those that wait; its take does not stay in
 * the history.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/str.h"
#include "timbre/audio.h"
#include "timbre/spectrogram.h"
#include "worker/riffusion_body.h"
#include "worker/riffusion_reply.h"
#include "worker/runner.h"
#include "worker/submit.h"
#include "worker/take_file.h"

enum {
    WAIT_S = 600, /* the web app gives up after 60, other clients may not */
    FILE_BYTES = 64 << 20,
};

/* As Flask sends its own: a page of plain words. Nothing in it is to be run. */
static void reply_page(tb_http_response *response, int status, const char *text)
{
    tb_http_reply_text(response, status, "text/html; charset=utf-8", text);
    tb_http_set_header(response, "Content-Security-Policy", "default-src 'none'; sandbox");
}

/* ---- the request ---- */

static tb_status read_body(const tb_http_request *request, char **text, size_t *len_bytes,
                           tb_error *err)
{
    int64_t n = 0;
    int fd = tb_http_body_file(request, &n);
    *text = calloc(1, (size_t)(fd < 0 ? 0 : n) + 1);
    *len_bytes = fd < 0 ? 0 : (size_t)n;
    if (*text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    if (fd >= 0 && pread(fd, *text, (size_t)n, 0) != n)
        return tb_fail(err, TIMBRE_IO, "the body cannot be read");
    return TIMBRE_OK;
}

/* Names of a list, never parts of a path. */
static tb_status check_image(const char *field, const char *kind, const char *id, tb_error *err)
{
    return timbre_input_has_name(field, id)
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_BAD_INPUT, "Invalid %s image: %.200s", kind, id);
}

static tb_status check_images(const tb_inference *in, tb_error *err)
{
    tb_status st = check_image("init", "seed", in->seed_image_id, err);
    bool has_mask = in->mask_image_id != NULL && in->mask_image_id[0] != '\0';
    return st == TIMBRE_OK && has_mask ? check_image("mask", "mask", in->mask_image_id, err) : st;
}

/* riffusion's names to those of our fields. Its negative prompts have no effect there either. */
static json_t *make_object(const tb_inference *in)
{
    bool has_mask = in->mask_image_id != NULL && in->mask_image_id[0] != '\0';
    return json_pack("{s:s, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:s, s:s, s:s*, s:s, s:i}",
                     "prompt", in->start.prompt, "prompt_b", in->end.prompt, "seed",
                     (json_int_t)in->start.seed, "seed_b", (json_int_t)in->end.seed, "strength",
                     in->start.denoising, "strength_b", in->end.denoising, "cfg_scale",
                     in->start.guidance, "cfg_scale_b", in->end.guidance, "alpha", in->alpha,
                     "steps", (json_int_t)in->num_inference_steps, "scheduler", "pndm", "init",
                     in->seed_image_id, "mask", has_mask ? in->mask_image_id : NULL,
                     "output_format", "wav", "priority", TB_PRIORITY_MAX);
}

/* Nobody says which model: the default one, and that has to paint. */
static tb_status check_model(tb_worker *worker, tb_error *err)
{
    tb_model_place place = {0};
    tb_status st = tb_model_place_find(worker, NULL, &place, err);
    if (st == TIMBRE_OK && place.path == NULL) {
        st = tb_fail(err, TIMBRE_MODEL_MISSING,
                     "the sketch cannot do this: a neural model is needed");
        tb_fix(err, "timbre models pull riffusion-v1");
    }
    tb_model_place_deinit(&place);
    return st;
}

/* ---- the job ---- */

static tb_status enter(tb_worker *worker, const tb_inference *in, tb_stored_job *job, tb_error *err)
{
    tb_submit s = {0};
    bool is_replay = false;
    json_t *object = make_object(in);
    tb_status st = object == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request")
                                  : tb_submit_read(worker, object, &s, err);
    if (st == TIMBRE_OK)
        st = tb_submit_enter(worker, &s, job, &is_replay, err);
    if (st == TIMBRE_OK)
        tb_feed_ring(worker->feed);
    json_decref(object);
    tb_submit_deinit(&s);
    return st;
}

/* Nobody waits any more: the job has nothing to do. */
static void give_up(tb_worker *worker, const char *id)
{
    tb_stored_job job = {0};
    tb_error ignored = {0};
    if (tb_store_cancel(worker->store, id, &job, &ignored) == TIMBRE_OK)
        tb_runner_cancel(worker->runner, id);
    tb_stored_job_deinit(&job);
    tb_feed_ring(worker->feed);
}

static tb_status wait_for_take(tb_worker *worker, tb_stored_job *job, tb_error *err)
{
    tb_status st = tb_submit_wait(worker, job, WAIT_S, err);
    if (st != TIMBRE_OK)
        return st;
    if (!tb_job_state_is_final(job->state)) {
        give_up(worker, job->id);
        return atomic_load(&worker->is_stopping)
                   ? tb_fail(err, TIMBRE_STOPPING, "the worker is stopping")
                   : tb_fail(err, TIMBRE_TIMED_OUT, "not done after %d s", WAIT_S);
    }
    if (job->state == TB_JOB_SUCCEEDED)
        return TIMBRE_OK;
    return job->state == TB_JOB_CANCELLED ? tb_fail(err, TIMBRE_CANCELLED, "the job was cancelled")
                                          : tb_fail(err, TIMBRE_FAILED, "%.400s", job->message);
}

/* ---- the answer ---- */

static tb_status make_jpeg(tb_worker *worker, const char *id, unsigned char **jpeg, size_t *n,
                           tb_error *err)
{
    char *png = NULL;
    size_t len_bytes = 0;
    char *path = tb_strf("%s/pictures/%s.png", worker->options->data_dir, id);
    tb_status st = path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                : tb_file_read(path, FILE_BYTES, &png, &len_bytes, err);
    timbre_image_convert_options options = {.struct_size = sizeof options, .format = "jpeg"};
    if (st == TIMBRE_OK)
        st = timbre_image_convert((const unsigned char *)png, len_bytes, &options, jpeg, n, err);
    free(png);
    free(path);
    return st;
}

/* The sound as MP3, as riffusion sends it. All clips are of one length before and behind it. */
static tb_status make_mp3(tb_worker *worker, const tb_stored_take *take, char **mp3, size_t *n,
                          tb_error *err)
{
    char *folder = tb_strf("%s/cache", worker->options->data_dir);
    char *path = folder == NULL ? NULL : tb_strf("%s/%s.mp3", folder, take->id);
    tb_status st = path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                : tb_dir_make(folder, err);
    if (st == TIMBRE_OK)
        st = timbre_audio_convert(take->path, path, take->prompt, 1, NULL, err);
    if (st == TIMBRE_OK)
        st = tb_file_read(path, FILE_BYTES, mp3, n, err);
    if (path != NULL)
        (void)unlink(path);
    free(path);
    free(folder);
    return st;
}

static tb_status format_answer(tb_worker *worker, const tb_stored_take *take, char **text,
                               tb_error *err)
{
    unsigned char *jpeg = NULL;
    char *mp3 = NULL;
    size_t n_jpeg = 0, n_mp3 = 0;
    tb_status st = make_jpeg(worker, take->id, &jpeg, &n_jpeg, err);
    if (st == TIMBRE_OK)
        st = make_mp3(worker, take, &mp3, &n_mp3, err);
    if (st == TIMBRE_OK)
        st = tb_inference_format(jpeg, n_jpeg, "audio/mpeg", (const unsigned char *)mp3, n_mp3,
                                 take->duration_seconds, text, err);
    free(jpeg);
    free(mp3);
    return st;
}

/* It was made for this answer alone. */
static void forget(tb_worker *worker, const char *id)
{
    tb_stored_take trashed = {0};
    tb_error err = {0};
    tb_status st = tb_take_file_trash(worker, id, &trashed, &err);
    if (st == TIMBRE_OK)
        st = tb_take_file_purge(worker, &trashed, &err);
    if (st != TIMBRE_OK) /* then it stays in the history, which hurts nobody */
        tb_journal_error(&worker->journal, "take of /run_inference/ stays", id, &err);
    tb_stored_take_deinit(&trashed);
    tb_feed_ring(worker->feed);
}

static tb_status answer(tb_worker *worker, const tb_inference *in, char **text, tb_error *err)
{
    tb_stored_job job = {0};
    tb_stored_take take = {0};
    tb_status st = enter(worker, in, &job, err);
    if (st == TIMBRE_OK)
        st = wait_for_take(worker, &job, err);
    if (st == TIMBRE_OK)
        st = tb_store_get_take(worker->store, job.id, &take, err);
    if (st == TIMBRE_OK) {
        st = format_answer(worker, &take, text, err);
        forget(worker, take.id);
    }
    tb_stored_take_deinit(&take);
    tb_stored_job_deinit(&job);
    return st;
}

/* 400 for what the client can mend, as riffusion; what it has no words for has ours. */
static int status_of(tb_status st)
{
    switch (st) {
    case TIMBRE_BAD_INPUT:
    case TIMBRE_BAD_FILE:
        return 400;
    case TIMBRE_QUEUE_FULL:
        return 429;
    case TIMBRE_MODEL_MISSING:
    case TIMBRE_STOPPING:
        return 503;
    case TIMBRE_TIMED_OUT:
        return 504;
    default:
        return 500;
    }
}

static void reply_failure(tb_http_response *response, const tb_error *err)
{
    char *text = err->fix[0] == '\0' ? NULL : tb_strf("%s\n%s", err->message, err->fix);
    reply_page(response, status_of(err->code), text != NULL ? text : err->message);
    if (status_of(err->code) == 429 || err->code == TIMBRE_STOPPING)
        tb_http_set_header(response, "Retry-After", "5");
    free(text);
}

TB_HANDLER(run_inference)
{
    tb_inference in;
    tb_error err = {0};
    char *body = NULL, *text = NULL;
    size_t len_bytes = 0;
    tb_status st = read_body(request, &body, &len_bytes, &err);
    if (st == TIMBRE_OK)
        st = tb_inference_parse(body, len_bytes, &in, &err);
    free(body);
    if (st != TIMBRE_OK) {
        reply_failure(response, &err);
        return;
    }
    st = check_images(&in, &err);
    if (st == TIMBRE_OK)
        st = check_model(worker, &err);
    if (st == TIMBRE_OK)
        st = answer(worker, &in, &text, &err);
    tb_inference_deinit(&in);
    if (st == TIMBRE_OK)
        reply_page(response, 200, text);
    else
        reply_failure(response, &err);
    free(text);
}

/* Flask's own answer to the address without its last slash. */
TB_HANDLER(run_inference_moved)
{
    (void)worker;
    (void)request;
    reply_page(response, 308, "The address is /run_inference/.");
    tb_http_set_header(response, "Location", "/run_inference/");
}
