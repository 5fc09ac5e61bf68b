#include "cli/radio_record.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/str.h"

enum {
    CHANNELS = 2,
    FRAME_BYTES = CHANNELS * 2, /* 16 bit */
    HEAD_BYTES = 44,            /* RIFF, WAVE, fmt of 16 bytes, data */
};

static void put(unsigned char *to, uint32_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static tb_status write_at(const tb_radio_record *r, const unsigned char *bytes, size_t n, off_t at,
                          tb_error *err)
{
    while (n > 0) {
        ssize_t done = pwrite(r->fd, bytes, n, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return tb_fail_errno(err, done < 0 ? errno : ENOSPC, "cannot write '%.300s'", r->path);
        bytes += done;
        n -= (size_t)done;
        at += done;
    }
    return TIMBRE_OK;
}

/* As the frames are that stand behind it. */
static tb_status write_head(tb_radio_record *r, tb_error *err)
{
    unsigned char head[HEAD_BYTES] = "RIFF____WAVEfmt ";
    uint32_t n_bytes = (uint32_t)(r->n_frames * FRAME_BYTES);
    put(head + 4, HEAD_BYTES - 8 + n_bytes, 4);
    put(head + 16, 16, 4);
    put(head + 20, 1, 2); /* PCM */
    put(head + 22, CHANNELS, 2);
    put(head + 24, (uint32_t)r->rate_hz, 4);
    put(head + 28, (uint32_t)r->rate_hz * FRAME_BYTES, 4);
    put(head + 32, FRAME_BYTES, 2);
    put(head + 34, 16, 2);
    memcpy(head + 36, "data", 4);
    put(head + 40, n_bytes, 4);
    r->n_told = r->n_frames;
    return write_at(r, head, sizeof head, 0, err);
}

tb_status tb_radio_record_open(tb_radio_record *r, const char *path, bool replaces, tb_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (replaces ? O_TRUNC : O_EXCL);
    *r = (tb_radio_record){.fd = open(path, flags, 0666)};
    if (r->fd < 0 && errno == EEXIST) {
        tb_status st = tb_fail(err, TIMBRE_EXISTS, "'%.300s' exists", path);
        tb_fix(err, "choose another name, or --force");
        return st;
    }
    if (r->fd < 0)
        return tb_fail_errno(err, errno, "cannot write '%.300s'", path);
    r->path = tb_strdup(path);
    if (r->path != NULL)
        return TIMBRE_OK;
    (void)close(r->fd);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

static tb_status append_some(tb_radio_record *r, const float *frames, int64_t n, tb_error *err)
{
    enum { PIECE_FRAMES = 1024 };
    unsigned char bytes[PIECE_FRAMES * FRAME_BYTES];
    tb_status st = TIMBRE_OK;
    for (int64_t done = 0, part; st == TIMBRE_OK && done < n; done += part) {
        part = n - done < PIECE_FRAMES ? n - done : PIECE_FRAMES;
        for (int64_t i = 0; i < part * CHANNELS; i++) {
            float sample = frames[done * CHANNELS + i] * 32768.0f; /* as it was read */
            long value = lrintf(fminf(fmaxf(sample, -32768.0f), 32767.0f));
            put(bytes + 2 * i, (uint32_t)value, 2);
        }
        off_t at = HEAD_BYTES + (off_t)r->n_frames * FRAME_BYTES;
        st = write_at(r, bytes, (size_t)part * FRAME_BYTES, at, err);
        r->n_frames += st == TIMBRE_OK ? part : 0;
    }
    return st;
}

tb_status tb_radio_record_append(tb_radio_record *r, const float *frames, int64_t n_frames,
                                 int rate_hz, tb_error *err)
{
    int64_t most = ((int64_t)UINT32_MAX - HEAD_BYTES) / FRAME_BYTES;
    r->rate_hz = rate_hz;
    if (n_frames > most - r->n_frames)
        return tb_fail(err, TIMBRE_UNSUPPORTED,
                       "'%.300s' is full: a WAV file holds %lld frames, no more", r->path,
                       (long long)most);
    tb_status st = append_some(r, frames, n_frames, err);
    if (st == TIMBRE_OK && r->n_frames - r->n_told >= rate_hz)
        st = write_head(r, err);
    return st;
}

tb_status tb_radio_record_close(tb_radio_record *r, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (r->path == NULL)
        return st;
    if (r->n_frames > 0)
        st = write_head(r, err);
    if (close(r->fd) != 0 && st == TIMBRE_OK)
        st = tb_fail_errno(err, errno, "cannot write '%.300s'", r->path);
    if (r->n_frames == 0)
        (void)unlink(r->path);
    free(r->path);
    *r = (tb_radio_record){0};
    return st;
}
