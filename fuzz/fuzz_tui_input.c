/* What a terminal sends to the studio, cut into reads anywhere: keys are valid, pasted text is
 * clean, little is kept back; as edits of a prompt, the text stays valid and no cluster is parted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/editor.h"
#include "cli/tui/input.h"
#include "engine/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void check_key(tb_key key)
{
    bool is_named = key.code >= TB_KEY_FIRST && key.code <= TB_KEY_F12;
    bool is_control = key.code < ' ' || (key.code >= 0x7F && key.code < 0xA0);
    bool is_surrogate = key.code >= 0xD800 && key.code < 0xE000;
    check(is_named || (key.code < TB_KEY_FIRST && !is_control && !is_surrogate));
    check((key.mods & ~(uint32_t)(TB_MOD_SHIFT | TB_MOD_ALT | TB_MOD_CTRL)) == 0);
}

static void check_paste(const char *text, size_t n)
{
    check(n <= TB_PASTE_MAX_BYTES && tb_utf8_check(text, n) == n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        check(c == '\n' || c == '\t' || (c >= ' ' && c != 0x7F));
        check(c != 0xC2 || (unsigned char)text[i + 1] >= 0xA0);
    }
}

static void check_editor(tb_editor *e)
{
    const char *text = tb_editor_text(e);
    size_t n = strlen(text), edge = 0;
    int row, column;
    check(n <= TB_EDITOR_MAX_BYTES && e->cursor <= n && tb_utf8_check(text, n) == n);
    while (edge < e->cursor)
        edge += tb_cluster_next(text + edge, n - edge);
    check(edge == e->cursor);
    int rows = tb_editor_rows(e, 9, &row, &column);
    check(row >= 0 && row < rows && column >= 0);
}

/* A character with a modifier is one edit of the list. */
static void edit(tb_editor *e, tb_key key)
{
    if (key.code < TB_KEY_FIRST && key.mods == 0)
        tb_editor_type(e, key.code);
    else if (key.code == TB_KEY_ENTER)
        (void)tb_editor_edit(e, TB_EDIT_NEW_LINE);
    else
        (void)tb_editor_edit(e, (tb_edit)(key.code % (TB_EDIT_REDO + 1)));
}

static void take(tb_decoder *d, tb_editor *e, bool is_late)
{
    for (tb_input in; (in = tb_decoder_next(d, is_late)).kind != TB_INPUT_NONE;) {
        if (in.kind == TB_INPUT_KEY) {
            check_key(in.key);
            edit(e, in.key);
        } else if (in.kind == TB_INPUT_PASTE) {
            check_paste(in.text, in.len_bytes);
            (void)tb_editor_insert(e, in.text, in.len_bytes, false);
        } else if (in.kind == TB_INPUT_MOUSE) {
            check(in.mouse.row >= 0 && in.mouse.column >= 0 && in.mouse.button < 3);
            tb_editor_click(e, in.mouse.row, in.mouse.column);
        } else if (in.kind == TB_INPUT_ANSWER && in.answer == TB_ANSWER_BACKGROUND) {
            check(in.number <= 0xFFFFFF);
        }
        check_editor(e);
    }
    check(d->is_pasting || d->pending.len <= TB_INPUT_PENDING_MAX);
    check(!is_late || d->is_pasting || d->pending.len < 4);
}

/* The first byte says where the reads end and which come late. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tb_decoder decoder = {0};
    tb_editor editor = {0};
    if (size < 1 || size > 4096)
        return 0;
    uint32_t seed = data[0];
    decoder.is_utf8_off = seed == 0xFF;
    for (size_t at = 1; at < size;) {
        seed = seed * 1103515245U + 12345U;
        size_t n = 1 + (seed >> 16) % 32;
        n = n < size - at ? n : size - at;
        tb_decoder_push(&decoder, (const char *)data + at, n);
        take(&decoder, &editor, (seed >> 24) % 4 == 0);
        at += n;
    }
    take(&decoder, &editor, true);
    tb_decoder_deinit(&decoder);
    tb_editor_deinit(&editor);
    return 0;
}
