/* What lies on disk and anybody may have written: manifests, and names on their way to a path. What
 * is taken of a manifest is valid by the rules of names, and it is the same when written and read
 * again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/manifest_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void check_file(const tb_manifest_file *file)
{
    check(file->len_bytes >= 0 && strlen(file->sha256) == 64 && tb_etag_is_valid(file->sha256));
    if (file->repo == NULL)
        check(file->path[0] == '/');
    else
        check(tb_repo_is_valid(file->repo) && tb_repo_path_is_valid(file->path) &&
              tb_commit_is_valid(file->commit) && tb_etag_is_valid(file->etag));
}

static void read_manifest(const char *json, size_t size)
{
    tb_manifest manifest;
    tb_error err = {0};
    if (tb_manifest_parse(json, size, "riffusion-v1", NULL, &manifest, &err) != TIMBRE_OK) {
        check(err.message[0] != '\0' && manifest.files == NULL);
        return;
    }
    check(manifest.n_files > 0 && strcmp(manifest.name, "riffusion-v1") == 0);
    for (size_t i = 0; i < manifest.n_files; i++)
        check_file(&manifest.files[i]);
    tb_manifest_deinit(&manifest);
}

/* A name that became part of a path leads to no other folder. */
static void make_paths(const char *text)
{
    static char folder[] = "cache", records[] = "records";
    const tb_hub hub = {.cache = folder, .records = records};
    const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    tb_error err = {0};
    char *paths[5] = {NULL};
    (void)!tb_cache_repo_path(&hub, text, &paths[0], &err);
    (void)!tb_cache_blob_path(&hub, "org/name", text, &paths[1], &err);
    (void)!tb_cache_lock_path(&hub, "org/name", text, &paths[2], &err);
    (void)!tb_cache_file_path(&hub, "org/name", commit, text, &paths[3], &err);
    (void)!tb_manifest_path(&hub, text, &paths[4], &err);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        check(paths[i] == NULL ||
              (strstr(paths[i], "/../") == NULL && strstr(paths[i], "//") == NULL &&
               strncmp(paths[i], i < 4 ? "cache/" : "records/", 6) == 0));
        free(paths[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    check(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    read_manifest(text, size);
    make_paths(text);
    free(text);
    return 0;
}
