/* The table of operations and what is made from it: keys, slash commands, the document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/tui/keymap.h"
#include "cli/tui/operations.h"
#include "cli/tui/wishes.h"

static void names_are_unique_and_complete(void **state)
{
    (void)state;
    size_t n;
    const tb_operation *table = tb_operations(&n);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(table[i].run);
        assert_true(strlen(table[i].title) > 0);
        assert_int_equal(tb_operation_find(table[i].id), i);
        if (table[i].slash != NULL) {
            assert_int_equal(tb_operation_find_slash(table[i].slash), i);
            assert_int_equal(tb_wish_find(table[i].slash), -1); /* no setting of that name */
        }
        /* what has no key and no command must be in the palette */
        assert_true(table[i].keys != NULL || table[i].slash != NULL || !table[i].is_quiet);
    }
}

/* Each built-in key is one, means one thing in its place, and its name reads back. */
static void keys_are_keys(void **state)
{
    (void)state;
    size_t n;
    tb_keymap map;
    const tb_operation *table = tb_operations(&n);
    tb_keymap_init(&map);
    size_t n_named = 0;
    for (size_t i = 0; i < n; i++)
        for (const char *at = table[i].keys; at != NULL && *at != '\0';
             at += strcspn(at, " "), at += *at == ' ') {
            char name[TB_KEY_NAME_MAX], again[TB_KEY_NAME_MAX];
            tb_key key, same;
            tb_error err = {0};
            (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(at, " "), at);
            assert_int_equal(tb_key_parse(name, &key, &err), TIMBRE_OK);
            tb_key_format(key, again);
            assert_int_equal(tb_key_parse(again, &same, &err), TIMBRE_OK);
            assert_true(tb_key_is_same(key, same));
            assert_int_equal(tb_keymap_find(&map, table[i].where, key), i);
            n_named++;
        }
    assert_int_equal(map.n, n_named); /* none took another's place */
}

/* What must work everywhere is hidden by no place's own keys. */
static void ways_out_are_never_hidden(void **state)
{
    (void)state;
    static const char *const names[] = {"interrupt", "back", "help", "suspend", "palette"};
    static const unsigned places[] = {TB_WHERE_PROMPT, TB_WHERE_TAKES, TB_WHERE_VIEW};
    tb_keymap map;
    tb_keymap_init(&map);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int operation = tb_operation_find(names[i]);
        tb_key key = {0};
        for (size_t k = 0; k < map.n; k++)
            if (map.bindings[k].operation == operation)
                key = map.bindings[k].key;
        for (size_t p = 0; p < sizeof places / sizeof *places; p++)
            assert_int_equal(tb_keymap_find(&map, places[p], key), operation);
    }
}

static void settings_replace_keys(void **state)
{
    (void)state;
    tb_keymap map;
    tb_error err = {0};
    char label[TB_KEY_NAME_MAX], labels[64];
    tb_key old = {'t', TB_MOD_CTRL}, new = {'x', TB_MOD_CTRL};
    int pause = tb_operation_find("play-pause");
    tb_keymap_init(&map);
    assert_int_equal(tb_keymap_find(&map, TB_WHERE_PROMPT, old), pause);
    assert_int_equal(tb_keymap_set(&map, "play-pause", "ctrl-x, f5", &err), TIMBRE_OK);
    assert_int_equal(tb_keymap_find(&map, TB_WHERE_PROMPT, old), -1);
    assert_int_equal(tb_keymap_find(&map, TB_WHERE_PROMPT, new), pause);
    tb_keymap_label(&map, pause, label);
    tb_keymap_labels(&map, pause, labels, sizeof labels);
    assert_string_equal(label, "^X");
    assert_string_equal(labels, "^X F5");
    assert_int_equal(tb_keymap_set(&map, "play-pause", "", &err), TIMBRE_OK); /* none */
    assert_int_equal(tb_keymap_find(&map, TB_WHERE_PROMPT, new), -1);

    tb_keymap before = map;
    assert_int_equal(tb_keymap_set(&map, "play-pause", "f5, hyper-q", &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "hyper-q"));
    assert_memory_equal(&map, &before, sizeof map);
    assert_int_equal(tb_keymap_set(&map, "no-such-thing", "f5", &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "no-such-thing"));
}

static void labels_are_short_and_names_are_forgiving(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label, *format;
    } keys[] = {{"ctrl-t", "^T", "ctrl-t"},
                {"Alt-Enter", "Alt+Enter", "alt-enter"},
                {"SHIFT-left", "Shift+Left", "shift-left"},
                {"ctrl-alt-x", "Ctrl+Alt+X", "ctrl-alt-x"},
                {"space", "Space", "space"},
                {"f12", "F12", "f12"},
                {"?", "?", "?"},
                {"minus", "-", "minus"},
                {"é", "é", "é"}};
    static const char *const none[] = {"", "ctrl-", "f0", "f13", "enterr", "ab", "hyper-x", "\x01"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tb_key key;
        char text[TB_KEY_NAME_MAX];
        assert_int_equal(tb_key_parse(keys[i].name, &key, NULL), TIMBRE_OK);
        tb_key_label(key, text);
        assert_string_equal(text, keys[i].label);
        tb_key_format(key, text);
        assert_string_equal(text, keys[i].format);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        tb_key key;
        assert_int_equal(tb_key_parse(none[i], &key, NULL), TIMBRE_BAD_INPUT);
    }
}

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    (void)fclose(file);
    return text;
}

/* TIMBRE_UPDATE_DOCS=1 writes it anew. */
static void the_document_has_the_table(void **state)
{
    (void)state;
    static const char begin[] = "<!-- operations -->\n", end[] = "<!-- end -->\n";
    const char *path = getenv("TIMBRE_STUDIO_PAGE");
    char *table = NULL;
    size_t length = 0;
    assert_non_null(path);
    FILE *out = open_memstream(&table, &length);
    tb_operations_print(out);
    (void)fclose(out);
    char *page = read_whole(path), *from = strstr(page, begin), *to = strstr(page, end);
    assert_true(from != NULL && to != NULL && from < to);
    from += strlen(begin);
    if (getenv("TIMBRE_UPDATE_DOCS") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fprintf(file, "%.*s%s%s", (int)(from - page), page, table, to);
        (void)fclose(file);
    } else {
        assert_int_equal(to - from, length);
        assert_memory_equal(from, table, length);
    }
    free(page);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_complete),
        cmocka_unit_test(keys_are_keys),
        cmocka_unit_test(ways_out_are_never_hidden),
        cmocka_unit_test(settings_replace_keys),
        cmocka_unit_test(labels_are_short_and_names_are_forgiving),
        cmocka_unit_test(the_document_has_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
