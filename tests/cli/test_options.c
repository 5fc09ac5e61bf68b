/* The parser and the tables it reads: what is typed means what the help says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "cli/settings.h"
#include "cli/value.h"
#include "timbre/request.h"

enum { WORDS_MAX = 32 };

/* Parses "timbre ..." split at blanks, with '' and "" as in a shell. */
typedef struct {
    char text[512];
    char *argv[WORDS_MAX];
    int argc;
    tb_args args;
    tb_error err;
    tb_status status;
} line;

static void split(line *l)
{
    char *in = l->text, *out = l->text;
    l->argc = 0;
    while (*in != '\0') {
        while (*in == ' ')
            in++;
        if (*in == '\0' || l->argc == WORDS_MAX)
            break;
        l->argv[l->argc++] = out;
        for (char quote = 0; *in != '\0' && (quote != 0 || *in != ' '); in++) {
            if (quote == 0 && (*in == '"' || *in == '\''))
                quote = *in;
            else if (*in == quote)
                quote = 0;
            else
                *out++ = *in;
        }
        if (*in != '\0')
            in++;
        *out++ = '\0';
    }
}

static void parse(line *l, const char *text)
{
    memset(l, 0, sizeof *l);
    snprintf(l->text, sizeof l->text, "%s", text);
    split(l);
    l->status = tb_args_parse(&l->args, l->argc, l->argv, &l->err);
}

static void assert_parses(line *l, const char *text)
{
    parse(l, text);
    if (l->status != TIMBRE_OK)
        fail_msg("%s: %s", text, l->err.message);
}

static void all_ways_to_write_an_option_mean_the_same(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "timbre generate rain --count=4 -q -v", "timbre generate --count 4 rain -qv",
        "timbre -qv generate -n4 rain",         "timbre gen -v -q -n 4 -- rain",
        "timbre generate -qvn4 rain",
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        line l;
        assert_parses(&l, ways[i]);
        assert_string_equal(l.args.command->name, "generate");
        assert_string_equal(tb_args_value(&l.args, "count"), "4");
        assert_true(tb_args_has(&l.args, "quiet"));
        assert_true(tb_args_has(&l.args, "verbose"));
        assert_int_equal(l.args.n_operands, 1);
        assert_string_equal(l.args.operands[0], "rain");
        tb_args_deinit(&l.args);
    }
}

static void what_follows_two_dashes_is_text(void **state)
{
    (void)state;
    line l;
    assert_parses(&l, "timbre generate -- --loop");
    assert_string_equal(l.args.operands[0], "--loop");
    assert_false(tb_args_has(&l.args, "loop"));
    tb_args_deinit(&l.args);
}

static void the_last_value_wins(void **state)
{
    (void)state;
    line l;
    assert_parses(&l, "timbre generate x -n 2 -n 3 --loop --no-loop");
    assert_string_equal(tb_args_value(&l.args, "count"), "3");
    assert_string_equal(tb_args_value(&l.args, "loop"), "false");
    tb_args_deinit(&l.args);
}

/* Riffusion's names for commands, options and operands stand for ours. */
static void other_spellings_mean_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *line, *command, *operand, *option, *value;
    } cases[] = {
        {"timbre audio-to-image --audio a.wav --image b.png", "encode", "a.wav", "output", "b.png"},
        {"timbre image-to-audio --audio b.wav --image=a.png", "decode", "a.png", "output", "b.wav"},
        {"timbre encode d --num-threads 3 --batch", "encode", "d", "jobs", "3"},
        {"timbre audio-to-images-batch --audio-dir d", "encode", "d", "batch", "true"},
        {"timbre encode a.wav --stereo --mono", "encode", "a.wav", "stereo", "false"},
        {"timbre encode a.wav --mono --stereo", "encode", "a.wav", "stereo", "true"},
        {"timbre decode a.png --no-stereo", "decode", "a.png", "stereo", "false"},
        {"timbre sample-clips-batch d --num-clips-per-file 7", "sample-clips", "d", "num-clips",
         "7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        line l;
        assert_parses(&l, cases[i].line);
        assert_string_equal(l.args.command->name, cases[i].command);
        assert_int_equal(l.args.n_operands, 1);
        assert_string_equal(l.args.operands[0], cases[i].operand);
        assert_string_equal(tb_args_value(&l.args, cases[i].option), cases[i].value);
        tb_args_deinit(&l.args);
    }
}

/* Another spelling takes what the option takes. */
static void other_spellings_have_the_rule_of_their_option(void **state)
{
    (void)state;
    size_t n;
    const tb_command *commands = tb_commands(&n);
    for (size_t c = 0; c < n; c++) {
        tb_option_list o;
        tb_command_options(&commands[c], &o);
        for (size_t i = 0; i < o.n; i++) {
            const char *target = o.items[i].same_as;
            size_t k = 0;
            if (target == NULL)
                continue;
            target += strncmp(target, "no-", 3) == 0 ? 3 : 0;
            while (k < o.n && (o.items[k].name == NULL || strcmp(o.items[k].name, target) != 0))
                k++;
            assert_true(k < o.n);
            assert_null(o.items[k].same_as);
            assert_int_equal(o.items[k].value_name == NULL, o.items[i].value_name == NULL);
            assert_true(o.items[k].rule.min == o.items[i].rule.min);
            assert_true(o.items[k].rule.max == o.items[i].rule.max);
        }
    }
}

static void wrong_lines_are_refused_with_a_hint(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message, *fix;
    } cases[] = {
        {"timbre generaet x", "unknown command 'generaet'", "timbre generate"},
        {"timbre lofi", "unknown command 'lofi'", "timbre -h"},
        {"timbre generate --seeed 4 x", "unknown option '--seeed'", "--seed"},
        {"timbre generate --out x", "unknown option '--out'", "--output"},
        {"timbre generate -Z x", "unknown option '-Z'", "--"},
        {"timbre generate x --count", "needs a value", "--count N"},
        {"timbre generate x --count 0", "--count 0 is outside 1 to 1000", ""},
        {"timbre generate x --count four", "'four' is not a whole number", ""},
        {"timbre generate x --count 99999999999999999999", "outside 1 to 1000", ""},
        {"timbre generate x --timeout nan", "is not a number", ""},
        {"timbre generate x --progress fast", "not one of: auto, bar, lines, json, none", ""},
        {"timbre generate x --force=1", "takes no value", ""},
        {"timbre generate x --no-count", "unknown option '--no-count'", ""},
        {"timbre generate rain at night", "'at' is one argument too many", "in quotes"},
        {"timbre version x", "one argument too many", "timbre version -h"},
        {"timbre encode a.wav --audio b.wav", "'b.wav' is one argument too many", "encode -h"},
        {"timbre encode a.wav --num-threads 0", "--num-threads 0 is outside 1 to 256", ""},
        {"timbre decode a.png --extension xyz", "is not one of: wav, flac", ""},
        {"timbre encode a.wav --no-mono", "unknown option '--no-mono'", ""},
        {"timbre audio-to-imge x", "unknown command", "did you mean timbre audio-to-image?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        line l;
        parse(&l, cases[i].line);
        assert_int_equal(l.status, TIMBRE_BAD_INPUT);
        if (strstr(l.err.message, cases[i].message) == NULL ||
            strstr(l.err.fix, cases[i].fix) == NULL)
            fail_msg("%s: %s / %s", cases[i].line, l.err.message, l.err.fix);
        tb_args_deinit(&l.args);
    }
}

static void every_example_parses(void **state)
{
    (void)state;
    size_t n;
    const tb_command *commands = tb_commands(&n);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(commands[i].examples[1].line); /* -h begins with two */
        for (size_t e = 0; e < TB_EXAMPLES_MAX && commands[i].examples[e].line != NULL; e++) {
            const char *start = strstr(commands[i].examples[e].line, "timbre ");
            assert_non_null(start);
            char text[256];
            snprintf(text, sizeof text, "%s", start);
            /* the part that belongs to timbre, and not to the shell around it */
            static const char *const ends[] = {" |", " &&", ")", " >"};
            for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
                char *end = strstr(text, ends[k]);
                if (end != NULL)
                    *end = '\0';
            }
            line l;
            assert_parses(&l, text);
            assert_ptr_equal(l.args.command, &commands[i]);
            tb_args_deinit(&l.args);
        }
    }
}

static const tb_option *find(const tb_option_list *list, const char *field)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].field != NULL && strcmp(list->items[i].field, field) == 0)
            return &list->items[i];
    return NULL;
}

static void generate_has_a_flag_for_each_field(void **state)
{
    (void)state;
    size_t n_fields, n_found = 0;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    tb_option_list options;
    tb_command_options(tb_command_find("generate"), &options);
    for (size_t i = 0; i < n_fields; i++) {
        const tb_option *option = find(&options, fields[i].name);
        if (fields[i].flag == NULL) {
            assert_null(option);
            continue;
        }
        n_found++;
        assert_non_null(option);
        assert_string_equal(option->name, fields[i].flag);
        assert_int_equal(option->short_name, fields[i].short_flag);
        assert_string_equal(option->help, fields[i].help);
        assert_ptr_equal(option->rule.choices, fields[i].choices);
        assert_int_equal(option->value_name == NULL, fields[i].type == TIMBRE_FIELD_BOOLEAN);
    }
    for (size_t i = 0; i < options.n; i++)
        n_found -= options.items[i].field != NULL;
    assert_int_equal(n_found, 0); /* and no flag claims a field that is not there */
}

/* A flag that sets a setting for one run takes the same values and has the same default. */
static void flags_of_settings_have_their_rules(void **state)
{
    (void)state;
    size_t n_commands, n_settings;
    const tb_command *commands = tb_commands(&n_commands);
    const tb_setting *settings = tb_settings_table(&n_settings);
    for (size_t i = 0; i < n_settings; i++) {
        int n_found = 0;
        for (size_t c = 0; settings[i].flag != NULL && c < n_commands; c++) {
            tb_option_list options;
            tb_command_options(&commands[c], &options);
            for (size_t o = 0; o < options.n; o++) {
                const tb_option *option = &options.items[o];
                if (!tb_setting_has_option(&settings[i], option))
                    continue;
                n_found++;
                if (settings[i].field != NULL) {
                    assert_string_equal(option->field, settings[i].field);
                    continue;
                }
                assert_int_equal(option->rule.kind, settings[i].rule.kind);
                assert_ptr_equal(option->rule.choices, settings[i].rule.choices);
                assert_true(option->rule.max == settings[i].rule.max);
                if (option->default_text != NULL)
                    assert_string_equal(option->default_text, settings[i].default_text);
            }
        }
        assert_int_equal(n_found > 0, settings[i].flag != NULL);
    }
}

/* --length of generate stands for generate.length; that of spectrogram is something else. */
static void a_flag_sets_only_the_setting_that_it_stands_for(void **state)
{
    (void)state;
    static const struct {
        const char *line, *length;
    } cases[] = {{"timbre generate x --length 3", "3"},
                 {"timbre spectrogram a.wav --length 3", "5.0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        line l;
        tb_settings settings = {0};
        assert_parses(&l, cases[i].line);
        assert_int_equal(tb_settings_apply(&settings, &l.args, &l.err), TIMBRE_OK);
        assert_string_equal(tb_settings_text(&settings, "generate.length"), cases[i].length);
        tb_settings_deinit(&settings);
        tb_args_deinit(&l.args);
    }
}

static void no_command_has_two_options_of_one_name(void **state)
{
    (void)state;
    size_t n;
    const tb_command *commands = tb_commands(&n);
    for (size_t c = 0; c < n; c++) {
        tb_option_list o;
        tb_command_options(&commands[c], &o);
        for (size_t i = 0; i < o.n; i++)
            for (size_t k = 0; k < i; k++) {
                if (o.items[i].name != NULL && o.items[k].name != NULL)
                    assert_string_not_equal(o.items[i].name, o.items[k].name);
                if (o.items[i].short_name != 0)
                    assert_int_not_equal(o.items[i].short_name, o.items[k].short_name);
            }
    }
}

static void suggestions_are_near_or_absent(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *best;
    } cases[] = {{"genreate", "generate"}, {"gen", "generate"}, {"doctro", "doctor"},
                 {"showw", "show"},        {"xyzzy", NULL},     {"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_suggestion s = tb_suggestion_begin(cases[i].typed);
        tb_suggestion_offer(&s, "generate");
        tb_suggestion_offer(&s, "doctor");
        tb_suggestion_offer(&s, "show");
        if (cases[i].best == NULL)
            assert_null(s.best);
        else
            assert_string_equal(s.best, cases[i].best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_to_write_an_option_mean_the_same),
        cmocka_unit_test(what_follows_two_dashes_is_text),
        cmocka_unit_test(the_last_value_wins),
        cmocka_unit_test(other_spellings_mean_the_same),
        cmocka_unit_test(other_spellings_have_the_rule_of_their_option),
        cmocka_unit_test(wrong_lines_are_refused_with_a_hint),
        cmocka_unit_test(every_example_parses),
        cmocka_unit_test(generate_has_a_flag_for_each_field),
        cmocka_unit_test(flags_of_settings_have_their_rules),
        cmocka_unit_test(a_flag_sets_only_the_setting_that_it_stands_for),
        cmocka_unit_test(no_command_has_two_options_of_one_name),
        cmocka_unit_test(suggestions_are_near_or_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
