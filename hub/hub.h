/*
 * Models on this machine and from the Hub. One context says where things are; it is read from the
 * environment once and never changes. Nothing of the hub prints, asks or knows the engine: whoever
 * calls it shows progress, asks for consent and opens what it found.
 */
#ifndef TB_HUB_HUB_H
#define TB_HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* How patient the network is; the values without a variable in brackets. For networks that are
 * slow, or fast: TIMBRE_HUB_RETRY_S sets retry_s, TIMBRE_HUB_STALL_S stall_s, in seconds. */
typedef struct tb_hub_patience {
    double retry_s;   /* pause before the second try, doubled each time up to 30 s [1] */
    double stall_s;   /* a connection that brings almost nothing for so long is cut [30] */
    double connect_s; /* until a connection stands [20] */
    double wait_s;    /* the longest Retry-After that is waited for [120] */
    int n_tries;      /* in a row without progress [5] */
} tb_hub_patience;

typedef struct tb_hub {
    char *cache;      /* folder of the Hugging Face cache: HF_HUB_CACHE, HF_HOME/hub,
                         XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub */
    char *records;    /* DATA_DIR/models: manifests and consents; NULL: no data folder */
    char *shipped;    /* folder of models that came with the program: ../share/timbre/models seen
                         from the program's own; NULL: there is none */
    char *endpoint;   /* HF_ENDPOINT or https://huggingface.co, without a slash at the end */
    char *token;      /* HF_TOKEN, else the file HF_TOKEN_PATH or HF_HOME/token; NULL: none */
    char *token_from; /* where the token is from, for messages; NULL: none */
    bool is_offline;  /* HF_HUB_OFFLINE */
    tb_hub_patience patience;
} tb_hub;

/* Read the environment. data_dir: Timbre's data folder; NULL: none, nothing is recorded. Fills
 * *hub, which tb_hub_deinit empties. BAD_INPUT: a variable that is no path, URL or token. */
TB_MUST_USE tb_status tb_hub_init(tb_hub *hub, const char *data_dir, tb_error *err);
void tb_hub_deinit(tb_hub *hub); /* accepts a zeroed one */

/* ---- names of strangers: the only functions that let one become part of a path or URL ---- */

/* "org/name": each part 1 to 96 of [A-Za-z0-9._-], not beginning with '.' or '-', without "..". */
bool tb_repo_is_valid(const char *repo);
/* The path of a file in a repository: components of [A-Za-z0-9._+-], none "." or "..", none empty;
 * at most 255 bytes. */
bool tb_repo_path_is_valid(const char *path);
/* "main", "refs/pr/11" or a commit: as a path, with at most four components. */
bool tb_revision_is_valid(const char *revision);
/* 40 lower-case hex digits. */
bool tb_commit_is_valid(const char *commit);

#endif
