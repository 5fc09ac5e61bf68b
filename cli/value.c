#include "cli/value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/number.h"
#include "engine/base/str.h"

static tb_status check_integer(const tb_value_rule *rule, const char *name, const char *text,
                               tb_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.80s' is not a whole number", name, text);
    if (errno != 0 || (double)value < rule->min || (double)value > rule->max)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s %.80s is outside %.0f to %.0f", name, text,
                       rule->min, rule->max);
    return TIMBRE_OK;
}

static tb_status check_number(const tb_value_rule *rule, const char *name, const char *text,
                              tb_error *err)
{
    double value;
    if (!tb_number_parse(text, &value) || !isfinite(value))
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.80s' is not a number", name, text);
    if (value < rule->min || value > rule->max)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s %.80s is outside %g to %g", name, text, rule->min,
                       rule->max);
    return TIMBRE_OK;
}

static tb_status check_choice(const tb_value_rule *rule, const char *name, const char *text,
                              tb_error *err)
{
    tb_str known = {0};
    for (size_t i = 0; rule->choices[i] != NULL; i++)
        if (strcmp(rule->choices[i], text) == 0)
            return TIMBRE_OK;
    tb_str_append_words(&known, rule->choices);
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.80s' is not one of: %.300s", name, text,
                           tb_str_text(&known));
    tb_str_deinit(&known);
    return st;
}

tb_status tb_value_check(const tb_value_rule *rule, const char *name, const char *text,
                         tb_error *err)
{
    switch (rule->kind) {
    case TB_VALUE_INTEGER:
        return check_integer(rule, name, text, err);
    case TB_VALUE_NUMBER:
        return check_number(rule, name, text, err);
    case TB_VALUE_CHOICE:
        return check_choice(rule, name, text, err);
    default:
        return TIMBRE_OK;
    }
}

enum { WORD_MAX = 32 }; /* longer words are no typing slips of ours */

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours from a to b. */
static int edit_distance(const char *a, const char *b)
{
    int n_a = (int)strlen(a), n_b = (int)strlen(b);
    if (n_a > WORD_MAX || n_b > WORD_MAX)
        return WORD_MAX;
    int d[WORD_MAX + 1][WORD_MAX + 1];
    for (int i = 0; i <= n_a; i++)
        d[i][0] = i;
    for (int j = 0; j <= n_b; j++)
        d[0][j] = j;
    for (int i = 1; i <= n_a; i++) {
        for (int j = 1; j <= n_b; j++) {
            int change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = min_int(change, min_int(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min_int(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n_a][n_b];
}

tb_suggestion tb_suggestion_begin(const char *word)
{
    int length = (int)strlen(word);
    /* one slip in short words, up to a third of longer ones; `distance` is exclusive */
    return (tb_suggestion){.word = word,
                           .distance = 1 + (length < 6 ? 1 + length / 4 : length / 3)};
}

void tb_suggestion_offer(tb_suggestion *s, const char *candidate)
{
    int distance = edit_distance(s->word, candidate);
    bool is_start = strlen(s->word) >= 2 && strncmp(s->word, candidate, strlen(s->word)) == 0;
    if (is_start)
        distance = min_int(distance, 1);
    if (distance < s->distance) {
        s->distance = distance;
        s->best = candidate;
    }
}
