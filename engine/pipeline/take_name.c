#include "engine/pipeline/take_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "engine/pipeline/request.h"
#include "timbre/engine.h"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void tb_take_name_slug(const char *prompt, char out[41])
{
    enum { MAX = 40 };
    size_t n = 0, word_end = 0;
    bool whole = true;
    char *folded = tb_utf8_fold(prompt, strlen(prompt));
    for (const char *p = folded == NULL ? "" : folded; *p != '\0'; p++) {
        if (!is_plain(*p)) {
            word_end = n > 0 && out[n - 1] != '-' ? n : word_end;
            if (n > 0 && n < MAX && out[n - 1] != '-')
                out[n++] = '-';
        } else if (n < MAX) {
            out[n++] = *p;
        } else {
            whole = false;
            break;
        }
    }
    free(folded);
    if (!whole && word_end > 0)
        n = word_end;
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    if (n == 0)
        snprintf(out, MAX + 1, "take");
}

static void append_date(tb_str *out, const tb_take_facts *facts)
{
    struct tm tm = {0};
    char text[16] = "";
    localtime_r(&facts->now, &tm);
    (void)strftime(text, sizeof text, "%Y-%m-%d", &tm);
    tb_str_append(out, text);
}

static void append_time(tb_str *out, const tb_take_facts *facts)
{
    struct tm tm = {0};
    char text[16] = "";
    localtime_r(&facts->now, &tm);
    (void)strftime(text, sizeof text, "%H%M", &tm);
    tb_str_append(out, text);
}

static void append_slug(tb_str *out, const tb_take_facts *facts)
{
    char slug[41];
    tb_take_name_slug(timbre_request_text(facts->request, "prompt"), slug);
    tb_str_append(out, slug);
}

static void append_seed(tb_str *out, const tb_take_facts *facts)
{
    tb_str_appendf(out, "%lld", (long long)timbre_request_integer(facts->request, "seed"));
}

static void append_index(tb_str *out, const tb_take_facts *facts)
{
    tb_str_appendf(out, "%d", facts->index);
}

static void append_model(tb_str *out, const tb_take_facts *facts)
{
    char slug[41], name[TB_MODEL_ID_MAX_BYTES + 1];
    tb_request_model_name(facts->request, name, sizeof name);
    tb_take_name_slug(name, slug);
    tb_str_append(out, slug);
}

static const struct {
    const char *name;
    void (*append)(tb_str *out, const tb_take_facts *facts);
} names[] = {{"date", append_date}, {"time", append_time}, {"slug", append_slug},
             {"seed", append_seed}, {"n", append_index},   {"model", append_model}};

static bool append_named(tb_str *out, const char *name, size_t len, const tb_take_facts *facts)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == len && memcmp(names[i].name, name, len) == 0) {
            names[i].append(out, facts);
            return true;
        }
    return false;
}

timbre_status timbre_expand_name(const char *pattern, const timbre_request *request, int index,
                                 char **name, timbre_error *err)
{
    tb_take_facts facts = {.request = request, .now = time(NULL), .index = index};
    return tb_take_name_expand(pattern, &facts, name, err);
}

tb_status tb_take_name_expand(const char *pattern, const tb_take_facts *facts, char **out,
                              tb_error *err)
{
    tb_str text = {0};
    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p != '{' || p[1] == '{') {
            tb_str_append_bytes(&text, p, 1);
            p += *p == '{'; /* "{{" stands for one brace */
            continue;
        }
        size_t len = strcspn(p + 1, "}");
        if (p[1 + len] == '\0' || !append_named(&text, p + 1, len, facts)) {
            tb_str_deinit(&text);
            tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "unknown '{%.*s}' in the name '%.200s'",
                                   (int)(len > 40 ? 40 : len), p + 1, pattern);
            tb_fix(err, "known: {date} {time} {slug} {seed} {n} {model}");
            return st;
        }
        p += len + 1;
    }
    *out = tb_str_take(&text);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a file name");
}
