/*
 * What Timbre knows of a model that it fetched or was told of: DATA_DIR/models/NAME.json (the '/'
 * of "org/name" is "--"). Every file with size and SHA-256, so that `verify` needs no network, and
 * who brought it, so that `rm` takes away only that. A model that comes with the program has the
 * same in its folder, MANIFEST.json, with paths relative to that.
 */
#ifndef TB_HUB_MANIFEST_H
#define TB_HUB_MANIFEST_H

#include "engine/base/hash.h"
#include "hub/hub.h"

/* The one model that comes with the program, where it was packed with it. */
#define TB_SHIPPED_MODEL "timbre-mini"

typedef struct tb_manifest_file {
    char *repo;   /* NULL: a file of an added path */
    char *commit; /* NULL as well */
    char *path;   /* in the repository; absolute where it has none */
    char *etag;   /* name of the blob; NULL */
    char sha256[TB_SHA256_HEX_BYTES];
    int64_t len_bytes;
    bool is_ours; /* Timbre fetched it: it was not in the cache before */
} tb_manifest_file;

typedef struct tb_manifest {
    char *name;      /* "riffusion-v1", "org/name", or the name given to an added path */
    char *licence;   /* id; "unknown" */
    char *revision;  /* what was asked for: "main"; NULL: an added path */
    char *path;      /* an added or shipped one: what the engine opens; else NULL */
    char *made_at;   /* RFC 3339, UTC */
    bool is_shipped; /* it came with the program */
    tb_manifest_file *files;
    size_t n_files;
} tb_manifest;

/* A name for `add` and file names of manifests: a repository's, or one such part alone. */
bool tb_model_name_is_valid(const char *name);

/* The record of a name, or of what came with the program. NOT_FOUND: there is none. BAD_FILE:
 * damaged, or it names what is not valid. */
TB_MUST_USE tb_status tb_manifest_read(const tb_hub *hub, const char *name, tb_manifest *out,
                                       tb_error *err);
/* Whole or not at all; makes the folder. PERMISSION, NO_SPACE, IO. */
TB_MUST_USE tb_status tb_manifest_write(const tb_hub *hub, const tb_manifest *manifest,
                                        tb_error *err);
/* Forget it. OK where there is none. */
TB_MUST_USE tb_status tb_manifest_remove(const tb_hub *hub, const char *name, tb_error *err);
/* Names of all manifests, newest first: owned array of owned texts. */
TB_MUST_USE tb_status tb_manifest_list(const tb_hub *hub, char ***names, size_t *n, tb_error *err);
/* Note that a pull of `name` begins (DATA_DIR/models/NAME.begun), so that one that is stopped is
 * seen. Gone with the manifest written or removed. */
TB_MUST_USE tb_status tb_manifest_begin(const tb_hub *hub, const char *name, tb_error *err);
/* Names of begun pulls, as tb_manifest_list. */
TB_MUST_USE tb_status tb_manifest_list_begun(const tb_hub *hub, char ***names, size_t *n,
                                             tb_error *err);
void tb_manifest_deinit(tb_manifest *manifest);
/* Append a file, all texts copied. */
TB_MUST_USE tb_status tb_manifest_add(tb_manifest *manifest, const tb_manifest_file *file,
                                      tb_error *err);
void tb_names_free(char **names, size_t n);

/* ---- consent to licences: DATA_DIR/models/consents.json, per model ---- */

bool tb_consent_is_given(const tb_hub *hub, const char *name, const char *licence);
TB_MUST_USE tb_status tb_consent_give(const tb_hub *hub, const char *name, const char *licence,
                                      tb_error *err);

#endif
