#include "cli/tui/keymap.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <utf8proc.h>

#include "cli/tui/operations.h"

static const struct {
    const char *name, *label;
    uint32_t code;
} named[] = {
    {"enter", "Enter", TB_KEY_ENTER},
    {"tab", "Tab", TB_KEY_TAB},
    {"backspace", "Backspace", TB_KEY_BACKSPACE},
    {"escape", "Esc", TB_KEY_ESCAPE},
    {"up", "Up", TB_KEY_UP},
    {"down", "Down", TB_KEY_DOWN},
    {"left", "Left", TB_KEY_LEFT},
    {"right", "Right", TB_KEY_RIGHT},
    {"home", "Home", TB_KEY_HOME},
    {"end", "End", TB_KEY_END},
    {"page-up", "PgUp", TB_KEY_PAGE_UP},
    {"page-down", "PgDn", TB_KEY_PAGE_DOWN},
    {"insert", "Ins", TB_KEY_INSERT},
    {"delete", "Del", TB_KEY_DELETE},
    {"space", "Space", ' '},
    {"comma", ",", ','},
    {"minus", "-", '-'},
};
enum { N_NAMED = sizeof named / sizeof *named };

static const struct {
    const char *prefix, *label;
    uint32_t mod;
} modifiers[] = {{"ctrl-", "Ctrl+", TB_MOD_CTRL},
                 {"alt-", "Alt+", TB_MOD_ALT},
                 {"shift-", "Shift+", TB_MOD_SHIFT}};
enum { N_MODIFIERS = sizeof modifiers / sizeof *modifiers };

static bool parse_code(const char *name, uint32_t *code)
{
    for (size_t i = 0; i < N_NAMED; i++)
        if (strcasecmp(name, named[i].name) == 0) {
            *code = named[i].code;
            return true;
        }
    int number, end = 0;
    if ((name[0] == 'f' || name[0] == 'F') && sscanf(name + 1, "%2d%n", &number, &end) == 1 &&
        name[1 + end] == '\0' && number >= 1 && number <= 12) {
        *code = (uint32_t)(TB_KEY_F1 + number - 1);
        return true;
    }
    if (name[0] == '\0')
        return false;
    utf8proc_int32_t point;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)name, -1, &point);
    if (n <= 0 || name[n] != '\0' || point <= ' ')
        return false;
    *code = (uint32_t)point;
    return true;
}

tb_status tb_key_parse(const char *name, tb_key *out, tb_error *err)
{
    const char *at = name;
    *out = (tb_key){0};
    for (size_t i = 0; i < N_MODIFIERS;) {
        size_t n = strlen(modifiers[i].prefix);
        if (strncasecmp(at, modifiers[i].prefix, n) == 0 && at[n] != '\0') {
            out->mods |= modifiers[i].mod;
            at += n;
            i = 0;
        } else {
            i++;
        }
    }
    if (parse_code(at, &out->code))
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.40s' is no key", name);
    tb_fix(err, "keys look like ctrl-t, alt-enter, shift-left, f5, space, comma or x");
    return st;
}

static void append_code(char *out, uint32_t code, bool is_label)
{
    size_t at = strlen(out), room = TB_KEY_NAME_MAX - at;
    for (size_t i = 0; i < N_NAMED; i++)
        if (named[i].code == code) {
            (void)snprintf(out + at, room, "%s", is_label ? named[i].label : named[i].name);
            return;
        }
    if (code >= TB_KEY_F1 && code <= TB_KEY_F12) {
        (void)snprintf(out + at, room, "%c%d", is_label ? 'F' : 'f', (int)(code - TB_KEY_F1 + 1));
        return;
    }
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)code, bytes);
    (void)snprintf(out + at, room, "%.*s", (int)n, (const char *)bytes);
}

void tb_key_format(tb_key key, char out[TB_KEY_NAME_MAX])
{
    out[0] = '\0';
    for (size_t i = 0; i < N_MODIFIERS; i++)
        if (key.mods & modifiers[i].mod)
            (void)snprintf(out + strlen(out), TB_KEY_NAME_MAX - strlen(out), "%s",
                           modifiers[i].prefix);
    append_code(out, key.code, false);
}

void tb_key_label(tb_key key, char out[TB_KEY_NAME_MAX])
{
    out[0] = '\0';
    if (key.mods == TB_MOD_CTRL && key.code > ' ' && key.code < 127) {
        char upper = key.code >= 'a' && key.code <= 'z' ? (char)(key.code - 32) : (char)key.code;
        (void)snprintf(out, TB_KEY_NAME_MAX, "^%c", upper);
        return;
    }
    for (size_t i = 0; i < N_MODIFIERS; i++)
        if (key.mods & modifiers[i].mod)
            (void)snprintf(out + strlen(out), TB_KEY_NAME_MAX - strlen(out), "%s",
                           modifiers[i].label);
    append_code(out, key.mods != 0 && key.code >= 'a' && key.code <= 'z' ? key.code - 32 : key.code,
                true);
}

bool tb_key_is_same(tb_key a, tb_key b)
{
    return a.code == b.code && a.mods == b.mods;
}

static void remove_keys(tb_keymap *map, int operation)
{
    size_t kept = 0;
    for (size_t i = 0; i < map->n; i++)
        if (map->bindings[i].operation != operation)
            map->bindings[kept++] = map->bindings[i];
    map->n = kept;
}

/* A key means one thing in one place: the last binding wins. */
static void bind(tb_keymap *map, int operation, tb_key key)
{
    size_t n;
    const tb_operation *table = tb_operations(&n);
    size_t kept = 0;
    for (size_t i = 0; i < map->n; i++) {
        const tb_binding *b = &map->bindings[i];
        bool is_replaced = tb_key_is_same(b->key, key) &&
                           table[b->operation].where == table[operation].where;
        if (!is_replaced)
            map->bindings[kept++] = *b;
    }
    map->n = kept;
    if (map->n < TB_BINDINGS_MAX)
        map->bindings[map->n++] = (tb_binding){key, operation};
}

static tb_status set_keys(tb_keymap *map, int operation, const char *keys, tb_error *err)
{
    for (const char *at = keys + strspn(keys, " ,"); *at != '\0';) {
        char name[TB_KEY_NAME_MAX];
        size_t n = strcspn(at, " ,");
        tb_key key;
        (void)snprintf(name, sizeof name, "%.*s", (int)n, at);
        tb_status st = tb_key_parse(name, &key, err);
        if (st != TIMBRE_OK)
            return st;
        bind(map, operation, key);
        at += n;
        at += strspn(at, " ,");
    }
    return TIMBRE_OK;
}

void tb_keymap_init(tb_keymap *map)
{
    size_t n;
    tb_error err = {0};
    const tb_operation *table = tb_operations(&n);
    map->n = 0;
    for (size_t i = 0; i < n; i++)
        if (table[i].keys != NULL)
            (void)set_keys(map, (int)i, table[i].keys, &err);
}

tb_status tb_keymap_set(tb_keymap *map, const char *operation_id, const char *keys, tb_error *err)
{
    int operation = tb_operation_find(operation_id);
    if (operation < 0) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "there is no operation '%.40s'",
                               operation_id);
        tb_fix(err, "docs/studio.md and F1 have their names");
        return st;
    }
    tb_keymap before = *map;
    remove_keys(map, operation);
    tb_status st = set_keys(map, operation, keys, err);
    if (st != TIMBRE_OK)
        *map = before;
    return st;
}

int tb_keymap_find(const tb_keymap *map, unsigned where, tb_key key)
{
    size_t n;
    int everywhere = -1;
    const tb_operation *table = tb_operations(&n);
    for (size_t i = 0; i < map->n; i++) {
        const tb_binding *b = &map->bindings[i];
        if (!tb_key_is_same(b->key, key))
            continue;
        if (table[b->operation].where == where)
            return b->operation;
        if (table[b->operation].where == TB_WHERE_ANY)
            everywhere = b->operation;
    }
    return everywhere;
}

void tb_keymap_label(const tb_keymap *map, int operation, char out[TB_KEY_NAME_MAX])
{
    out[0] = '\0';
    for (size_t i = 0; i < map->n; i++)
        if (map->bindings[i].operation == operation) {
            tb_key_label(map->bindings[i].key, out);
            return;
        }
}

void tb_keymap_labels(const tb_keymap *map, int operation, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < map->n; i++) {
        char label[TB_KEY_NAME_MAX];
        if (map->bindings[i].operation != operation)
            continue;
        tb_key_label(map->bindings[i].key, label);
        size_t at = strlen(out);
        (void)snprintf(out + at, size - at, "%s%s", at > 0 ? " " : "", label);
    }
}
