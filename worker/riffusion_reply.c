#include "worker/riffusion_reply.h"

#include <math.h>

#include "engine/base/str.h"
#include "worker/python_text.h"

enum { LINE_BYTES = 57, LINE_CHARACTERS = LINE_BYTES / 3 * 4 }; /* of Python's base64.encodebytes */

/* RFC 4648, 4: 1 to LINE_BYTES bytes to the characters of a line. */
static size_t encode_line(const unsigned char *bytes, size_t n, char out[LINE_CHARACTERS])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0U) |
                         (left > 2 ? bytes[i + 2] : 0U);
        out[len++] = alphabet[group >> 18];
        out[len++] = alphabet[group >> 12 & 63];
        out[len++] = left > 1 ? alphabet[group >> 6 & 63] : '=';
        out[len++] = left > 2 ? alphabet[group & 63] : '=';
    }
    return len;
}

/* In a JSON string: line breaks are escaped. */
static void append_base64(tb_str *out, const unsigned char *bytes, size_t len)
{
    char line[LINE_CHARACTERS];
    for (size_t i = 0; i < len; i += LINE_BYTES) {
        size_t n = len - i < LINE_BYTES ? len - i : LINE_BYTES;
        tb_str_append_bytes(out, line, encode_line(bytes + i, n, line));
        tb_str_append(out, "\\n");
    }
}

tb_status tb_inference_format(const unsigned char *jpeg, size_t jpeg_len_bytes,
                              const char *audio_media_type, const unsigned char *audio,
                              size_t audio_len_bytes, double duration_s, char **out, tb_error *err)
{
    tb_str text = {0};
    *out = NULL;
    if (!isfinite(duration_s))
        return tb_fail(err, TIMBRE_BAD_INPUT, "a duration of %g s is none", duration_s);
    tb_str_append(&text, "{\"image\": \"data:image/jpeg;base64,");
    append_base64(&text, jpeg, jpeg_len_bytes);
    tb_str_appendf(&text, "\", \"audio\": \"data:%s;base64,", audio_media_type);
    append_base64(&text, audio, audio_len_bytes);
    tb_str_append(&text, "\", \"duration_s\": ");
    tb_python_append_float(&text, duration_s);
    tb_str_append(&text, "}");
    *out = tb_str_take(&text);
    if (*out != NULL)
        return TIMBRE_OK;
    tb_str_deinit(&text);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an answer of %zu bytes of files",
                   jpeg_len_bytes + audio_len_bytes);
}
