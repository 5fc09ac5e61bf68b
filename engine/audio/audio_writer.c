#include "engine/audio/audio_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/audio/audio_format.h"
#include "engine/audio/id3.h"
#include "engine/audio/memory_file.h"
#include "engine/base/str.h"

enum { BLOCK_SAMPLES = 16384 }; /* libsndfile's Ogg encoders take no long blocks */

/* A descriptor for libsndfile that remembers why a write failed. */
typedef struct {
    int fd;
    int failed;       /* errno, or 0 */
    sf_count_t start; /* where libsndfile's part of the file begins, after our tag */
} fd_file;

struct tb_audio_writer {
    const tb_audio_format *format;
    SNDFILE *sf;
    fd_file file;
    tb_memory_file memory; /* when it goes there: file.fd is -1 */
    tb_audio_spec spec;    /* n_frames: so far; no texts */
    tb_str tag;            /* what stands before libsndfile's bytes */
};

static sf_count_t get_length(void *user)
{
    struct stat info;
    const fd_file *file = user;
    return fstat(file->fd, &info) == 0 ? (sf_count_t)info.st_size - file->start : -1;
}

static sf_count_t seek_to(sf_count_t offset, int whence, void *user)
{
    const fd_file *file = user;
    off_t from = whence == SEEK_SET ? (off_t)file->start : 0;
    off_t at = lseek(file->fd, from + (off_t)offset, whence);
    return at < 0 ? -1 : (sf_count_t)at - file->start;
}

static sf_count_t read_from(void *out, sf_count_t count, void *user)
{
    ssize_t n;
    do
        n = read(((fd_file *)user)->fd, out, (size_t)count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? 0 : (sf_count_t)n;
}

static sf_count_t write_to(const void *in, sf_count_t count, void *user)
{
    fd_file *file = user;
    sf_count_t done = 0;
    while (done < count) {
        ssize_t n = write(file->fd, (const char *)in + done, (size_t)(count - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            file->failed = n < 0 ? errno : EIO;
            break;
        }
        done += n;
    }
    return done;
}

static sf_count_t tell(void *user)
{
    return seek_to(0, SEEK_CUR, user);
}

static SF_VIRTUAL_IO fd_file_io = {
    .get_filelen = get_length, .seek = seek_to, .read = read_from, .write = write_to, .tell = tell};

/* Why libsndfile could not write: the system's reason where there is one. */
static tb_status fail_write(const tb_audio_writer *w, tb_error *err)
{
    if (w->file.failed != 0)
        return tb_fail_errno(err, w->file.failed, "cannot write the %s", w->format->name);
    if (w->memory.failed)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the encoded %s", w->format->name);
    return tb_fail(err, TIMBRE_FAILED, "libsndfile cannot write %s: %s", w->format->name,
                   sf_strerror(w->sf));
}

static tb_status put_texts(tb_audio_writer *w, const tb_audio_spec *spec, tb_error *err)
{
    char title[TB_TITLE_MAX_BYTES + 1];
    if (w->format->has_id3)
        return TIMBRE_OK;
    tb_audio_title_cut(spec->title, title);
    if (title[0] != '\0')
        (void)sf_set_string(w->sf, SF_STR_TITLE, title); /* a help for players, not the recipe */
    return spec->recipe == NULL ? TIMBRE_OK : w->format->put_recipe(w->sf, spec->recipe, err);
}

/* What goes before libsndfile's bytes: kept for a file in memory, written to a descriptor. */
static tb_status put_tag(tb_audio_writer *w, const tb_audio_spec *spec, tb_error *err)
{
    char title[TB_TITLE_MAX_BYTES + 1];
    tb_audio_title_cut(spec->title, title);
    if (!w->format->has_id3 || (title[0] == '\0' && spec->recipe == NULL))
        return TIMBRE_OK;
    tb_id3_write(title[0] != '\0' ? title : NULL, spec->recipe, "Timbre", &w->tag);
    if (w->tag.failed)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the tag of the %s", w->format->name);
    if (w->file.fd < 0)
        return TIMBRE_OK;
    w->file.start = (sf_count_t)w->tag.len;
    return write_to(w->tag.bytes, w->file.start, &w->file) == w->file.start ? TIMBRE_OK
                                                                            : fail_write(w, err);
}

static void set_quality(tb_audio_writer *w)
{
    int mode = SF_BITRATE_MODE_VARIABLE;
    double compression = 1 - w->format->quality;
    (void)sf_command(w->sf, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); /* it carries the clock */
    if (w->format->is_exact)
        return;
    (void)sf_command(w->sf, SFC_SET_BITRATE_MODE, &mode, sizeof mode);
    (void)sf_command(w->sf, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof compression);
}

/* fd -1: to memory. */
static tb_status open_writer(const tb_audio_spec *spec, int fd, tb_audio_writer **out,
                             tb_error *err)
{
    *out = NULL;
    tb_status st = tb_audio_format_check(spec, err);
    if (st != TIMBRE_OK)
        return st;
    tb_audio_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a writer");
    w->format = tb_audio_format_find(spec->format);
    w->file.fd = fd;
    w->memory.writable = true;
    w->spec = (tb_audio_spec){
        .format = w->format->name, .rate_hz = spec->rate_hz, .n_channels = spec->n_channels};
    SF_INFO info = {
        .samplerate = spec->rate_hz, .channels = spec->n_channels, .format = w->format->sf_format};
    st = put_tag(w, spec, err);
    if (st != TIMBRE_OK) {
        tb_audio_writer_abort(w);
        return st;
    }
    w->sf = fd < 0 ? sf_open_virtual(&tb_memory_file_io, SFM_WRITE, &info, &w->memory)
                   : sf_open_virtual(&fd_file_io, SFM_WRITE, &info, &w->file);
    if (w->sf == NULL) {
        st = fail_write(w, err);
    } else {
        set_quality(w);
        st = put_texts(w, spec, err);
    }
    if (st == TIMBRE_OK)
        *out = w;
    else
        tb_audio_writer_abort(w);
    return st;
}

tb_status tb_audio_writer_open(const tb_audio_spec *spec, int fd, tb_audio_writer **out,
                               tb_error *err)
{
    return open_writer(spec, fd, out, err);
}

/* Lossy encoders get floats: libsndfile 1.2.0 loses half of an MP3's stereo samples of 16 bits. */
static bool write_block(tb_audio_writer *w, const int16_t *pcm, int64_t n)
{
    float block[BLOCK_SAMPLES];
    if (w->format->is_exact)
        return sf_writef_short(w->sf, pcm, n) == n;
    for (int64_t i = 0; i < n * w->spec.n_channels; i++)
        block[i] = (float)pcm[i] / 32768.0f;
    return sf_writef_float(w->sf, block, n) == n;
}

tb_status tb_audio_writer_append(tb_audio_writer *w, const int16_t *pcm, int64_t n, tb_error *err)
{
    w->spec.n_frames += n;
    tb_status st = tb_audio_format_check(&w->spec, err);
    while (n > 0 && st == TIMBRE_OK) {
        int64_t most = BLOCK_SAMPLES / w->spec.n_channels, block = n < most ? n : most;
        if (!write_block(w, pcm, block) || w->file.failed != 0)
            st = fail_write(w, err);
        pcm += block * w->spec.n_channels;
        n -= block;
    }
    return st;
}

/* What stands in memory stays there. */
static tb_status end_file(tb_audio_writer *w, tb_error *err)
{
    int closed = sf_close(w->sf);
    w->sf = NULL;
    if (closed != 0 || w->file.failed != 0 || w->memory.failed)
        return fail_write(w, err);
    return TIMBRE_OK;
}

tb_status tb_audio_writer_close(tb_audio_writer *w, tb_error *err)
{
    tb_status st = end_file(w, err);
    tb_audio_writer_abort(w);
    return st;
}

void tb_audio_writer_abort(tb_audio_writer *w)
{
    if (w == NULL)
        return;
    if (w->sf != NULL)
        sf_close(w->sf);
    free(w->memory.bytes);
    tb_str_deinit(&w->tag);
    free(w);
}

/* The whole file as the caller's own. */
static tb_status take_memory(tb_audio_writer *w, unsigned char **bytes, size_t *len_bytes,
                             tb_error *err)
{
    size_t tag_bytes = w->tag.len;
    unsigned char *whole = w->memory.bytes;
    if (tag_bytes > 0) {
        whole = realloc(whole, w->memory.len + tag_bytes);
        if (whole == NULL)
            return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the encoded %s", w->format->name);
        memmove(whole + tag_bytes, whole, w->memory.len);
        memcpy(whole, w->tag.bytes, tag_bytes);
    }
    w->memory.bytes = NULL;
    *bytes = whole;
    *len_bytes = w->memory.len + tag_bytes;
    return TIMBRE_OK;
}

tb_status tb_audio_encode(const tb_audio_spec *spec, const int16_t *pcm, unsigned char **bytes,
                          size_t *len_bytes, tb_error *err)
{
    tb_audio_writer *w;
    tb_status st = open_writer(spec, -1, &w, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_audio_writer_append(w, pcm, spec->n_frames, err);
    if (st == TIMBRE_OK)
        st = end_file(w, err);
    if (st == TIMBRE_OK)
        st = take_memory(w, bytes, len_bytes, err);
    tb_audio_writer_abort(w);
    return st;
}
