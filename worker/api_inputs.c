/* Sounds and pictures that clients bring, for later use as a beginning. Nothing of them is parsed
 * here but their first bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/content.h"
#include "engine/base/str.h"
#include "worker/service.h"

/* First bytes by which a file is known; "?" stands for any byte. */
static const struct {
    const char *bytes;
    size_t len;
    const char *media_type;
} kinds[] = {
    {"RIFF????WAVE", 12, "audio/wav"}, {"RF64????WAVE", 12, "audio/wav"},
    {"fLaC", 4, "audio/flac"},         {"OggS", 4, "audio/ogg"},
    {"ID3", 3, "audio/mpeg"},          {"FORM????AIF", 11, "audio/aiff"},
    {"caff", 4, "audio/x-caf"},        {"\x89PNG\r\n\x1a\n", 8, "image/png"},
    {"\xff\xd8\xff", 3, "image/jpeg"},
};

static const char *sniff(const unsigned char *head, size_t len)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bool is_so = len >= kinds[i].len;
        for (size_t k = 0; is_so && k < kinds[i].len; k++)
            is_so = kinds[i].bytes[k] == '?' || head[k] == (unsigned char)kinds[i].bytes[k];
        if (is_so)
            return kinds[i].media_type;
    }
    /* a frame of MPEG audio: eleven bits set, and a layer that exists */
    return len >= 2 && head[0] == 0xff && (head[1] & 0xe0) == 0xe0 && (head[1] & 0x06) != 0
               ? "audio/mpeg"
               : NULL;
}

/* The same bytes came before: their file serves, or this one in its place where it is gone. */
static tb_status keep_known(tb_worker *worker, const tb_stored_input *input, const char *path,
                            tb_error *err)
{
    char *known = tb_strf("%s/%s", worker->inputs, input->id);
    tb_status st = TIMBRE_OK;
    if (known == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an input");
    else if (access(known, F_OK) != 0 && rename(path, known) != 0)
        st = tb_fail_errno(err, errno, "cannot keep an input");
    (void)unlink(path);
    free(known);
    return st;
}

/* The file first, then its row; the same bytes again leave no second file. */
static tb_status keep(tb_worker *worker, int fd, tb_stored_input *input, bool *is_known,
                      tb_error *err)
{
    tb_file_writer w = {.fd = -1};
    tb_status st = tb_id_draw(input->id, err);
    char *path = tb_strf("%s/%s", worker->inputs, input->id);
    if (path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an input");
    if (st == TIMBRE_OK)
        st = tb_file_begin(&w, path, err);
    if (st == TIMBRE_OK)
        st = tb_content_copy(fd, "the body", &w, input->sha256, err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&w, false, err);
    bool is_named = st == TIMBRE_OK;
    if (st == TIMBRE_OK)
        st = tb_store_add_input(worker->store, input, is_known, err);
    if (is_named && st == TIMBRE_OK && *is_known)
        st = keep_known(worker, input, path, err);
    else if (is_named && st != TIMBRE_OK)
        (void)unlink(path);
    tb_file_abort(&w);
    free(path);
    return st;
}

TB_HANDLER(add_input)
{
    unsigned char head[16];
    int64_t len_bytes = 0;
    bool is_known = false;
    tb_error err = {0};
    int fd = tb_http_body_file(request, &len_bytes);
    ssize_t n = fd < 0 ? 0 : pread(fd, head, sizeof head, 0);
    const char *media_type = n <= 0 ? NULL : sniff(head, (size_t)n);
    if (media_type == NULL) {
        tb_http_reply_fail(response, 415, "unsupported_media_type",
                           "the bytes are no sound (WAV, FLAC, Ogg, MP3, AIFF, CAF) and no picture "
                           "(PNG, JPEG)");
        return;
    }
    tb_stored_input input = {.len_bytes = len_bytes};
    (void)snprintf(input.media_type, sizeof input.media_type, "%s", media_type);
    if (keep(worker, fd, &input, &is_known, &err) != TIMBRE_OK) {
        tb_http_reply_error(response, &err);
        return;
    }
    tb_http_reply_json(response, is_known ? 200 : 201,
                       json_pack("{s:s, s:s, s:I, s:s}", "input_id", input.id, "media_type",
                                 input.media_type, "bytes", (json_int_t)input.len_bytes, "sha256",
                                 input.sha256));
}
