/*
 * The Hugging Face cache on disk (huggingface.co/docs/hub/local-cache), shared with every other
 * program that knows it:
 *
 *   models--ORG--NAME/blobs/ETAG               bytes; 64 hex digits: their SHA-256, 40: git's SHA-1
 *   models--ORG--NAME/blobs/ETAG.incomplete    the beginning of them
 *   models--ORG--NAME/snapshots/COMMIT/PATH -> ../../blobs/ETAG (relative)
 *   models--ORG--NAME/refs/REVISION            a commit
 *   .locks/models--ORG--NAME/ETAG.lock         flock of whoever writes the blob
 *
 * Every name is checked here before it becomes a path, so callers may pass what strangers said.
 */
#ifndef TB_HUB_CACHE_H
#define TB_HUB_CACHE_H

#include "hub/hub.h"

/* 64 or 40 lower-case hex digits. */
bool tb_etag_is_valid(const char *etag);

/* Paths: owned (free) in *out. BAD_INPUT: a name that is not valid, NO_MEMORY. Nothing is made. */
TB_MUST_USE tb_status tb_cache_repo_path(const tb_hub *hub, const char *repo, char **out,
                                         tb_error *err);
TB_MUST_USE tb_status tb_cache_blob_path(const tb_hub *hub, const char *repo, const char *etag,
                                         char **out, tb_error *err);
TB_MUST_USE tb_status tb_cache_lock_path(const tb_hub *hub, const char *repo, const char *etag,
                                         char **out, tb_error *err);
/* path "" is the snapshot's folder. */
TB_MUST_USE tb_status tb_cache_file_path(const tb_hub *hub, const char *repo, const char *commit,
                                         const char *path, char **out, tb_error *err);

/* Make the folders above a path of the cache; a new cache gets its CACHEDIR.TAG. */
TB_MUST_USE tb_status tb_cache_make_folder_of(const tb_hub *hub, const char *path, tb_error *err);
/* Let a rename in the folder of `path` reach the disk. */
TB_MUST_USE tb_status tb_cache_sync_folder_of(const char *path, tb_error *err);

/* The commit that a revision had when it was last asked for; commits are their own. NOT_FOUND. */
TB_MUST_USE tb_status tb_cache_read_ref(const tb_hub *hub, const char *repo, const char *revision,
                                        char commit[41], tb_error *err);
/* Written whole and synced; a commit as the revision writes nothing. */
TB_MUST_USE tb_status tb_cache_write_ref(const tb_hub *hub, const char *repo, const char *revision,
                                         const char *commit, tb_error *err);
/* Make snapshots/COMMIT/PATH lead to the blob; what is there already and leads elsewhere is
 * replaced in one step. A file system without symbolic links: IO, saying so. */
TB_MUST_USE tb_status tb_cache_link(const tb_hub *hub, const char *repo, const char *commit,
                                    const char *path, const char *etag, tb_error *err);

/* The name of the blob that snapshots/COMMIT/PATH leads to, owned, in *etag, and its size. NULL:
 * it is no link to a blob of ours (a copy, or into a shared store), the size is right all the same.
 * NOT_FOUND: nothing there, or a link that leads nowhere. */
TB_MUST_USE tb_status tb_cache_find_file(const tb_hub *hub, const char *repo, const char *commit,
                                         const char *path, char **etag, int64_t *len_bytes,
                                         tb_error *err);

/* The folders of models in the cache, as "org/name", in order: *repos is an owned array of owned
 * texts. No cache is an empty list. At most TB_HUB_REPOS_MAX. */
TB_MUST_USE tb_status tb_cache_list_repos(const tb_hub *hub, char ***repos, size_t *n,
                                          tb_error *err);

#endif
