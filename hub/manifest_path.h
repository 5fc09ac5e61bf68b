/* What the files of Timbre's records share: manifests and consents. */
#ifndef TB_HUB_MANIFEST_PATH_H
#define TB_HUB_MANIFEST_PATH_H

#include "hub/manifest.h"

#define TB_CONSENTS_FILE "consents.json"

/* When a file was written, of a struct stat. */
#ifdef __APPLE__
#define TB_MODIFIED_AT(info) ((info).st_mtimespec)
#else
#define TB_MODIFIED_AT(info) ((info).st_mtim)
#endif

/* DATA_DIR/models/NAME.json, owned. BAD_INPUT: the name; NOT_FOUND: no data folder. */
TB_MUST_USE tb_status tb_manifest_path(const tb_hub *hub, const char *name, char **out,
                                       tb_error *err);
/* The manifest of `name` in these bytes; folder: that of a shipped model, else NULL. BAD_FILE. */
TB_MUST_USE tb_status tb_manifest_parse(const char *bytes, size_t len_bytes, const char *name,
                                        const char *folder, tb_manifest *out, tb_error *err);

#endif
