/*
 * What the studio knows of takes: those that the worker has, those being made, and those that it
 * could not take yet. In order of their making, the newest last; and the rows that the list shows
 * of them. No network and no screen here.
 */
#ifndef TB_CLI_TUI_COLLECTION_H
#define TB_CLI_TUI_COLLECTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { TB_TAKE_ID_MAX = 40, TB_TAKE_PEAKS = 200 };

typedef enum tb_take_state {
    TB_TAKE_UNSENT, /* waits for the worker to come back */
    TB_TAKE_QUEUED,
    TB_TAKE_RUNNING,
    TB_TAKE_DONE,
    TB_TAKE_FAILED,
    TB_TAKE_CANCELLED,
} tb_take_state;

typedef struct tb_take {
    char id[TB_TAKE_ID_MAX];
    tb_take_state state;
    int64_t created_ms;                              /* since 1970; the order */
    int number;                                      /* 0: none yet */
    char *prompt, *title, *model_id, *path, *format; /* owned; title may be NULL */
    char *error, *fix;                               /* owned; of FAILED */
    char *folded;   /* owned: prompt and title for the search; NULL: not made yet */
    json_t *extras; /* of the artifact's metadata */
    int64_t seed;
    double length_s;
    int64_t bytes;
    bool is_starred, is_trashed, is_sketch;
    bool is_of_this_run; /* made since the studio started */
    /* While it is made. */
    double progress, rate, eta_s; /* eta_s < 0: unknown */
    char stage[24];
    int step, steps, queue_position;
    double began_s, stage_s; /* clock of the first progress; of the stage */
    /* The wave, of the loudest sample in each stretch: 0 .. 255. */
    uint8_t *peaks; /* owned, [TB_TAKE_PEAKS]; NULL: not there */
    bool has_asked_peaks;
} tb_take;

typedef enum tb_filter {
    TB_FILTER_ALL,
    TB_FILTER_STARRED,
    TB_FILTER_FAILED,
    TB_FILTER_RUN, /* since the studio started */
    TB_FILTER_COUNT
} tb_filter;

typedef enum tb_row_kind { TB_ROW_DAY, TB_ROW_PROMPT, TB_ROW_TAKE, TB_ROW_FIX } tb_row_kind;

typedef struct tb_list_row {
    tb_row_kind kind;
    tb_take *take; /* of DAY and PROMPT: the first one below */
} tb_list_row;

/* Zero-initialise. */
typedef struct tb_collection {
    tb_take **takes; /* owned, and what they point to */
    size_t n, capacity;
    tb_filter filter;
    char *search;      /* owned, folded; NULL: everything */
    tb_list_row *rows; /* owned; valid until the next change */
    size_t n_rows, row_capacity;
    bool is_stale; /* the rows do not show what the takes are */
} tb_collection;

void tb_collection_deinit(tb_collection *collection);
tb_take *tb_collection_find(const tb_collection *collection, const char *id);
tb_take *tb_collection_find_number(const tb_collection *collection, int number);

/* A GenerationStatus or a GenerationArtifact of the worker's; the take, NULL for memory or for what
 * is neither. *is_new may be NULL. */
tb_take *tb_collection_take_status(tb_collection *collection, const json_t *status, bool *is_new);
tb_take *tb_collection_take_artifact(tb_collection *collection, const json_t *artifact,
                                     bool *is_new);
/* A take that was not sent yet; id: its key. NULL for memory. */
tb_take *tb_collection_add_unsent(tb_collection *collection, const char *key, const char *prompt,
                                  int64_t now_ms);
void tb_collection_remove(tb_collection *collection, tb_take *take);
/* Forget all that a worker has. */
void tb_collection_keep_unsent(tb_collection *collection);
/* The answer of /peaks. */
void tb_take_set_peaks(tb_take *take, const json_t *answer);

void tb_collection_set_filter(tb_collection *collection, tb_filter filter);
/* Only takes with all the words in prompt or title; with "!" before it a word must not be there.
 * "": everything. */
void tb_collection_set_search(tb_collection *collection, const char *text);
/* Rows of the takes that filter and search leave, up to date. */
void tb_collection_update(tb_collection *collection);
/* Index of the take's row; -1: it is not shown. */
int tb_collection_row_of(const tb_collection *collection, const tb_take *take);
/* The next take below (or above, step < 0) of the row; -1: none. */
int tb_collection_step(const tb_collection *collection, int row, int step);

bool tb_take_is_active(const tb_take *take);
/* Takes that are queued or running; *n_unsent: those that were not sent. */
int tb_collection_count_active(const tb_collection *collection, int *n_unsent);
/* Takes that are there. */
int tb_collection_count_done(const tb_collection *collection);
/* Whose progress is shown; NULL: none. */
tb_take *tb_collection_running(const tb_collection *collection);

#endif
