/*
 * Fetching a model: ask the Hub what it consists of, then bring what is not here, a few files at
 * once. A plan holds what was asked, so that whoever shows it (size, licence, space) and whoever
 * carries it out mean the same bytes.
 */
#ifndef TB_HUB_PULL_H
#define TB_HUB_PULL_H

#include "engine/base/progress.h"
#include "hub/hub.h"
#include "hub/manifest.h"
#include "hub/registry.h"

typedef struct tb_pull_file {
    char *repo, *commit, *path;
    char *etag; /* what the Hub calls the content: SHA-256 or git's SHA-1; "": not known offline */
    int64_t len_bytes;
    int64_t here_bytes; /* of them in the cache: all, or a part */
    bool is_here;       /* whole */
} tb_pull_file;

typedef struct tb_pull_plan {
    char *name;                  /* of the model */
    const tb_known_model *known; /* NULL: a repository by its name */
    char *revision;              /* "main", or what was asked for */
    char *licence;               /* id; "unknown" */
    char *page;                  /* the model's page, for people */
    tb_pull_file *files;
    size_t n_files;
    int64_t len_bytes;  /* of all files */
    int64_t here_bytes; /* of them in the cache */
    int64_t free_bytes; /* where the cache is */
    bool is_whole;      /* nothing to fetch */
    bool is_offline;    /* made without the network, from what is here */
} tb_pull_plan;

typedef struct tb_pull_progress {
    int64_t done_bytes, len_bytes; /* with what was here at the beginning */
    double rate_bytes_s;           /* of the last seconds; 0: not known yet */
    double left_s;                 /* < 0: not known yet */
    size_t n_done, n_files;
    const char *file; /* the largest that is under way; NULL */
    const char *note; /* news since the last call ("connection cut; try 2 of 5 in 2 s"); NULL */
} tb_pull_progress;

typedef struct tb_pull_options {
    const char *revision; /* NULL: main. Only for repositories by name */
    int n_at_once;        /* 0: 3 */
    void (*progress)(const tb_pull_progress *progress, void *user); /* from the caller's thread,
                                                     about ten times a second; may be NULL */
    void *user;
    const timbre_cancel *cancel; /* may be NULL */
} tb_pull_options;

/*
 * What a pull of `name` (of the registry, or "org/name") consists of. The commit is asked for once
 * and everything else by it. For repositories by name: those files of a diffusers folder that the
 * engine reads, half precision and safetensors first. Fills *plan (tb_pull_plan_deinit).
 *
 * BAD_INPUT: the name. MODEL_MISSING: offline and not whole here. NOT_FOUND: no such repository,
 * revision or file, or it is private. PERMISSION: the Hub wants a token or its terms accepted, with
 * what to do. BAD_FILE: not a diffusers model, or the Hub's answers make no sense. VERIFY_FAILED: a
 * SHA-256 is not the one that the registry knows. HUB_UNREACHABLE: the Hub does not answer.
 * TIMED_OUT, CANCELLED.
 */
TB_MUST_USE tb_status tb_pull_plan_make(const tb_hub *hub, const char *name,
                                        const tb_pull_options *options, tb_pull_plan *plan,
                                        tb_error *err);
void tb_pull_plan_deinit(tb_pull_plan *plan); /* accepts a zeroed one */

/*
 * Carry it out: space, then each missing file (lock, resume, hash, rename), then the snapshots'
 * links, refs and the manifest, in this order, so that a model is visible only when it is whole.
 * Whatever stops it, the parts stay. Where another process fetches the same file, it is waited for;
 * CANCELLED says so. NO_SPACE names what is needed and free. VERIFY_FAILED: the bytes are not those
 * that the Hub promised, twice.
 */
TB_MUST_USE tb_status tb_pull_run(const tb_hub *hub, tb_pull_plan *plan,
                                  const tb_pull_options *options, tb_error *err);

#endif
