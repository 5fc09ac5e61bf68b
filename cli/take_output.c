#include "cli/take_output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/paths.h"
#include "cli/signals.h"
#include "engine/base/path.h"
#include "engine/base/str.h"

static bool wants_events(const tb_app *app)
{
    return tb_args_has(&app->args, "events");
}

static tb_status check_stdout(const tb_app *app, int count, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (app->wants_json || wants_events(app))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "-o - and %s both want standard output",
                     wants_events(app) ? "--events" : "--json");
    else if (count > 1)
        st = tb_fail(err, TIMBRE_BAD_INPUT, "-o - carries one take, and --count is %d", count);
    else if (isatty(STDOUT_FILENO) && !tb_args_has(&app->args, "force")) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "standard output is a terminal; it cannot show sound");
        tb_fix(err, "pipe it into a program, or name a file with -o FILE");
    }
    return st;
}

/* Options that contradict each other. */
static tb_status check_options(const tb_take_output *o, const tb_app *app, int count, tb_error *err)
{
    if (app->wants_json && wants_events(app))
        return tb_fail(err, TIMBRE_BAD_INPUT, "--json and --events both want standard output");
    if (o->to_stdout)
        return check_stdout(app, count, err);
    return TIMBRE_OK;
}

/* Two takes under one name: the second would replace the first, or be refused after the work. */
static tb_status fail_same_name(const char *option, const char *pattern, const char *example,
                                tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                           "%s '%s' names one file, and --count asks for several takes", option,
                           pattern);
    tb_fix(err, "put {n} or {seed} into the name, such as %s", example);
    return st;
}

/* A take's final name is known where a file is named; else it may get a number. */
static tb_status check_sides(const tb_take_output *o, const tb_take_names *names,
                             const timbre_request *request, tb_error *err)
{
    const char *path = o->output.path != NULL ? names->path : NULL;
    tb_status st = TIMBRE_OK;
    for (timbre_side i = 0; st == TIMBRE_OK && i < TIMBRE_SIDE_COUNT; i++)
        if (names->side[i] != NULL)
            st = tb_side_file_check(i, names->side[i], path, &o->output, request, err);
    return st;
}

tb_status tb_take_names_check(const tb_take_names *names, const tb_take_names *before,
                              const tb_take_output *o, const timbre_request *request, tb_error *err)
{
    const tb_take_names none = {0};
    before = before == NULL ? &none : before;
    if (o->output.path != NULL && before->path != NULL && strcmp(names->path, before->path) == 0)
        return fail_same_name("--output", o->output.path, "take-{n}.wav", err);
    for (timbre_side i = 0; i < TIMBRE_SIDE_COUNT; i++) {
        const tb_side_kind *kind = tb_side_kind_get(i);
        if (before->side[i] != NULL && strcmp(names->side[i], before->side[i]) == 0)
            return fail_same_name(kind->option, o->side[i], kind->numbered_example, err);
    }
    return check_sides(o, names, request, err);
}

static tb_status expand_path(const tb_take_output *o, const timbre_request *request, int index,
                             char **out, tb_error *err)
{
    if (o->output.path != NULL)
        return timbre_expand_name(o->output.path, request, index, out, err);
    char *name = NULL;
    tb_status st = timbre_expand_name(o->output.pattern, request, index, &name, err);
    if (st == TIMBRE_OK) {
        size_t length = strlen(o->output.dir);
        bool has_slash = length > 0 && o->output.dir[length - 1] == '/';
        *out = tb_strf("%s%s%s.%s", o->output.dir, has_slash ? "" : "/", name,
                       timbre_request_text(request, "output_format"));
        st = *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    }
    free(name);
    return st;
}

tb_status tb_take_names_init(tb_take_names *names, const tb_take_output *o,
                             const timbre_request *request, int index, tb_error *err)
{
    *names = (tb_take_names){0};
    tb_status st = TIMBRE_OK;
    if (!o->to_stdout)
        st = expand_path(o, request, index, &names->path, err);
    for (timbre_side i = 0; st == TIMBRE_OK && i < TIMBRE_SIDE_COUNT; i++)
        if (o->side[i] != NULL)
            st = timbre_expand_name(o->side[i], request, index, &names->side[i], err);
    if (st != TIMBRE_OK)
        tb_take_names_deinit(names);
    return st;
}

void tb_take_names_deinit(tb_take_names *names)
{
    free(names->path);
    for (timbre_side i = 0; i < TIMBRE_SIDE_COUNT; i++)
        free(names->side[i]);
    *names = (tb_take_names){0};
}

/* stdout, a file, a folder given with -o (without the folder for the day), or that of the settings.
 */
static tb_status choose_place(tb_take_output *o, const tb_app *app, tb_error *err)
{
    const char *path = tb_args_value(&app->args, "output");
    if (path != NULL && path[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "--output is empty");
    if (path != NULL && strcmp(path, "-") == 0) {
        o->to_stdout = true;
        o->output.in_memory = 1;
        return TIMBRE_OK;
    }
    if (path != NULL && path[strlen(path) - 1] != '/' && !tb_path_is_folder(path)) {
        o->output.path = path;
        return TIMBRE_OK;
    }
    const char *folder = path != NULL ? path : tb_settings_text(&app->settings, "output.dir");
    tb_status st = tb_path_expand("output folder", folder, &o->folder, err);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "set HOME, or name a place with -o or TIMBRE_OUTPUT_DIR");
    o->output.dir = o->folder;
    if (path != NULL)
        o->output.pattern = tb_path_name(o->output.pattern);
    return st;
}

tb_status tb_take_output_init(tb_take_output *o, const tb_app *app, int count, tb_error *err)
{
    const tb_args *args = &app->args;
    *o = (tb_take_output){0};
    for (timbre_side i = 0; i < TIMBRE_SIDE_COUNT; i++)
        o->side[i] = tb_args_value(args, tb_side_name(i));
    o->output = (timbre_output){
        .struct_size = sizeof o->output,
        .pattern = tb_settings_text(&app->settings, "output.name"),
        .replace = tb_args_has(args, "force"),
        .sidecar = !tb_args_has(args, "no-sidecar"),
    };
    tb_status st = choose_place(o, app, err);
    return st == TIMBRE_OK ? check_options(o, app, count, err) : st;
}

void tb_take_output_deinit(tb_take_output *o)
{
    free(o->folder);
    *o = (tb_take_output){0};
}

/* In pieces of PIPE_BUF, which a pipe that poll calls writable takes without blocking: the process
 * only ever waits in tb_signals_wait. */
tb_status tb_take_output_write_sound(const timbre_take *take, tb_error *err)
{
    size_t left;
    const unsigned char *at = timbre_take_bytes(take, &left);
    while (left > 0) {
        if (!tb_signals_wait(STDOUT_FILENO, POLLOUT))
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        ssize_t n = write(STDOUT_FILENO, at, left < PIPE_BUF ? left : PIPE_BUF);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return tb_fail_errno(err, errno, "cannot write the sound to standard output");
        at += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    return TIMBRE_OK;
}

tb_status tb_take_output_write_sides(const tb_take_output *o, const tb_take_names *names,
                                     const timbre_take *take, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (timbre_side i = 0; st == TIMBRE_OK && i < TIMBRE_SIDE_COUNT; i++)
        if (names->side[i] != NULL)
            st = tb_side_file_write(i, names->side[i], take, &o->output, err);
    return st;
}
