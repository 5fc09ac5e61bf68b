#include "engine/pipeline/sound_target.h"

#include <stdlib.h>

#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/base/target.h"

enum { BLOCK_SAMPLES = 65536 };

/* BAD_INPUT with the endings that there are. */
static tb_status fail_format(const char *path, tb_error *err)
{
    tb_str list = {0};
    for (const char *const *f = tb_audio_formats(); *f != NULL; f++)
        tb_str_appendf(&list, "%s.%s", list.len == 0 ? "" : ", ", *f);
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' does not end in one of %s", path,
                           tb_str_text(&list));
    tb_str_deinit(&list);
    return st;
}

tb_status tb_sound_target_check(const char *path, bool replace, tb_error *err)
{
    if (path == NULL || path[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "no output file is given");
    if (tb_audio_format_of_path(path) == NULL)
        return fail_format(path, err);
    return tb_target_check(path, replace, err);
}

tb_status tb_sound_target_begin(tb_sound_target *target, const char *path, int n_channels,
                                int rate_hz, tb_error *err)
{
    *target = (tb_sound_target){.path = path,
                                .format = tb_audio_format_of_path(path),
                                .n_channels = n_channels,
                                .rate_hz = rate_hz,
                                .spool.fd = -1};
    char *folder = tb_path_folder(path);
    tb_status st = folder == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                  : tb_spool_open(&target->spool, folder, err);
    free(folder);
    return st == TIMBRE_OK ? tb_sha256_init(&target->hash, err) : st;
}

tb_status tb_sound_target_append(tb_sound_target *target, const int16_t *pcm, int64_t n,
                                 tb_error *err)
{
    size_t frame_bytes = (size_t)target->n_channels * sizeof *pcm;
    tb_status st = tb_sha256_add(&target->hash, pcm, (size_t)n * frame_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_spool_write(&target->spool, target->n_frames * (int64_t)frame_bytes, pcm,
                            (size_t)n * frame_bytes, err);
    target->n_frames += n;
    return st;
}

tb_status tb_sound_target_end(tb_sound_target *target, tb_error *err)
{
    return tb_sha256_finish(&target->hash, target->pcm_sha256, err);
}

static tb_status copy_samples(const tb_sound_target *target, tb_audio_writer *writer,
                              const tb_progress *progress, tb_error *err)
{
    size_t frame_bytes = (size_t)target->n_channels * sizeof(int16_t);
    int64_t block_frames = BLOCK_SAMPLES / target->n_channels;
    int16_t *block = malloc(BLOCK_SAMPLES * sizeof *block);
    tb_status st = block == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for samples")
                                 : TIMBRE_OK;
    for (int64_t at = 0; st == TIMBRE_OK && at < target->n_frames; at += block_frames) {
        int64_t left = target->n_frames - at;
        int64_t n = left < block_frames ? left : block_frames;
        st = tb_spool_read(&target->spool, at * (int64_t)frame_bytes, block,
                           (size_t)n * frame_bytes, err);
        if (st == TIMBRE_OK)
            st = tb_audio_writer_append(writer, block, n, err);
        tb_progress_report(progress, (double)(at + n) / (double)target->n_frames);
        if (st == TIMBRE_OK)
            st = tb_progress_check(progress, err);
    }
    free(block);
    return st;
}

static tb_status encode(const tb_sound_target *target, const tb_audio_spec *spec, int fd,
                        const tb_progress *progress, tb_error *err)
{
    tb_audio_writer *writer = NULL;
    tb_status st = tb_audio_writer_open(spec, fd, &writer, err);
    if (st == TIMBRE_OK)
        st = copy_samples(target, writer, progress, err);
    if (st == TIMBRE_OK)
        return tb_audio_writer_close(writer, err);
    tb_audio_writer_abort(writer);
    return st;
}

/* An exact format holds the very samples; another one is at least readable, and as long but for the
 * padding of its codec. */
static tb_status read_back(const tb_sound_target *target, const tb_audio_spec *spec,
                           const char *path, tb_error *err)
{
    const int64_t padding_frames = 4608; /* of MP3: encoder and decoder delay, a last frame */
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    tb_status st = timbre_audio_open(path, &audio, err);
    if (st == TIMBRE_OK)
        st = tb_audio_verify_texts(audio, spec, err);
    if (st == TIMBRE_OK && tb_audio_format_is_exact(target->format)) {
        st = tb_audio_verify_hash(audio, spec, target->pcm_sha256, err);
    } else if (st == TIMBRE_OK) {
        timbre_audio_get_info(audio, &info);
        if (llabs(info.n_frames - target->n_frames) > padding_frames)
            st = tb_fail(err, TIMBRE_VERIFY_FAILED, "%lld frames read back of %lld written",
                         (long long)info.n_frames, (long long)target->n_frames);
    }
    timbre_audio_close(audio);
    return st;
}

tb_status tb_sound_target_commit(tb_sound_target *target, const char *recipe, const char *title,
                                 bool replace, const tb_progress *progress, tb_error *err)
{
    tb_audio_spec spec = {.format = target->format,
                          .rate_hz = target->rate_hz,
                          .n_channels = target->n_channels,
                          .n_frames = target->n_frames,
                          .recipe = recipe,
                          .title = title};
    tb_file_writer file = {.fd = -1};
    tb_status st = tb_file_begin(&file, target->path, err);
    if (st == TIMBRE_OK)
        st = encode(target, &spec, file.fd, progress, err);
    if (st == TIMBRE_OK)
        st = tb_file_sync(&file, err);
    if (st == TIMBRE_OK)
        st = read_back(target, &spec, tb_file_read_path(&file), err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&file, replace, err);
    tb_file_abort(&file);
    return st;
}

void tb_sound_target_deinit(tb_sound_target *target)
{
    tb_spool_close(&target->spool);
    tb_sha256_deinit(&target->hash);
}
