/*
 * Status codes and the error value of libtimbre.
 *
 * One list holds every code with its wire name, its process exit code and its HTTP status;
 * the command line, the recipe and the service all read it from here. A function that can fail
 * returns a timbre_status and fills a caller-owned timbre_error; the library never prints,
 * never exits and never aborts on input.
 */
#ifndef TIMBRE_STATUS_H
#define TIMBRE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define TIMBRE_MUST_USE __attribute__((warn_unused_result))
#else
#define TIMBRE_MUST_USE
#endif

/* X(enum suffix, wire name, exit code, HTTP status, meaning) */
#define TIMBRE_STATUS_LIST(X)                                                                      \
    X(OK, "ok", 0, 200, "done")                                                                    \
    X(FAILED, "failed", 1, 500, "something outside this program failed")                           \
    X(BAD_INPUT, "bad_input", 2, 400, "the request, a flag or a setting is wrong")                 \
    X(UNSUPPORTED, "unsupported", 2, 400, "known, but not possible here")                          \
    X(NOT_FOUND, "not_found", 1, 404, "no such file or thing")                                     \
    X(EXISTS, "exists", 1, 409, "already there, and not overwritten")                              \
    X(BAD_FILE, "bad_file", 1, 422, "a file is damaged or not what its name says")                 \
    X(IO, "io", 1, 500, "reading or writing failed")                                               \
    X(PERMISSION, "permission", 1, 403, "the system refused access")                               \
    X(NO_SPACE, "no_space", 1, 507, "the disk or quota is full")                                   \
    X(MODEL_MISSING, "model_missing", 3, 503, "a model or SoundFont is not installed")             \
    X(WORKER_UNREACHABLE, "worker_unreachable", 4, 502, "the worker does not answer")              \
    X(HUB_UNREACHABLE, "hub_unreachable", 4, 502, "the model hub does not answer")                 \
    X(NO_MEMORY, "no_memory", 5, 503, "not enough memory, or the device was lost")                 \
    X(NO_AUDIO_OUTPUT, "no_audio_output", 6, 503, "no sound output on this machine")               \
    X(TIMED_OUT, "timed_out", 7, 504, "the time limit was reached")                                \
    X(VERIFY_FAILED, "verify_failed", 8, 500, "a checksum or a read-back differs")                 \
    X(CANCELLED, "cancelled", 130, 409, "interrupted")                                             \
    X(GONE, "gone", 1, 410, "it was there, and is moved, changed or expired")                      \
    X(QUEUE_FULL, "queue_full", 1, 429, "the worker has no room for more")                         \
    X(KEY_REUSED, "key_reused", 1, 422, "an Idempotency-Key came with another request")            \
    X(UNAUTHORIZED, "unauthorized", 1, 401, "the worker wants its API key")                        \
    X(STOPPING, "stopping", 4, 503, "the worker is stopping")                                      \
    X(GENERATOR_DIED, "generator_died", 1, 500, "the process that makes takes died")               \
    X(INTERNAL, "internal", 1, 500, "a defect of this program")

typedef enum timbre_status {
#define TIMBRE_STATUS_ENUM(id, wire, exit_code, http, text) TIMBRE_##id,
    TIMBRE_STATUS_LIST(TIMBRE_STATUS_ENUM)
#undef TIMBRE_STATUS_ENUM
        TIMBRE_STATUS_COUNT
} timbre_status;

/*
 * What went wrong, in the three parts that a person needs. Caller's storage; zero-initialise.
 * The layout is fixed for the life of the library.
 */
typedef struct timbre_error {
    timbre_status code;
    int sys_errno;     /* errno of the failed system call, or 0 */
    char message[512]; /* what and why: lower case, name + value + limit */
    char fix[512];     /* what to do, a command where there is one; empty when nothing is known */
} timbre_error;

/* Wire name ("no_space"); never NULL. Unknown codes are "internal". */
const char *timbre_status_name(timbre_status status);
/* One sentence; never NULL. */
const char *timbre_status_text(timbre_status status);
/* Exit code of the command line for this status, as `timbre help exit-codes` lists them. */
int timbre_status_exit_code(timbre_status status);
/* HTTP status that the service answers with. */
int timbre_status_http(timbre_status status);

#ifdef __cplusplus
}
#endif
#endif
