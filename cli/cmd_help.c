/* timbre help: the manual of a command or a topic; with --man the source of a manual page. */
#include <string.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/topics.h"

static int print_man(tb_app *app, const char *name)
{
    tb_page page;
    tb_str text = {0};
    tb_error err = {0};
    tb_status st = TIMBRE_OK;
    if (tb_page_load(&page, name))
        tb_page_format_mdoc(&page, &text);
    else
        st = tb_fail(&err, TIMBRE_BAD_INPUT, "no manual page '%.80s'", name);
    if (st == TIMBRE_OK && (page.failed || text.failed))
        st = tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for a manual page");
    if (st == TIMBRE_OK)
        fputs(tb_str_text(&text), stdout);
    tb_page_deinit(&page);
    tb_str_deinit(&text);
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}

static int print_topic(tb_app *app, const tb_topic *topic)
{
    tb_page page = {.name = topic->name, .section = 7, .summary = topic->summary};
    topic->build(&page);
    int code = tb_page_print(app, &page);
    tb_page_deinit(&page);
    return code;
}

static int print_unknown(tb_app *app, const char *word)
{
    size_t n;
    tb_suggestion near = tb_suggestion_begin(word);
    const tb_topic *topics = tb_topics(&n);
    for (size_t i = 0; i < n; i++)
        tb_suggestion_offer(&near, topics[i].name);
    const tb_command *commands = tb_commands(&n);
    for (size_t i = 0; i < n; i++)
        tb_suggestion_offer(&near, commands[i].name);
    tb_error err = {0};
    (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no help on '%.80s'", word);
    if (near.best != NULL)
        tb_fix(&err, "did you mean timbre help %s?", near.best);
    else
        tb_fix(&err, "timbre help lists the commands and topics");
    return tb_app_fail(app, &err);
}

/* The names that stand for a command and an option; the overview has room for plain ones only. */
static void print_batch_names(void)
{
    size_t n, n_printed = 0;
    const tb_command *commands = tb_commands(&n);
    printf("Whole folders, as riffusion calls it:");
    for (size_t i = 0; i < n; i++)
        for (const tb_alias *alias = commands[i].aliases; alias->name != NULL; alias++)
            if (alias->option != NULL)
                printf("%s %s", n_printed++ == 0 ? "" : ",", alias->name);
    printf("\n");
}

static int print_overview(void)
{
    size_t n;
    const tb_topic *topics = tb_topics(&n);
    (void)tb_help_print_short(stdout, NULL);
    printf("Topics:");
    for (size_t i = 0; i < n; i++)
        printf("%s %s", i == 0 ? "" : ",", topics[i].name);
    printf("\n");
    print_batch_names();
    return 0;
}

int tb_cmd_help(tb_app *app)
{
    const char *page = tb_args_value(&app->args, "man");
    if (page != NULL)
        return print_man(app, page);
    if (app->args.n_operands == 0)
        return print_overview();
    const char *word = app->args.operands[0];
    /* topics first: "settings" and the like are no commands, and no command is called like a topic
     */
    if (tb_topic_find(word) != NULL)
        return print_topic(app, tb_topic_find(word));
    if (tb_command_find(word) != NULL)
        return tb_help_print(app, tb_command_find(word));
    return print_unknown(app, word);
}
