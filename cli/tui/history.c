#include "cli/tui/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/file.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"

enum { FILE_MAX_BYTES = 8 << 20 };

/* Line breaks as \n, a backslash as \\. */
static void append_escaped(tb_str *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            tb_str_append(out, "\\n");
        else if (*text == '\\')
            tb_str_append(out, "\\\\");
        else
            tb_str_append_bytes(out, text, 1);
    }
}

static char *unescape(const char *line, size_t n)
{
    tb_str out = {0};
    for (size_t i = 0; i < n; i++) {
        bool is_escape = line[i] == '\\' && i + 1 < n;
        i += is_escape;
        tb_str_append_bytes(&out, is_escape && line[i] == 'n' ? "\n" : &line[i], 1);
    }
    return tb_str_take(&out);
}

static void keep(tb_history *h, char *text)
{
    if (text == NULL)
        return;
    if (h->n == TB_HISTORY_MAX) {
        free(h->items[0]);
        memmove(h->items, h->items + 1, (h->n - 1) * sizeof *h->items);
        h->n--;
    }
    if (h->items == NULL)
        h->items = calloc(TB_HISTORY_MAX, sizeof *h->items);
    if (h->items == NULL)
        free(text);
    else
        h->items[h->n++] = text;
    h->at = h->n;
}

/* The whole file again, with what is remembered. */
static void rewrite(const tb_history *h)
{
    tb_str out = {0};
    tb_error err = {0};
    for (size_t i = 0; i < h->n; i++) {
        append_escaped(&out, h->items[i]);
        tb_str_append(&out, "\n");
    }
    if (!out.failed && h->path != NULL)
        (void)!tb_file_write(h->path, tb_str_text(&out), out.len, true, &err);
    tb_str_deinit(&out);
}

void tb_history_load(tb_history *h, const char *path)
{
    char *bytes = NULL;
    size_t length = 0, n_lines = 0;
    tb_error err = {0};
    h->path = tb_strdup(path);
    if (tb_file_read(path, FILE_MAX_BYTES, &bytes, &length, &err) != TIMBRE_OK)
        return;
    for (size_t at = 0; at < length; n_lines++) {
        size_t n = strcspn(bytes + at, "\n");
        if (n > 0 && tb_utf8_check(bytes + at, n) == n)
            keep(h, unescape(bytes + at, n));
        at += n + 1;
    }
    free(bytes);
    if (n_lines > 2 * TB_HISTORY_MAX)
        rewrite(h);
}

void tb_history_deinit(tb_history *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->items[i]);
    free(h->items);
    free(h->draft);
    free(h->path);
    *h = (tb_history){0};
}

void tb_history_add(tb_history *h, const char *text)
{
    h->at = h->n;
    if (text[0] == '\0' || (h->n > 0 && strcmp(h->items[h->n - 1], text) == 0))
        return;
    keep(h, tb_strdup(text));
    FILE *file = h->path != NULL ? fopen(h->path, "ae") : NULL;
    if (file == NULL)
        return;
    tb_str line = {0};
    append_escaped(&line, text);
    tb_str_append(&line, "\n");
    if (!line.failed)
        (void)fwrite(tb_str_text(&line), 1, line.len, file);
    tb_str_deinit(&line);
    (void)fclose(file);
}

const char *tb_history_step(tb_history *h, int step, const char *text)
{
    if ((step < 0 && h->at == 0) || (step > 0 && h->at >= h->n))
        return NULL;
    if (h->at == h->n) {
        free(h->draft);
        h->draft = tb_strdup(text);
    }
    h->at = step < 0 ? h->at - 1 : h->at + 1;
    if (h->at == h->n)
        return h->draft != NULL ? h->draft : "";
    return h->items[h->at];
}

long tb_history_search(const tb_history *h, const char *word, size_t from)
{
    for (size_t i = from < h->n ? from : h->n; i > 0; i--)
        if (strcasestr(h->items[i - 1], word) != NULL)
            return (long)i - 1;
    return -1;
}
