#include "engine/pipeline/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/audio/audio_writer.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/base/target.h"
#include "engine/os/cpu.h"
#include "engine/pipeline/json.h"
#include "engine/pipeline/take_name.h"

static const char default_pattern[] = "{date}/{time}-{slug}-s{seed}";

static bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static tb_status expand(const char *pattern, const timbre_output *output,
                        const timbre_request *request, time_t now, char **out, tb_error *err)
{
    tb_take_facts facts = {.request = request, .now = now, .index = output->index};
    return tb_take_name_expand(pattern, &facts, out, err);
}

/* The sidecar's place: free, or a file that may be replaced. */
static tb_status check_sidecar(const char *path, bool replace, tb_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return TIMBRE_OK;
    if (S_ISDIR(info.st_mode))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%s', the sidecar's place, is a folder", path);
    return replace ? TIMBRE_OK : tb_target_fail_exists(path, err);
}

static tb_status check_path(const timbre_output *output, const timbre_request *request,
                            tb_error *err)
{
    char *path = NULL;
    tb_status st = expand(output->path, output, request, time(NULL), &path, err);
    if (st == TIMBRE_OK)
        st = tb_target_check(path, output->replace, err);
    if (st == TIMBRE_OK && output->sidecar) {
        char *sidecar = tb_strf("%s.json", path);
        st = sidecar == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                             : check_sidecar(sidecar, output->replace, err);
        free(sidecar);
    }
    free(path);
    return st;
}

static tb_status make_folder(const char *folder, tb_error *err)
{
    tb_status st = tb_dir_make(folder, err);
    if (st != TIMBRE_OK)
        tb_fix(err, "choose another place with -o or TIMBRE_OUTPUT_DIR");
    return st;
}

tb_status tb_save_check(const timbre_output *output, const timbre_request *request, tb_error *err)
{
    if (output->in_memory)
        return TIMBRE_OK;
    if (output->path != NULL)
        return check_path(output, request, err);
    if (output->dir == NULL || output->dir[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "no output folder is known");
    char *name = NULL;
    tb_status st = expand(output->pattern == NULL ? default_pattern : output->pattern, output,
                          request, time(NULL), &name, err);
    free(name);
    if (st == TIMBRE_OK)
        st = make_folder(output->dir, err);
    return st == TIMBRE_OK ? tb_target_check_folder(output->dir, err) : st;
}

static tb_status make_sidecar(const tb_job *job, timbre_take *take, tb_error *err)
{
    char made_at[21], cpu[64];
    tb_clock_format_utc(take->made_at, made_at);
    tb_cpu_describe(cpu, sizeof cpu);
    json_t *j = json_pack(
        "{s:i, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:{s:s, s:i}}", "schema", 1, "id", take->id,
        "made_at", made_at, "length_bytes", (json_int_t)take->len_bytes, "sha256",
        take->file_sha256, "recipe", json_loads(take->recipe, 0, NULL), "metadata",
        json_loads(take->metadata, 0, NULL), "timings", tb_stages_timings(job->stages), "machine",
        "cpu", cpu, "threads", tb_pool_n_threads(job->pool));
    take->sidecar = tb_json_format(j);
    json_decref(j);
    return take->sidecar != NULL ? TIMBRE_OK
                                 : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the sidecar");
}

static tb_status read_back(const char *path, const tb_audio_spec *spec, const timbre_take *take,
                           const int16_t *pcm, tb_error *err)
{
    timbre_audio *audio = NULL;
    tb_status st = path == NULL ? tb_audio_open_memory(take->bytes, take->len_bytes, &audio, err)
                                : timbre_audio_open(path, &audio, err);
    if (st == TIMBRE_OK)
        st = tb_audio_verify(audio, spec, pcm, err);
    timbre_audio_close(audio);
    return st;
}

/* Begin, fill and sync one file, still without a name. */
static tb_status prepare(tb_file_writer *w, const char *path, const void *data, size_t len_bytes,
                         tb_error *err)
{
    tb_status st = tb_file_begin(w, path, err);
    if (st == TIMBRE_OK)
        st = tb_file_append(w, data, len_bytes, err);
    return st == TIMBRE_OK ? tb_file_sync(w, err) : st;
}

static tb_status absolute_path(const char *path, char **out, tb_error *err)
{
    char *folder = tb_path_folder(path);
    char *real = folder == NULL ? NULL : realpath(folder, NULL);
    tb_status st = TIMBRE_OK;
    *out = NULL;
    if (real == NULL) {
        st = tb_fail_errno(err, folder == NULL ? ENOMEM : errno, "the folder of '%s' is gone",
                           path);
        tb_fix(err, "make it again, or choose another place with -o");
    } else {
        *out = tb_strf("%s/%s", strcmp(real, "/") == 0 ? "" : real, tb_path_name(path));
        if (*out == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    }
    free(real);
    free(folder);
    return st;
}

/* A sidecar of the take that was just replaced describes something else now: it goes with it. */
static void remove_stale_sidecar(const char *path)
{
    char *text = NULL;
    size_t len_bytes;
    if (tb_file_read(path, TB_SIDECAR_MAX_BYTES, &text, &len_bytes, NULL) != TIMBRE_OK)
        return;
    json_t *sidecar = json_loadb(text, len_bytes, 0, NULL);
    if (json_is_object(json_object_get(sidecar, "recipe")))
        (void)unlink(path);
    json_decref(sidecar);
    free(text);
}

/* Write audio and sidecar to `path`, which becomes the take's; both are on the disk before either
 * gets its name, and nothing can fail after the second has. */
static tb_status write_files(const char *path, const timbre_output *output,
                             const tb_audio_spec *spec, timbre_take *take, const int16_t *pcm,
                             tb_error *err)
{
    tb_file_writer audio = {.fd = -1}, sidecar = {.fd = -1};
    char *sidecar_path = tb_strf("%s.json", path);
    char *absolute = NULL;
    tb_status st = sidecar_path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                        : absolute_path(path, &absolute, err);
    if (st == TIMBRE_OK)
        st = prepare(&audio, path, take->bytes, take->len_bytes, err);
    if (st == TIMBRE_OK)
        st = read_back(tb_file_read_path(&audio), spec, take, pcm, err);
    if (st == TIMBRE_OK && output->sidecar)
        st = prepare(&sidecar, sidecar_path, take->sidecar, strlen(take->sidecar), err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&audio, output->replace, err);
    if (st == TIMBRE_OK && output->sidecar) {
        st = tb_file_commit(&sidecar, output->replace, err);
        if (st != TIMBRE_OK && !output->replace)
            (void)unlink(path); /* ours: it was made a moment ago and did not exist before */
    }
    if (st == TIMBRE_OK && output->replace && !output->sidecar)
        remove_stale_sidecar(sidecar_path);
    tb_file_abort(&audio);
    tb_file_abort(&sidecar);
    free(sidecar_path);
    if (st == TIMBRE_OK)
        take->path = absolute;
    else
        free(absolute);
    if (st == TIMBRE_NO_SPACE)
        tb_fix(err, "free some space, or choose another place with -o");
    return st;
}

/* "DIR/NAME.EXT", or with "-2", "-3" ... for the first name that neither file has yet. */
static tb_status free_name(const timbre_output *output, const tb_job *job, const timbre_take *take,
                           char **out, tb_error *err)
{
    enum { TRIES = 10000 };
    const char *ext = timbre_request_text(job->request, "output_format");
    char *name = NULL;
    tb_status st = expand(output->pattern == NULL ? default_pattern : output->pattern, output,
                          job->request, take->made_at, &name, err);
    char *found = NULL;
    for (int i = 1; st == TIMBRE_OK && found == NULL && i <= TRIES; i++) {
        char suffix[16] = "";
        if (i > 1)
            snprintf(suffix, sizeof suffix, "-%d", i);
        char *path = tb_strf("%s/%s%s.%s", output->dir, name, suffix, ext);
        char *sidecar = tb_strf("%s/%s%s.%s.json", output->dir, name, suffix, ext);
        if (path == NULL || sidecar == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a file name");
        else if (!exists(path) && !exists(sidecar))
            found = tb_strdup(path);
        free(path);
        free(sidecar);
    }
    if (st == TIMBRE_OK && found == NULL)
        st = tb_fail(err, TIMBRE_EXISTS, "'%s/%s.%s' and %d numbered names exist", output->dir,
                     name, ext, TRIES - 1);
    free(name);
    *out = found;
    return st;
}

/* A name of our making: another program may take it between the look and the write, so try again.
 */
static tb_status write_new_name(const timbre_output *output, const tb_job *job,
                                const tb_audio_spec *spec, const int16_t *pcm, timbre_take *take,
                                tb_error *err)
{
    tb_status st = TIMBRE_EXISTS;
    for (int i = 0; st == TIMBRE_EXISTS && i < 20; i++) {
        char *path = NULL;
        st = free_name(output, job, take, &path, err);
        char *folder = st == TIMBRE_OK ? tb_path_folder(path) : NULL;
        if (st == TIMBRE_OK && folder == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
        if (st == TIMBRE_OK)
            st = make_folder(folder, err);
        if (st == TIMBRE_OK)
            st = write_files(path, output, spec, take, pcm, err);
        free(folder);
        free(path);
    }
    return st;
}

static tb_status write_given_name(const timbre_output *output, const tb_job *job,
                                  const tb_audio_spec *spec, const int16_t *pcm, timbre_take *take,
                                  tb_error *err)
{
    char *path = NULL;
    tb_status st = expand(output->path, output, job->request, take->made_at, &path, err);
    if (st == TIMBRE_OK)
        st = write_files(path, output, spec, take, pcm, err);
    if (st == TIMBRE_EXISTS)
        tb_fix(err, "choose another name, or overwrite it with --force");
    free(path);
    return st;
}

tb_status tb_save_run(const timbre_output *output, const tb_job *job, const tb_result *result,
                      timbre_take *take, tb_error *err)
{
    tb_audio_spec spec = {.format = timbre_request_text(job->request, "output_format"),
                          .rate_hz = TB_SAMPLE_RATE_HZ,
                          .n_channels = result->n_channels,
                          .n_frames = result->n_frames,
                          .recipe = take->recipe,
                          .title = timbre_request_text(job->request, "prompt")};
    tb_status st = tb_audio_encode(&spec, result->pcm, &take->bytes, &take->len_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_bytes(take->bytes, take->len_bytes, take->file_sha256, err);
    if (st == TIMBRE_OK)
        st = make_sidecar(job, take, err);
    if (st != TIMBRE_OK)
        return st;
    if (output->in_memory)
        return read_back(NULL, &spec, take, result->pcm, err);
    st = output->path != NULL ? write_given_name(output, job, &spec, result->pcm, take, err)
                              : write_new_name(output, job, &spec, result->pcm, take, err);
    free(take->bytes);
    take->bytes = NULL;
    return st;
}
