/*
 * Keys out of the bytes that a terminal sends. Several may come in one read, and one may come in
 * two: what is not finished is kept.
 */
#ifndef TB_CLI_KEYS_H
#define TB_CLI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum { TB_KEY_MAX_BYTES = 16 };

/* Zero-initialise. */
typedef struct tb_keys {
    char bytes[64];
    size_t n;
} tb_keys;

/* Add what was read; what does not fit is dropped. */
void tb_keys_push(tb_keys *keys, const char *bytes, size_t n);

/* Take the next whole key: "q", or an escape sequence ("\033[C"). False when there is none yet. */
bool tb_keys_next(tb_keys *keys, char key[TB_KEY_MAX_BYTES]);

#endif
