/* The links of a repository's snapshots, for whoever takes blobs away. */
#ifndef TB_HUB_LINKS_H
#define TB_HUB_LINKS_H

#include "hub/hub.h"

/* Whether some snapshot of the repository has a link to the blob. What cannot be looked into counts
 * as one that has. */
bool tb_blob_is_linked(const tb_hub *hub, const char *repo, const char *etag);

/* Remove a file's folder and those above it up to the repository's own, as long as they are empty;
 * with the last snapshot the refs, which lead nowhere then. */
void tb_cache_tidy(const tb_hub *hub, const char *repo, const char *file_path);

#endif
