/* Small caches made by hand, as diffusers or Timbre would leave them. In the test's own folder. */
#ifndef TESTS_HUB_CACHES_H
#define TESTS_HUB_CACHES_H

#include "engine/base/str.h"
#include "hub/installed.h"
#include "hub/manifest.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER  "89abcdef0123456789abcdef0123456789abcdef"

/* The hub of the test: cache "cache", records "data/models". */
extern tb_hub hub;

/* Take away everything and begin anew. */
void caches_clear(void);
/* Run a shell command, which must succeed. */
#define sh(...) assert_true(says(__VA_ARGS__))
/* Whether there is something at a path, links that lead nowhere included. */
bool is_there(const char *path);
/* Whether the shell says so. */
#define says(...) caches_ask_shell(tb_strf(__VA_ARGS__))
bool caches_ask_shell(char *command); /* takes the text */

/* The whole path of a file in the test's folder. Static, until the next call. */
const char *place_of(const char *name);

/* Put a file with content `text` into the snapshot of a repository, by a blob named by its SHA-256
 * (git's SHA-1 of it for names that end in .json or .txt) and a link. */
void put_file(const char *repo, const char *commit, const char *path, const char *text);
/* The etag of a content, as put_file names it for `path`. Static, until the next call. */
const char *etag_of(const char *path, const char *text);
/* refs/main. */
void put_ref(const char *repo, const char *commit);
/* All that riffusion-v1 or riffusion-v1-original consists of, without a manifest; optional files
 * are left out. The text of a file is its path. */
void put_known(const char *name);
/* A manifest of a known model over what is in the cache; ours: Timbre fetched all of it. */
void put_manifest(const char *name, bool ours);
/* What is in the list by that name; owned by the list, which is read anew. */
const tb_installed *find(const char *name);
/* Free the list of find; teardown of a test. */
int forget(void **state);

#endif
