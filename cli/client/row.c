#include "cli/client/row.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "engine/base/utf8.h"

enum { COLUMNS_MAX = 400 };

/* `text` as tb_print_clean writes it. Owned, NULL for memory. */
static char *clean_copy(const char *text)
{
    char *bytes = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&bytes, &length);
    if (memory == NULL)
        return NULL;
    tb_print_clean(memory, text);
    (void)fclose(memory);
    return bytes;
}

/* Bytes at the beginning of clean `text` that fill at most `columns`. */
static size_t cut(const char *text, int columns)
{
    size_t n = 0;
    for (size_t next; text[n] != '\0'; n = next) {
        next = n + 1;
        while ((text[next] & 0xC0) == 0x80)
            next++;
        if (tb_utf8_columns(text, next) > columns)
            break;
    }
    return n;
}

void tb_row_print(FILE *out, const char *text, int columns, bool is_last, bool is_utf8)
{
    char *clean = clean_copy(text);
    const char *shown = clean != NULL ? clean : "";
    const char *dots = is_utf8 ? "…" : "~";
    int wide = tb_utf8_columns(shown, strlen(shown));
    if (wide > columns && columns > 0) {
        size_t n = cut(shown, columns - 1);
        wide = tb_utf8_columns(shown, n) + 1;
        fprintf(out, "%.*s%s", (int)n, shown, dots);
    } else {
        fputs(shown, out);
    }
    if (!is_last && wide < columns)
        fprintf(out, "%*s", columns - wide, "");
    free(clean);
}

int tb_row_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_MAX;
}

void tb_age_format(const char *time_text, char out[TB_AGE_TEXT_MAX])
{
    static const struct {
        double seconds, until;
        const char *unit;
    } units[] = {{1, 60, "s"}, {60, 3600, "min"}, {3600, 86400, "h"}, {86400, 1e12, "d"}};
    struct tm parts = {0};
    out[0] = '\0';
    if (strptime(time_text, "%Y-%m-%dT%H:%M:%S", &parts) == NULL)
        return;
    double age_s = difftime(time(NULL), timegm(&parts));
    age_s = age_s < 0 ? 0 : age_s;
    size_t i = 0;
    while (i < 3 && age_s >= units[i].until)
        i++;
    (void)snprintf(out, TB_AGE_TEXT_MAX, "%d %s", (int)(age_s / units[i].seconds), units[i].unit);
}

void tb_path_part_append(tb_str *address, const char *part)
{
    for (; *part != '\0'; part++) {
        bool is_plain = (*part >= 'a' && *part <= 'z') || (*part >= 'A' && *part <= 'Z') ||
                        (*part >= '0' && *part <= '9') || strchr("-_.~", *part) != NULL;
        if (is_plain)
            tb_str_append_bytes(address, part, 1);
        else
            tb_str_appendf(address, "%%%02X", (unsigned char)*part);
    }
}

void tb_query_append(tb_str *address, const char *name, const char *value)
{
    bool is_first = strchr(tb_str_text(address), '?') == NULL;
    tb_str_appendf(address, "%c%s=", is_first ? '?' : '&', name);
    tb_path_part_append(address, value);
}

const char *tb_member_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static bool has_word(const char *const *words, const char *word)
{
    for (size_t i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static bool is_own(const tb_command *command, const char *option)
{
    for (size_t i = 0; i < command->n_options; i++)
        if (command->options[i].name != NULL && strcmp(command->options[i].name, option) == 0)
            return true;
    return false;
}

static int find_by_name(const char *command, const tb_action *actions, const char *name,
                        tb_error *err)
{
    tb_suggestion near = tb_suggestion_begin(name);
    for (int i = 0; actions[i].name != NULL; i++) {
        if (strcmp(actions[i].name, name) == 0)
            return i;
        tb_suggestion_offer(&near, actions[i].name);
    }
    (void)tb_fail(err, TIMBRE_BAD_INPUT, "unknown action '%.80s'", name);
    if (near.best != NULL)
        tb_fix(err, "did you mean timbre %s %s?", command, near.best);
    else
        tb_fix(err, "timbre %s -h shows how it is used", command);
    return -1;
}

int tb_action_find(const tb_app *app, const tb_action *actions, const char *const *everywhere,
                   tb_error *err)
{
    const tb_args *args = &app->args;
    const char *command = args->command->name;
    int i = args->n_operands == 0 ? 0 : find_by_name(command, actions, args->operands[0], err);
    if (i < 0)
        return -1;
    size_t n = args->n_operands == 0 ? 0 : args->n_operands - 1;
    if (n < actions[i].min_operands || n > actions[i].max_operands) {
        (void)tb_fail(err, TIMBRE_BAD_INPUT, "%s %s takes %s arguments than %zu", command,
                      actions[i].name, n < actions[i].min_operands ? "more" : "fewer", n);
        tb_fix(err, "timbre %s %s", command, actions[i].usage);
        return -1;
    }
    for (size_t k = 0; k < args->n_items; k++) {
        const char *option = args->items[k].option.name;
        if (option == NULL || !is_own(args->command, option) || has_word(everywhere, option) ||
            has_word(actions[i].options, option))
            continue;
        (void)tb_fail(err, TIMBRE_BAD_INPUT, "--%s is not for %s %s", option, command,
                      actions[i].name);
        tb_fix(err, "leave it out: timbre %s %s", command, actions[i].usage);
        return -1;
    }
    return i;
}
