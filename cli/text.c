#include "cli/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/base/utf8.h"

/* The code point at `s`, which is valid UTF-8; its length in *len. */
static uint32_t decode(const char *s, size_t *len)
{
    const unsigned char *u = (const unsigned char *)s;
    *len = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    uint32_t code = *len == 1 ? u[0] : u[0] & (0x7fU >> *len);
    for (size_t i = 1; i < *len; i++)
        code = code << 6 | (u[i] & 0x3f);
    return code;
}

static bool is_steering(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, /* C0, DEL, C1 */
        {0x061c, 0x061c}, {0x200e, 0x200f}, /* Arabic letter mark; left-to-right, right-to-left */
        {0x2028, 0x202e}, /* line and paragraph separator; embeddings, overrides */
        {0x2066, 0x2069}, /* isolates */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

static void print_valid(FILE *out, const char *text, size_t length)
{
    for (size_t len; length > 0; text += len, length -= len) {
        uint32_t code = decode(text, &len);
        if (code == '\n' || code == '\r' || code == '\t')
            fputc(' ', out);
        else if (is_steering(code))
            fputc('?', out);
        else
            (void)fwrite(text, 1, len, out); /* the stream remembers a failure */
    }
}

void tb_print_clean(FILE *out, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t good = tb_utf8_check(text, left);
        print_valid(out, text, good);
        if (good < left) {
            fputc('?', out);
            good++;
        }
        text += good;
        left -= good;
    }
}

json_t *tb_text_to_json(const char *text)
{
    size_t left = strlen(text);
    if (tb_utf8_check(text, left) == left)
        return json_string(text);
    tb_str valid = {0};
    while (left > 0) {
        size_t good = tb_utf8_check(text, left);
        tb_str_append_bytes(&valid, text, good);
        if (good < left) {
            tb_str_append(&valid, "\xef\xbf\xbd"); /* U+FFFD */
            good++;
        }
        text += good;
        left -= good;
    }
    json_t *j = valid.failed ? NULL : json_string(tb_str_text(&valid));
    tb_str_deinit(&valid);
    return j;
}
