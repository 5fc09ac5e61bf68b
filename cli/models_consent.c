/*
 * Consent to a licence: one question on a terminal, a flag elsewhere. Nothing is fetched without.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/models.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/str.h"

/* Shows a text with the user's pager on standard error: standard output is for the result. */
static void page_text(const char *text)
{
    static const char usual[] =
        "if command -v less >/dev/null 2>&1; then exec less; else exec cat; fi";
    const char *pager = getenv("PAGER");
    char *command = tb_strf("{ %s\n} >&2", pager != NULL && pager[0] != '\0' ? pager : usual);
    FILE *pipe = command == NULL ? NULL : popen(command, "w");
    free(command);
    if (pipe == NULL) {
        fputs(text, stderr);
        return;
    }
    void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* a pager may be left before the end */
    fputs(text, pipe);
    (void)pclose(pipe);
    (void)signal(SIGPIPE, before);
}

/* One key without Return, 0 at the end of input or for a signal. */
static char read_key(void)
{
    struct termios before, raw;
    char key = 0;
    bool is_raw = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_raw) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    if (!tb_signals_wait(STDIN_FILENO, POLLIN) || read(STDIN_FILENO, &key, 1) != 1)
        key = 0;
    if (is_raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    enum { END_OF_INPUT = 4 }; /* Ctrl-D, which is a key in this mode */
    return key == END_OF_INPUT ? 0 : key;
}

static void print_question(const tb_pull_plan *plan, const tb_licence *licence)
{
    fputs("timbre: ", stderr);
    tb_print_clean(stderr, plan->name);
    if (licence->title != NULL) {
        fprintf(stderr, " is under the %s licence", licence->title);
        size_t length = licence->plain == NULL ? 0 : strlen(licence->plain);
        length -= length > 0 && licence->plain[length - 1] == '.';
        if (length > 0)
            fprintf(stderr, ": %.*s", (int)length, licence->plain);
    } else {
        fputs(" is under a licence that Timbre does not know, '", stderr);
        tb_print_clean(stderr, licence->id);
        fputs("'; its page is ", stderr);
        tb_print_clean(stderr, plan->page == NULL ? "unknown" : plan->page);
    }
    fprintf(stderr, ". Accept? [y]es, [n]o%s ", licence->text != NULL ? ", [t]ext" : "");
    (void)fflush(stderr);
}

static tb_status refuse(const tb_pull_plan *plan, const tb_licence *licence, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                           "'%.150s' is under the licence '%.100s', which was not accepted",
                           plan->name, licence->id);
    tb_fix(err, "%s%.200s%sadd --accept-license %.100s", plan->page == NULL ? "" : "read it at ",
           plan->page == NULL ? "" : plan->page, plan->page == NULL ? "" : ", then ", licence->id);
    return st;
}

static tb_status ask(const tb_pull_plan *plan, const tb_licence *licence, tb_error *err)
{
    print_question(plan, licence);
    for (;;) {
        char key = read_key();
        if (tb_signals_caught() != 0) {
            fputs("\n", stderr);
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted; nothing was fetched");
        }
        switch (key) {
        case 'y':
        case 'Y':
            fputs("yes\n", stderr);
            return TIMBRE_OK;
        case 'n':
        case 'N':
        case '\0':
            fputs("no\n", stderr);
            return refuse(plan, licence, err);
        case 't':
        case 'T':
            if (licence->text == NULL)
                break;
            fputs("text\n", stderr);
            page_text(licence->text);
            print_question(plan, licence);
            break;
        default:
            break; /* any other key says nothing */
        }
    }
}

static tb_status check_flag(const char *accepted, const tb_pull_plan *plan, tb_error *err)
{
    if (accepted == NULL || strcmp(accepted, plan->licence) == 0)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                           "--accept-license says '%.100s', but '%.150s' is under '%.100s'",
                           accepted, plan->name, plan->licence);
    tb_fix(err, "if you accept that one: --accept-license %.100s", plan->licence);
    return st;
}

tb_status tb_models_consent(tb_models *m, const tb_pull_plan *plan, tb_error *err)
{
    if (plan->is_offline) /* nothing is fetched, nothing is to be agreed to */
        return TIMBRE_OK;
    const char *accepted = tb_args_value(&m->app->args, "accept-license");
    tb_licence licence = tb_licence_get(plan->licence);
    tb_status st = check_flag(accepted, plan, err);
    if (st != TIMBRE_OK || !licence.needs_consent ||
        tb_consent_is_given(&m->hub, plan->name, plan->licence))
        return st;
    if (accepted == NULL) {
        if (plan->is_whole)
            return TIMBRE_OK;
        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
            return refuse(plan, &licence, err);
        tb_signals_hold(true); /* the terminal must be put in order first */
        st = ask(plan, &licence, err);
        tb_signals_hold(false);
    }
    tb_error why = {0};
    if (st == TIMBRE_OK && tb_consent_give(&m->hub, plan->name, plan->licence, &why) != TIMBRE_OK)
        tb_app_warn(m->app, "your consent is not recorded: %s", why.message);
    return st;
}
