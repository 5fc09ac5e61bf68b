/*
 * Whose a blob is, as long as no manifest says it: before the first byte of a file comes, the
 * number of the part's inode is noted beside the lock, in .locks/models--ORG--NAME/ETAG.timbre. The
 * part becomes the blob by a rename, which keeps the inode; a blob that another program wrote has
 * another one, unless the part was removed by hand and its number given out again. Gone as soon as
 * the manifest is written or the blob removed.
 */
#ifndef TB_HUB_MARK_H
#define TB_HUB_MARK_H

#include <sys/stat.h>

#include "hub/hub.h"

/* Note that the part `info` is ours. */
TB_MUST_USE tb_status tb_mark_write(const tb_hub *hub, const char *repo, const char *etag,
                                    const struct stat *info, tb_error *err);
/* Whether the whole blob is one that a pull of ours brought and has not told of. */
bool tb_mark_is_of_blob(const tb_hub *hub, const char *repo, const char *etag);
void tb_mark_remove(const tb_hub *hub, const char *repo, const char *etag);

#endif
