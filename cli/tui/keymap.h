/*
 * Keys by name ("ctrl-t", "alt-enter", "shift-left", "f1", "?") and which operation each means. The
 * table of operations has the built-in keys; settings in [keys] replace those of single operations.
 */
#ifndef TB_CLI_TUI_KEYMAP_H
#define TB_CLI_TUI_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/tui/input.h"
#include "engine/base/error.h"

enum { TB_KEY_NAME_MAX = 32, TB_BINDINGS_MAX = 256, TB_KEY_LABEL_MAX = 16 };

/* BAD_INPUT naming what is no key. */
TB_MUST_USE tb_status tb_key_parse(const char *name, tb_key *out, tb_error *err);
/* The name that tb_key_parse reads. */
void tb_key_format(tb_key key, char out[TB_KEY_NAME_MAX]);
/* For people, short: "^T", "Alt+Enter", "F1". */
void tb_key_label(tb_key key, char out[TB_KEY_NAME_MAX]);
bool tb_key_is_same(tb_key a, tb_key b);

typedef struct tb_binding {
    tb_key key;
    int operation; /* index in the table */
} tb_binding;

typedef struct tb_keymap {
    tb_binding bindings[TB_BINDINGS_MAX];
    size_t n;
} tb_keymap;

/* The built-in keys. */
void tb_keymap_init(tb_keymap *map);
/* Give an operation these keys (names with blanks or commas between them; "": none) instead of its
 * own. BAD_INPUT: no such operation, no such key. */
TB_MUST_USE tb_status tb_keymap_set(tb_keymap *map, const char *operation_id, const char *keys,
                                    tb_error *err);
/* The operation that the key means where `where` (a TB_WHERE_* flag) has the focus; -1: none. What
 * acts everywhere comes last. */
int tb_keymap_find(const tb_keymap *map, unsigned where, tb_key key);
/* Label of the first key of an operation; "" without one. */
void tb_keymap_label(const tb_keymap *map, int operation, char out[TB_KEY_NAME_MAX]);
/* All its keys. */
void tb_keymap_labels(const tb_keymap *map, int operation, char *out, size_t size);

#endif
