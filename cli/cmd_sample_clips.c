/* timbre sample-clips: pieces from random places of a sound. */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "cli/codec.h"
#include "cli/commands.h"
#include "cli/endings.h"
#include "cli/file_kind.h"
#include "cli/signals.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "timbre/spectrogram.h"

typedef struct {
    int n_clips, duration_ms;
    bool mono, replace;
    const char *extension;
    int64_t seed; /* -1: drawn for each file */
} sampling;

/* The name without its ending. Owned (free); NULL for memory. */
static char *stem_of(const char *path)
{
    const char *name = tb_path_name(path), *ending = tb_ending_of(path);
    size_t length = strlen(name) - (ending[0] != '\0' ? strlen(ending) + 1 : 0);
    return tb_strf("%.*s", (int)length, name);
}

static void on_written(const char *path, void *user)
{
    tb_codec_result_add_path(user, path, true);
}

static tb_status run(const tb_codec_task *task, const void *user, tb_codec_result *result,
                     tb_error *err)
{
    const sampling *s = user;
    char *stem = stem_of(task->input);
    if (stem == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a file name");
    timbre_clips_options options = {
        .struct_size = sizeof options,
        .output_dir = task->output,
        .n_clips = s->n_clips,
        .duration_ms = s->duration_ms,
        .mono = s->mono,
        .extension = s->extension,
        .seed = s->seed,
        .stem = task->is_batch ? stem : NULL,
        /* a batch that was broken off makes the clips of its last file again */
        .replace = s->replace || task->is_batch,
        .written = on_written,
        .written_user = result,
        .cancel = tb_signals_cancel(),
    };
    tb_status st = timbre_sample_clips(task->input, &options, err);
    free(stem);
    return st;
}

static void describe(const json_t *facts, tb_str *out)
{
    size_t n = json_array_size(json_object_get(facts, "paths"));
    tb_str_appendf(out, "%zu clip%s", n, n == 1 ? "" : "s");
}

/* The 3 of "STEM_3_start_15795_ms_dur_5120_ms.wav"; -1 for other names. */
static long index_of(const char *name, const char *stem, const sampling *s)
{
    static const char middle[] = "_start_";
    char end[64], *after;
    size_t stem_length = strlen(stem), length = strlen(name);
    size_t n_end = (size_t)snprintf(end, sizeof end, "_ms_dur_%d_ms.%s", s->duration_ms,
                                    s->extension);
    if (strncmp(name, stem, stem_length) != 0 || name[stem_length] != '_' ||
        !isdigit((unsigned char)name[stem_length + 1]) || length < n_end)
        return -1;
    long i = strtol(name + stem_length + 1, &after, 10);
    bool is_clip = strncmp(after, middle, sizeof middle - 1) == 0 &&
                   strcmp(name + length - n_end, end) == 0;
    return is_clip ? i : -1;
}

static bool is_there(const char *input, const char *folder, const void *user)
{
    const sampling *s = user;
    int n_found = 0;
    char *stem = stem_of(input);
    bool *is_found = calloc((size_t)s->n_clips, sizeof *is_found);
    DIR *dir = stem != NULL && is_found != NULL ? opendir(folder) : NULL;
    /* cppcheck-suppress readdirCalled ; a stream of our own: readdir is as safe as readdir_r */
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        long i = index_of(entry->d_name, stem, s);
        if (i >= 0 && i < s->n_clips && !is_found[i]) {
            is_found[i] = true;
            n_found++;
        }
    }
    if (dir != NULL)
        closedir(dir);
    free(is_found);
    free(stem);
    return n_found == s->n_clips;
}

int tb_cmd_sample_clips(tb_app *app)
{
    const tb_args *args = &app->args;
    enum { DURATION_MS = 5120 }; /* riffusion's */
    const char *extension = tb_args_value(args, "extension");
    bool is_batch = tb_args_has(args, "batch");
    sampling s = {
        .n_clips = (int)tb_args_number(args, "num-clips", 1),
        .duration_ms = (int)tb_args_number(args, "duration-ms", DURATION_MS),
        .mono = tb_args_has(args, "mono"),
        .replace = tb_args_has(args, "force"),
        .extension = extension != NULL ? extension
                     : is_batch        ? "mp3"
                                       : "wav",
        .seed = (int64_t)tb_args_number(args, "seed", -1),
    };
    tb_codec_work work = {
        .input_name = "audio file",
        .input_endings = tb_audio_endings,
        .makes_own_names = true,
        .check_kind = tb_file_kind_want_sound,
        .user = &s,
        .run = run,
        .describe = describe,
        .is_there = is_there,
    };
    return tb_codec_run(app, &work);
}
