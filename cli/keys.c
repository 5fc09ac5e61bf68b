#include "cli/keys.h"

#include <string.h>

void tb_keys_push(tb_keys *keys, const char *bytes, size_t n)
{
    size_t room = sizeof keys->bytes - keys->n;
    n = n < room ? n : room;
    memcpy(keys->bytes + keys->n, bytes, n);
    keys->n += n;
}

/* Bytes of the first key, 0 while it is unfinished: ESC [ parameters final (ECMA-48, 5.4), ESC O
 * letter (application keypad), else one byte. An ESC before anything else is a key of its own. */
static size_t first_length(const char *bytes, size_t n)
{
    if (n == 0 || bytes[0] != '\033')
        return n > 0;
    if (n == 1)
        return 0;
    if (bytes[1] == 'O')
        return n < 3 ? 0 : 3;
    if (bytes[1] != '[')
        return 1;
    for (size_t i = 2; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 || c > 0x3f)
            return c >= 0x40 && c <= 0x7e ? i + 1 : i; /* final byte, or cut short */
        if (i + 1 == TB_KEY_MAX_BYTES)
            return i; /* none of ours is that long */
    }
    return 0;
}

bool tb_keys_next(tb_keys *keys, char key[TB_KEY_MAX_BYTES])
{
    size_t length = first_length(keys->bytes, keys->n);
    if (length == 0)
        return false;
    memcpy(key, keys->bytes, length);
    key[length] = '\0';
    keys->n -= length;
    memmove(keys->bytes, keys->bytes + length, keys->n);
    return true;
}
