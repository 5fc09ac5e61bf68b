/* Is every byte as it came? */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/str.h"
#include "hub/cache.h"
#include "hub/content_hash.h"
#include "hub/installed_files.h"
#include "hub/upkeep.h"

enum { CHUNK_BYTES = 1 << 20 };

typedef struct {
    const tb_hub *hub;
    const tb_progress *progress;
    bool repairs;
    int64_t n_done, n_all; /* bytes */
    tb_verification *out;
} verifier;

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to verify a model");
}

void tb_verification_deinit(tb_verification *v)
{
    for (size_t i = 0; i < v->n; i++) {
        free(v->files[i].path);
        free(v->files[i].sha256);
    }
    free(v->files);
    *v = (tb_verification){0};
}

/* Hash what is at `path` as `etag` says. */
static tb_status hash_file(verifier *v, const char *path, const char *etag, int64_t len_bytes,
                           char found[TB_SHA256_HEX_BYTES], tb_error *err)
{
    tb_content_hash hash = {0};
    char *buffer = malloc(CHUNK_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    tb_status st = buffer == NULL ? no_memory(err) : TIMBRE_OK;
    if (st == TIMBRE_OK && fd < 0)
        st = tb_fail_errno(err, errno, "cannot open '%s'", path);
    if (st == TIMBRE_OK)
        st = tb_content_hash_init(&hash, etag, len_bytes, err);
    for (ssize_t n = 1; st == TIMBRE_OK && n > 0;) {
        n = read(fd, buffer, CHUNK_BYTES);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            st = tb_fail_errno(err, errno, "cannot read '%s'", path);
        else if (n > 0)
            st = tb_content_hash_add(&hash, buffer, (size_t)n, err);
        v->n_done += n > 0 ? n : 0;
        tb_progress_report(v->progress, v->n_all > 0 ? (double)v->n_done / (double)v->n_all : 1);
        if (st == TIMBRE_OK)
            st = tb_progress_check(v->progress, err);
    }
    if (st == TIMBRE_OK)
        st = tb_content_hash_finish(&hash, found, err);
    tb_content_hash_deinit(&hash);
    if (fd >= 0)
        (void)close(fd);
    free(buffer);
    return st;
}

/* A wrong blob of the cache goes, so that the next pull fetches it; the link stays and leads
 * nowhere meanwhile. Never a file that lies anywhere else. */
static tb_status repair(const verifier *v, const tb_manifest_file *file, bool *is_removed,
                        tb_error *err)
{
    char *blob = NULL, *etag = NULL;
    int64_t len_bytes = 0;
    tb_error ignored = {0};
    if (!v->repairs || file->repo == NULL ||
        tb_cache_find_file(v->hub, file->repo, file->commit, file->path, &etag, &len_bytes,
                           &ignored) != TIMBRE_OK ||
        etag == NULL) {
        free(etag);
        return TIMBRE_OK;
    }
    tb_status st = tb_cache_blob_path(v->hub, file->repo, etag, &blob, err);
    if (st == TIMBRE_OK && unlink(blob) != 0 && errno != ENOENT)
        st = tb_fail_errno(err, errno, "cannot remove '%s'", blob);
    *is_removed = st == TIMBRE_OK;
    free(blob);
    free(etag);
    return st;
}

static tb_status find_path(const verifier *v, const tb_manifest_file *file, char **out,
                           tb_error *err)
{
    if (file->repo != NULL)
        return tb_cache_file_path(v->hub, file->repo, file->commit, file->path, out, err);
    return (*out = tb_strdup(file->path)) != NULL ? TIMBRE_OK : no_memory(err);
}

/* What the content should hash to: by the manifest, else by the blob's name. NULL: nobody knows, as
 * of a copy in the place of a link. */
static const char *promised(const tb_manifest_file *file)
{
    return file->sha256[0] != '\0' ? file->sha256 : file->etag;
}

static tb_status check_file(verifier *v, const tb_here_file *here, tb_verified_file *result,
                            tb_error *err)
{
    const tb_manifest_file *file = &here->file;
    const char *wanted = promised(file);
    char found[TB_SHA256_HEX_BYTES] = "", *path = NULL;
    tb_status st = find_path(v, file, &path, err);
    result->verdict = TB_FILE_GOOD;
    if (st == TIMBRE_OK && access(path, F_OK) != 0)
        result->verdict = TB_FILE_MISSING;
    else if (st == TIMBRE_OK && !here->is_here)
        result->verdict = TB_FILE_WRONG; /* of another size */
    else if (st == TIMBRE_OK && wanted != NULL) {
        st = hash_file(v, path, wanted, file->len_bytes, found, err);
        if (st == TIMBRE_OK && strcmp(found, wanted) != 0)
            result->verdict = TB_FILE_WRONG;
    }
    if (st == TIMBRE_OK && result->verdict == TB_FILE_WRONG)
        st = repair(v, file, &result->is_removed, err);
    free(path);
    return st;
}

static tb_status add_result(verifier *v, const tb_here_file *here, tb_error *err)
{
    tb_verified_file *result = &v->out->files[v->out->n++];
    const char *wanted = promised(&here->file);
    *result = (tb_verified_file){.path = tb_strdup(here->file.path),
                                 .sha256 = tb_strdup(wanted == NULL ? "" : wanted),
                                 .len_bytes = here->file.len_bytes};
    if (result->path == NULL || result->sha256 == NULL)
        return no_memory(err);
    tb_status st = check_file(v, here, result, err);
    v->out->n_bad += result->verdict != TB_FILE_GOOD;
    return st;
}

tb_status tb_verify(const tb_hub *hub, const tb_installed *model, bool repair,
                    const tb_progress *progress, tb_verification *out, tb_error *err)
{
    tb_here_files files = {0};
    verifier v = {.hub = hub, .progress = progress, .repairs = repair, .out = out};
    *out = (tb_verification){0};
    tb_status st = tb_here_files_of(hub, model, &files, err);
    if (st == TIMBRE_OK && (out->files = calloc(files.n + 1, sizeof *out->files)) == NULL)
        st = no_memory(err);
    for (size_t i = 0; st == TIMBRE_OK && i < files.n; i++)
        v.n_all += files.items[i].is_here ? files.items[i].file.len_bytes : 0;
    for (size_t i = 0; st == TIMBRE_OK && i < files.n; i++) {
        const tb_here_file *f = &files.items[i];
        bool is_expected = f->file.sha256[0] != '\0' || f->is_here || !f->is_optional;
        if (is_expected)
            st = add_result(&v, f, err);
    }
    out->n_bytes = v.n_done;
    tb_here_files_deinit(&files);
    if (st != TIMBRE_OK)
        tb_verification_deinit(out);
    return st;
}
