/*
 * The only truth about jobs, takes, presets and inputs: SQLite behind plain functions. Every
 * function that changes something is one transaction, on stable storage when it returns OK. All are
 * safe from any thread; none waits for anything but the disk. `err` is never NULL.
 *
 * State machine (each arrow is one statement):
 *
 *          submit         claim (attempt + 1)        succeed (fence, not cancelled)
 *     ----------> queued ------------------> running ------------------------> succeeded
 *                   |  ^    retry, release      | |---- fail ----------------> failed
 *            cancel |  '------------------------' '---- cancel seen ---------> cancelled
 *                   '---------------------------------------------------------> cancelled
 *
 * A fence (id, attempt) guards every write of a running job: an attempt that is over changes
 * nothing. What has ended never changes again.
 */
#ifndef TB_WORKER_STORE_H
#define TB_WORKER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/hash.h"

enum { TB_ID_BYTES = 37 }; /* a UUID in lower case and the NUL */

typedef struct tb_store tb_store;

typedef enum tb_job_state {
    TB_JOB_QUEUED,
    TB_JOB_RUNNING,
    TB_JOB_SUCCEEDED,
    TB_JOB_FAILED,
    TB_JOB_CANCELLED,
    TB_JOB_STATE_COUNT
} tb_job_state;

/* "queued", ...; the spelling of the wire and of the table. */
const char *tb_job_state_name(tb_job_state state);
/* -1: no such state. */
int tb_job_state_find(const char *name);
bool tb_job_state_is_final(tb_job_state state);

typedef struct tb_stored_job {
    char id[TB_ID_BYTES];
    int64_t seq;     /* order of submission, from 1 */
    int64_t version; /* of the last change; grows over all rows of the store */
    tb_job_state state;
    int priority;                    /* -10 .. 10, higher first */
    int attempt;                     /* claims so far */
    bool is_cancelling;              /* running, and asked to stop */
    int64_t n_before;                /* queued: jobs that come first; else 0 */
    int64_t created_ms, updated_ms;  /* since the epoch */
    int64_t started_ms, finished_ms; /* 0: not yet */
    char *request;  /* canonical JSON, every default filled in; owned, as all texts */
    char *model_id; /* its model, as in takes */
    char *message;  /* for people; "" */
    char *pending;  /* the take whose file is being given its name (tb_store_note_pending);
                       NULL: none */
    tb_error error; /* FAILED: why; code OK otherwise */
} tb_stored_job;

void tb_stored_job_deinit(tb_stored_job *job); /* accepts a zeroed one */
void tb_stored_jobs_free(tb_stored_job *jobs, size_t n);

/* ---- the store ---- */

/*
 * Open or create the database `path`, bringing an older schema up to date. BAD_FILE: damaged, or
 * made by a later version. EXISTS: another process has it. NO_SPACE, PERMISSION, IO.
 */
TB_MUST_USE tb_status tb_store_open(const char *path, tb_store **out, tb_error *err);
void tb_store_close(tb_store *store); /* accepts NULL */
/* Whether a change can be made durable now: writes one. */
TB_MUST_USE tb_status tb_store_check(tb_store *store, tb_error *err);
/* "ok" from SQLite's integrity_check, else BAD_FILE with its first line. */
TB_MUST_USE tb_status tb_store_verify(tb_store *store, tb_error *err);
/* Version of the newest change of any row. */
int64_t tb_store_version(tb_store *store);

/* ---- jobs: what clients do ---- */

typedef struct tb_submission {
    const char *id;      /* a new UUID */
    const char *request; /* canonical JSON, resolved */
    const char *model_id;
    int priority;
    const char *key;         /* Idempotency-Key; NULL: none */
    const char *body_sha256; /* of the canonical body as it came, before anything was filled in;
                                compared where the key is known already */
    int64_t queue_limit;     /* queued jobs that there may be */
} tb_submission;

/*
 * Enter a job. A key that is known with the same body: *is_replay, and *out is the first job.
 * KEY_REUSED: with another body. QUEUE_FULL, NO_SPACE.
 */
TB_MUST_USE tb_status tb_store_submit(tb_store *store, const tb_submission *submission,
                                      tb_stored_job *out, bool *is_replay, tb_error *err);
/* NOT_FOUND names the id. */
TB_MUST_USE tb_status tb_store_get_job(tb_store *store, const char *id, tb_stored_job *out,
                                       tb_error *err);

typedef struct tb_job_filter {
    unsigned states;       /* bit 1 << state; 0: all */
    int64_t before_seq;    /* only older ones; 0: from the newest */
    int64_t after_version; /* only those changed later, in the order of their changes; -1: newest
                              first instead */
    size_t limit;          /* 1 .. 1000 */
} tb_job_filter;

/* Newest first, or by change. *jobs is an owned array (tb_stored_jobs_free). */
TB_MUST_USE tb_status tb_store_list_jobs(tb_store *store, const tb_job_filter *filter,
                                         tb_stored_job **jobs, size_t *n, tb_error *err);
/*
 * A queued job becomes CANCELLED, a running one is_cancelling; one that has ended stays as it is.
 * Once this returns OK with either, the job never becomes SUCCEEDED.
 */
TB_MUST_USE tb_status tb_store_cancel(tb_store *store, const char *id, tb_stored_job *out,
                                      tb_error *err);
/* Jobs of each state. */
TB_MUST_USE tb_status tb_store_count_jobs(tb_store *store, int64_t counts[TB_JOB_STATE_COUNT],
                                          tb_error *err);
/* Forget failed and cancelled jobs that ended before `before_ms`, and their keys. A succeeded one
 * stays as long as its take. */
TB_MUST_USE tb_status tb_store_forget_jobs(tb_store *store, int64_t before_ms, int64_t *n_forgotten,
                                           tb_error *err);

/* ---- jobs: what the one who runs them does ---- */

typedef struct tb_fence {
    const char *id;
    int attempt;
} tb_fence;

/* The next queued job (priority, then order of submission) becomes RUNNING with its attempt
 * counted. NOT_FOUND: none is queued. */
TB_MUST_USE tb_status tb_store_claim(tb_store *store, tb_stored_job *out, tb_error *err);

/*
 * The writes below: GONE when the fence does not hold (the job ended, or another attempt runs).
 */
/* What shall be the take's file, as JSON, before the file gets its name; NULL takes it back. */
TB_MUST_USE tb_status tb_store_note_pending(tb_store *store, const tb_fence *fence,
                                            const char *pending, tb_error *err);
struct tb_stored_take;
/* RUNNING becomes SUCCEEDED and the take is entered, in one step. CANCELLED: it was asked to stop
 * meanwhile, and nothing is changed. The take's number is set. */
TB_MUST_USE tb_status tb_store_succeed(tb_store *store, const tb_fence *fence,
                                       struct tb_stored_take *take, tb_error *err);
TB_MUST_USE tb_status tb_store_fail(tb_store *store, const tb_fence *fence, const tb_error *why,
                                    tb_error *err);
/* RUNNING becomes CANCELLED. */
TB_MUST_USE tb_status tb_store_end_cancelled(tb_store *store, const tb_fence *fence, tb_error *err);
/* Back to the queue, at its old place; `message` says why. is_counted false: this attempt does not
 * count (the worker stops). One that is_cancelling becomes CANCELLED instead. */
TB_MUST_USE tb_status tb_store_requeue(tb_store *store, const tb_fence *fence, bool is_counted,
                                       const char *message, tb_error *err);

/* ---- takes (on the wire: artifacts) ---- */

typedef struct tb_stored_take {
    char id[TB_ID_BYTES]; /* of its job, or of the take that was made without a worker */
    int64_t number;       /* #N for people; set by the store */
    int64_t version;
    char *path; /* absolute; owned, as all texts */
    int64_t len_bytes;
    char sha256[TB_SHA256_HEX_BYTES];
    int64_t made_ms;
    char *title; /* "": none was given, screens show the prompt */
    bool is_starred;
    char *prompt;
    int64_t seed;
    char *model_id;
    double duration_seconds;
    char *format;       /* "wav" */
    char *metadata;     /* JSON: prompt, seed, model_id, duration_seconds, extras */
    char *recipe;       /* JSON, as inside the file */
    int64_t trashed_ms; /* 0: not in the trash */
    char *trash_path;   /* where the file is then; NULL */
} tb_stored_take;

void tb_stored_take_deinit(tb_stored_take *take); /* accepts a zeroed one */
void tb_stored_takes_free(tb_stored_take *takes, size_t n);

/* Enter a take that was made without a worker; its number is set. EXISTS: its id is known. */
TB_MUST_USE tb_status tb_store_import_take(tb_store *store, tb_stored_take *take, tb_error *err);
/* NOT_FOUND names the id or number. One in the trash is found too. */
TB_MUST_USE tb_status tb_store_get_take(tb_store *store, const char *id, tb_stored_take *out,
                                        tb_error *err);
TB_MUST_USE tb_status tb_store_get_take_by_number(tb_store *store, int64_t number,
                                                  tb_stored_take *out, tb_error *err);
/* Whether a take outside the trash has this path. */
TB_MUST_USE tb_status tb_store_has_path(tb_store *store, const char *path, bool *has,
                                        tb_error *err);

typedef struct tb_take_filter {
    const char *words;      /* all of these, in prompt, title or model, whatever the case; NULL */
    int starred;            /* 1: only these, 0: only the others, -1: both */
    bool is_trashed;        /* those in the trash instead */
    int64_t before_number;  /* only older ones; 0: from the newest */
    int64_t made_before_ms; /* 0: any */
    bool is_oldest_first;
    size_t limit; /* 1 .. 1000 */
} tb_take_filter;

TB_MUST_USE tb_status tb_store_list_takes(tb_store *store, const tb_take_filter *filter,
                                          tb_stored_take **takes, size_t *n, tb_error *err);
/* Takes and bytes, those in the trash counted apart. */
typedef struct tb_take_totals {
    int64_t n, len_bytes, n_trashed, trashed_bytes;
} tb_take_totals;
TB_MUST_USE tb_status tb_store_total_takes(tb_store *store, tb_take_totals *out, tb_error *err);

/* title NULL, starred -1: as it is. NOT_FOUND. */
TB_MUST_USE tb_status tb_store_edit_take(tb_store *store, const char *id, const char *title,
                                         int starred, tb_stored_take *out, tb_error *err);
/* The file is, or is about to be, at trash_path. */
TB_MUST_USE tb_status tb_store_trash_take(tb_store *store, const char *id, const char *trash_path,
                                          tb_error *err);
/* Out of the trash, its file at `path`. */
TB_MUST_USE tb_status tb_store_restore_take(tb_store *store, const char *id, const char *path,
                                            tb_error *err);
/* Forget a take and its job. OK where there is none. */
TB_MUST_USE tb_status tb_store_forget_take(tb_store *store, const char *id, tb_error *err);

/* ---- presets: named requests ---- */

typedef struct tb_stored_preset {
    char *name;
    char *request; /* JSON object of fields */
    int64_t updated_ms;
} tb_stored_preset;

void tb_stored_presets_free(tb_stored_preset *presets, size_t n);
TB_MUST_USE tb_status tb_store_put_preset(tb_store *store, const char *name, const char *request,
                                          bool *is_new, tb_error *err);
/* NOT_FOUND. *request is owned. */
TB_MUST_USE tb_status tb_store_get_preset(tb_store *store, const char *name, char **request,
                                          int64_t *updated_ms, tb_error *err);
TB_MUST_USE tb_status tb_store_list_presets(tb_store *store, tb_stored_preset **presets, size_t *n,
                                            tb_error *err);
TB_MUST_USE tb_status tb_store_delete_preset(tb_store *store, const char *name, tb_error *err);

/* ---- inputs: sounds and pictures that clients brought; files in DATA_DIR/inputs/ID ---- */

typedef struct tb_stored_input {
    char id[TB_ID_BYTES];
    char media_type[32]; /* as found in its bytes: "audio/wav", "image/png" */
    int64_t len_bytes;
    char sha256[TB_SHA256_HEX_BYTES];
    int64_t created_ms;
} tb_stored_input;

/* The same bytes again: *input becomes the first one, *is_known. */
TB_MUST_USE tb_status tb_store_add_input(tb_store *store, tb_stored_input *input, bool *is_known,
                                         tb_error *err);
/* By its id, or by the SHA-256 of its bytes. NOT_FOUND. */
TB_MUST_USE tb_status tb_store_get_input(tb_store *store, const char *id, tb_stored_input *out,
                                         tb_error *err);
/* Those created before `before_ms`, oldest first, at most `limit`: owned array (free). */
TB_MUST_USE tb_status tb_store_list_inputs(tb_store *store, int64_t before_ms, size_t limit,
                                           tb_stored_input **inputs, size_t *n, tb_error *err);
TB_MUST_USE tb_status tb_store_forget_input(tb_store *store, const char *id, tb_error *err);

#endif
