/* Where libtimbre's messages go: a callback given when the engine is made. */
#ifndef TIMBRE_LOG_H
#define TIMBRE_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum timbre_log_level {
    TIMBRE_LOG_DEBUG,
    TIMBRE_LOG_INFO,
    TIMBRE_LOG_WARNING,
    TIMBRE_LOG_ERROR,
} timbre_log_level;

/* `message` is one line without a newline, valid during the call. May come from any thread. */
typedef void (*timbre_log_fn)(timbre_log_level level, const char *message, void *user);

#ifdef __cplusplus
}
#endif
#endif
