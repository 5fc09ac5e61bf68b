#include "tests/hub/caches.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/cache.h"
#include "hub/content_hash.h"
#include "hub/installed_files.h"

static char cache[] = "cache", records[] = "data/models";
tb_hub hub = {.cache = cache, .records = records};

static tb_installed_list list;

bool caches_ask_shell(char *command)
{
    assert_non_null(command);
    bool is_so = system(command) == 0;
    free(command);
    return is_so;
}

const char *place_of(const char *name)
{
    static char place[4300];
    char folder[4096];
    assert_non_null(getcwd(folder, sizeof folder));
    (void)snprintf(place, sizeof place, "%s/%s", folder, name);
    return place;
}

bool is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

void caches_clear(void)
{
    sh("rm -rf cache data share");
    hub.shipped = NULL;
}

const char *etag_of(const char *path, const char *text)
{
    static char hex[TB_SHA256_HEX_BYTES];
    size_t len = strlen(path);
    bool is_small = len > 5 &&
                    (strcmp(path + len - 5, ".json") == 0 || strcmp(path + len - 4, ".txt") == 0);
    char kind[65];
    memset(kind, '0', sizeof kind);
    kind[is_small ? 40 : 64] = '\0';
    tb_content_hash hash;
    assert_int_equal(tb_content_hash_init(&hash, kind, (int64_t)strlen(text), NULL), TIMBRE_OK);
    assert_int_equal(tb_content_hash_add(&hash, text, strlen(text), NULL), TIMBRE_OK);
    assert_int_equal(tb_content_hash_finish(&hash, hex, NULL), TIMBRE_OK);
    tb_content_hash_deinit(&hash);
    return hex;
}

void put_file(const char *repo, const char *commit, const char *path, const char *text)
{
    char *blob = NULL;
    tb_error err = {0};
    const char *etag = etag_of(path, text);
    assert_int_equal(tb_cache_blob_path(&hub, repo, etag, &blob, NULL), TIMBRE_OK);
    assert_int_equal(tb_cache_make_folder_of(&hub, blob, NULL), TIMBRE_OK);
    FILE *file = fopen(blob, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(blob);
    if (tb_cache_link(&hub, repo, commit, path, etag, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
}

void put_ref(const char *repo, const char *commit)
{
    assert_int_equal(tb_cache_write_ref(&hub, repo, "main", commit, NULL), TIMBRE_OK);
}

void put_known(const char *name)
{
    const tb_known_model *known = tb_registry_find(name);
    assert_non_null(known);
    for (size_t i = 0; i < known->n_sources; i++) {
        const tb_known_source *source = &known->sources[i];
        for (size_t k = 0; k < source->n_files; k++)
            if (!source->files[k].is_optional)
                put_file(source->repo, COMMIT, source->files[k].path, source->files[k].path);
        put_ref(source->repo, COMMIT);
    }
}

void put_manifest(const char *name, bool ours)
{
    const tb_known_model *known = tb_registry_find(name);
    tb_here_files files = {0};
    tb_manifest manifest = {.name = strdup(name),
                            .licence = strdup(known->licence),
                            .revision = strdup("main"),
                            .made_at = strdup("2026-11-22T12:44:05Z")};
    assert_int_equal(tb_here_files_of_known(&hub, known, NULL, &files, NULL), TIMBRE_OK);
    for (size_t i = 0; i < files.n; i++) {
        tb_manifest_file *f = &files.items[i].file;
        if (!files.items[i].is_here)
            continue;
        assert_int_equal(tb_sha256_bytes(f->path, strlen(f->path), f->sha256, NULL), TIMBRE_OK);
        f->is_ours = ours;
        assert_int_equal(tb_manifest_add(&manifest, f, NULL), TIMBRE_OK);
    }
    assert_int_equal(tb_manifest_write(&hub, &manifest, NULL), TIMBRE_OK);
    tb_manifest_deinit(&manifest);
    tb_here_files_deinit(&files);
}

const tb_installed *find(const char *name)
{
    tb_error err = {0};
    tb_installed_list_deinit(&list);
    if (tb_installed_list_read(&hub, &list, NULL, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return tb_installed_find(&list, name);
}

int forget(void **state)
{
    (void)state;
    tb_installed_list_deinit(&list);
    return 0;
}
