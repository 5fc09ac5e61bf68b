/* Any bytes as a settings file: refused with file and line, or read; and an edit of what can be
 * read sets the one value and keeps every other entry. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/settings_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    int n_others;
    char value[256]; /* the last one of output.dir */
} entries;

static void count_entry(const char *section, const char *name, const char *value, int line,
                        void *user)
{
    entries *e = user;
    if (line < 1)
        abort();
    if (strcmp(section, "output") == 0 && strcmp(name, "dir") == 0)
        strncpy(e->value, value, sizeof e->value - 1);
    else
        e->n_others++;
}

static void check_edit(const char *text, const entries *before)
{
    char *edited = tb_settings_text_edit(text, "output", "dir", "/new place");
    if (edited == NULL)
        return;
    entries after = {0};
    if (tb_settings_text_read("f", edited, strlen(edited), count_entry, &after, NULL) !=
            TIMBRE_OK ||
        strcmp(after.value, "/new place") != 0 || after.n_others != before->n_others)
        abort();
    free(edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    entries before = {0};
    timbre_error err = {0};
    if (tb_settings_text_read("f", text, size, count_entry, &before, &err) != TIMBRE_OK) {
        if (strstr(err.message, "f:") == NULL)
            abort(); /* every refusal names the place */
    } else if (strlen(text) == size) {
        check_edit(text, &before);
    }
    free(text);
    return 0;
}
