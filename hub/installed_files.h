/*
 * Of which files a model on this machine consists, whoever brought them: from its manifest where
 * there is one, else from the registry, else from what a diffusers folder of the family holds.
 */
#ifndef TB_HUB_INSTALLED_FILES_H
#define TB_HUB_INSTALLED_FILES_H

#include "hub/installed.h"
#include "hub/manifest.h"

/* A file, and whether it is here. */
typedef struct tb_here_file {
    tb_manifest_file file; /* sha256 "" where no manifest has it; len_bytes as found, or as the
                              manifest has it where nothing is found */
    bool is_optional;      /* the model is whole without it */
    bool is_shared;        /* another known model consists of it, too */
    bool is_here;          /* as large as the manifest says, where there is one */
} tb_here_file;

typedef struct tb_here_files {
    tb_here_file *items; /* texts owned */
    size_t n;
    bool has_manifest;
} tb_here_files;

void tb_here_files_deinit(tb_here_files *files);

/* Files of a model of the registry; manifest: NULL where there is none. */
TB_MUST_USE tb_status tb_here_files_of_known(const tb_hub *hub, const tb_known_model *known,
                                             const tb_manifest *manifest, tb_here_files *out,
                                             tb_error *err);
/* Files of a manifest alone: a pulled repository, an added path. */
TB_MUST_USE tb_status tb_here_files_of_manifest(const tb_hub *hub, const tb_manifest *manifest,
                                                tb_here_files *out, tb_error *err);
/* Files of a diffusers folder of the family in the cache; none at all where it is something else,
 * or not whole. */
TB_MUST_USE tb_status tb_here_files_of_repo(const tb_hub *hub, const char *repo, tb_here_files *out,
                                            tb_error *err);
/* Any of the three, for a model of the list. */
TB_MUST_USE tb_status tb_here_files_of(const tb_hub *hub, const tb_installed *model,
                                       tb_here_files *out, tb_error *err);

/* Whether a known model consists of this file of a repository. */
bool tb_known_has(const tb_known_model *known, const char *repo, const char *path);
/* Whether a known model besides `known` consists of this file of a repository, too. */
bool tb_known_is_shared(const tb_known_model *known, const char *repo, const char *path);

#endif
