/* Looking after what is installed: is every byte as it came, and taking a model away. */
#ifndef TB_HUB_UPKEEP_H
#define TB_HUB_UPKEEP_H

#include "engine/base/progress.h"
#include "hub/installed.h"

typedef enum tb_file_verdict {
    TB_FILE_GOOD,
    TB_FILE_WRONG, /* other bytes, or another size */
    TB_FILE_MISSING,
} tb_file_verdict;

typedef struct tb_verified_file {
    char *path; /* as people know it: "unet/config.json", or absolute */
    tb_file_verdict verdict;
    int64_t len_bytes;
    char *sha256;    /* that it should have; git's SHA-1 for small files without a manifest */
    bool is_removed; /* repair took the wrong bytes away */
} tb_verified_file;

typedef struct tb_verification {
    tb_verified_file *files;
    size_t n, n_bad;
    int64_t n_bytes; /* read */
} tb_verification;

/*
 * Read every file of a model and compare with its manifest, or, where another program brought it,
 * with the names of its blobs. repair: wrong blobs of the cache are removed, so that the next pull
 * fetches them again (never a file of an added path). OK also where files are bad: see n_bad.
 */
TB_MUST_USE tb_status tb_verify(const tb_hub *hub, const tb_installed *model, bool repair,
                                const tb_progress *progress, tb_verification *out, tb_error *err);
void tb_verification_deinit(tb_verification *v);

typedef struct tb_removal {
    int64_t n_bytes; /* freed */
    size_t n_files;
    size_t n_kept;          /* files that stay: brought by others, or used by another model */
    bool is_forgotten_only; /* an added path: nothing was deleted */
} tb_removal;

/*
 * Take a model away: links, then blobs that no snapshot and no other manifest needs, parts of
 * downloads, the manifest. Only what Timbre fetched, unless `force`. PERMISSION, IO; EXISTS: it is
 * being pulled at this moment.
 */
TB_MUST_USE tb_status tb_remove(const tb_hub *hub, const tb_installed *model, bool force,
                                tb_removal *out, tb_error *err);

#endif
