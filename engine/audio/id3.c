#include "engine/audio/id3.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/utf8.h"

#define RECIPE_NAME "timbre" /* of the TXXX frame */

enum {
    PADDING_BYTES = 64, /* room for a tagger to change a title in place */
    FRAME_HEADER_BYTES = 10,
    ENCODING_LATIN_1 = 0,
    ENCODING_UTF_8 = 3,
};

/* Seven bits a byte, so that no decoder takes a size for the start of a frame of sound. */
static void put_syncsafe(uint32_t n, char out[4])
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(n >> (21 - 7 * i) & 0x7f);
}

/* false: a byte has its highest bit set. */
static bool get_syncsafe(const unsigned char *in, uint32_t *n)
{
    *n = (uint32_t)in[0] << 21 | (uint32_t)in[1] << 14 | (uint32_t)in[2] << 7 | in[3];
    return ((in[0] | in[1] | in[2] | in[3]) & 0x80) == 0;
}

/* `name` is that of a TXXX frame; NULL: the frame has none. */
static void put_frame(tb_str *out, const char id[4], const char *name, const char *text)
{
    static const char flags[2];
    const char encoding = ENCODING_UTF_8;
    char size[4];
    if (text == NULL)
        return;
    size_t name_bytes = name == NULL ? 0 : strlen(name) + 1;
    put_syncsafe((uint32_t)(1 + name_bytes + strlen(text)), size);
    tb_str_append_bytes(out, id, 4);
    tb_str_append_bytes(out, size, sizeof size);
    tb_str_append_bytes(out, flags, sizeof flags);
    tb_str_append_bytes(out, &encoding, 1);
    if (name != NULL)
        tb_str_append_bytes(out, name, name_bytes);
    tb_str_append(out, text);
}

void tb_id3_write(const char *title, const char *recipe, const char *software, tb_str *out)
{
    static const char padding[PADDING_BYTES];
    char header[TB_ID3_HEADER_BYTES] = {'I', 'D', '3', 4, 0, 0};
    tb_str frames = {0};
    put_frame(&frames, "TIT2", NULL, title);
    put_frame(&frames, "TSSE", NULL, software);
    put_frame(&frames, "TXXX", RECIPE_NAME, recipe);
    put_syncsafe((uint32_t)(frames.len + sizeof padding), header + 6);
    tb_str_append_bytes(out, header, sizeof header);
    tb_str_append_bytes(out, tb_str_text(&frames), frames.len);
    tb_str_append_bytes(out, padding, sizeof padding);
    out->failed |= frames.failed;
    tb_str_deinit(&frames);
}

size_t tb_id3_size(const unsigned char *bytes, size_t len_bytes)
{
    uint32_t size;
    if (len_bytes < TB_ID3_HEADER_BYTES || memcmp(bytes, "ID3", 3) != 0 ||
        !get_syncsafe(bytes + 6, &size))
        return 0;
    return TB_ID3_HEADER_BYTES + (size_t)size;
}

/* The text of a frame's body up to its NUL; NULL when it is not UTF-8. */
static const char *first_text(const unsigned char *body, size_t len, size_t *text_bytes)
{
    const unsigned char *end = memchr(body, '\0', len);
    *text_bytes = end == NULL ? len : (size_t)(end - body);
    return tb_utf8_check((const char *)body, *text_bytes) == *text_bytes ? (const char *)body
                                                                         : NULL;
}

static bool is_ascii(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] > 0x7f)
            return false;
    return true;
}

/* The first frame of a kind counts. */
static void take_frame(const unsigned char *id, const unsigned char *body, size_t len,
                       tb_id3_texts *texts)
{
    static const char name[] = RECIPE_NAME; /* with its NUL */
    if (len < 1 || (body[0] != ENCODING_UTF_8 &&
                    (body[0] != ENCODING_LATIN_1 || !is_ascii(body + 1, len - 1))))
        return;
    body++;
    len--;
    if (memcmp(id, "TIT2", 4) == 0 && texts->title == NULL)
        texts->title = first_text(body, len, &texts->title_bytes);
    else if (memcmp(id, "TXXX", 4) == 0 && texts->recipe == NULL && len > sizeof name &&
             memcmp(body, name, sizeof name) == 0)
        texts->recipe = first_text(body + sizeof name, len - sizeof name, &texts->recipe_bytes);
}

/* Size of a frame's body; false when it cannot be one. */
static bool frame_size(const unsigned char *frame, int version, size_t left, uint32_t *size)
{
    const unsigned char *at = frame + 4;
    bool is_right = true;
    if (version == 4)
        is_right = get_syncsafe(at, size);
    else
        *size = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return is_right && frame[0] != '\0' && *size <= left - FRAME_HEADER_BYTES;
}

void tb_id3_read(const unsigned char *bytes, size_t len_bytes, tb_id3_texts *texts)
{
    *texts = (tb_id3_texts){0};
    size_t end = tb_id3_size(bytes, len_bytes);
    if (end == 0 || (bytes[3] != 3 && bytes[3] != 4) || bytes[5] != 0)
        return;
    end = end < len_bytes ? end : len_bytes;
    uint32_t size;
    for (size_t at = TB_ID3_HEADER_BYTES; end - at > FRAME_HEADER_BYTES; at += size) {
        const unsigned char *frame = bytes + at;
        if (!frame_size(frame, bytes[3], end - at, &size))
            return;
        at += FRAME_HEADER_BYTES;
        if (frame[9] == 0) /* packed, encrypted, unsynchronised */
            take_frame(frame, bytes + at, size, texts);
    }
}
