/*
 * What the Hub says about a repository: the commit behind a revision, a file's content hash and
 * size, the list of files, the licence. Answers are held to strict limits, and names that are not
 * valid never leave this module.
 */
#ifndef TB_HUB_REMOTE_H
#define TB_HUB_REMOTE_H

#include "hub/http.h"

typedef struct tb_remote_file {
    char commit[41];
    char etag[65]; /* SHA-256, or git's SHA-1 of small files */
    int64_t len_bytes;
} tb_remote_file;

typedef struct tb_remote_entry {
    char *path; /* valid (tb_repo_path_is_valid) */
    char etag[65];
    int64_t len_bytes;
} tb_remote_entry;

typedef struct tb_remote_tree {
    tb_remote_entry *entries; /* files alone, as the Hub lists them */
    uint32_t *by_path;        /* indexes of entries, in order of their paths; owned */
    size_t n, capacity;
} tb_remote_tree;

typedef struct tb_remote_info {
    char commit[41];
    char *licence; /* id, "unknown" where it is not told; owned */
} tb_remote_info;

/* Where a file's bytes are asked for; owned; NULL for memory. */
char *tb_remote_file_url(const tb_hub *hub, const char *repo, const char *revision,
                         const char *path) TB_MUST_USE;

/* All of these try again where that helps. Errors as of tb_pull_plan_make. */
TB_MUST_USE tb_status tb_remote_ask_file(tb_http *http, const char *repo, const char *revision,
                                         const char *path, tb_remote_file *out, tb_error *err);
TB_MUST_USE tb_status tb_remote_ask_tree(tb_http *http, const char *repo, const char *commit,
                                         tb_remote_tree *out, tb_error *err);
TB_MUST_USE tb_status tb_remote_ask_info(tb_http *http, const char *repo, const char *revision,
                                         tb_remote_info *out, tb_error *err);
/* The bytes of a small file, a NUL after them; owned. */
TB_MUST_USE tb_status tb_remote_read_file(tb_http *http, const char *repo, const char *commit,
                                          const char *path, char **bytes, size_t *len_bytes,
                                          tb_error *err);

/* Say what an answer of 400 and above means and what to do. Never OK. */
TB_MUST_USE tb_status tb_remote_refusal(const tb_hub *hub, const tb_http_answer *answer,
                                        const char *repo, const char *revision, const char *path,
                                        tb_error *err);
/* After a request that failed or was answered with `answer`: OK where another try makes sense after
 * *pause_s, and *err as it is; else why not (`st` and *err as they are, or the refusal). */
TB_MUST_USE tb_status tb_remote_may_retry(tb_retry *retry, const tb_http_answer *answer,
                                          tb_status st, tb_status refusal, double *pause_s,
                                          tb_error *err);

/* ---- what the answers hold; no network ---- */

/* Append the files of a page. BAD_FILE: it is no such list, or too many entries. */
TB_MUST_USE tb_status tb_remote_tree_parse(const char *json, size_t len_bytes, tb_remote_tree *tree,
                                           tb_error *err);
TB_MUST_USE tb_status tb_remote_tree_add(tb_remote_tree *tree, const char *path, const char *etag,
                                         int64_t len_bytes, tb_error *err);
/* NULL: not there. */
const tb_remote_entry *tb_remote_tree_find(const tb_remote_tree *tree, const char *path);
void tb_remote_tree_deinit(tb_remote_tree *tree);
TB_MUST_USE tb_status tb_remote_info_parse(const char *json, size_t len_bytes, tb_remote_info *out,
                                           tb_error *err);
void tb_remote_info_deinit(tb_remote_info *info);

#endif
