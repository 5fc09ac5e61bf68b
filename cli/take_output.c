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
#include "engine/base/file.h"
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

/* Whether writing one of two names replaces the other: both in one folder under one name, or (where
 * letter case does not count) leading to the same file. */
static bool is_same_place(const char *a, const char *b)
{
    struct stat at_a, at_b;
    if (lstat(a, &at_a) == 0 && lstat(b, &at_b) == 0)
        return at_a.st_dev == at_b.st_dev && at_a.st_ino == at_b.st_ino;
    char *folder_a = tb_path_folder(a), *folder_b = tb_path_folder(b);
    bool is_same = folder_a != NULL && folder_b != NULL && stat(folder_a, &at_a) == 0 &&
                   stat(folder_b, &at_b) == 0 && at_a.st_dev == at_b.st_dev &&
                   at_a.st_ino == at_b.st_ino && strcmp(tb_path_name(a), tb_path_name(b)) == 0;
    free(folder_a);
    free(folder_b);
    return is_same;
}

/* The MIDI file must not replace the take at `path`, nor its sidecar. */
static tb_status check_midi_apart(const tb_take_output *o, const char *midi, const char *path,
                                  tb_error *err)
{
    if (midi == NULL || path == NULL)
        return TIMBRE_OK;
    char *sidecar = tb_strf("%s.json", path);
    tb_status st = TIMBRE_OK;
    if (sidecar == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    else if (is_same_place(midi, path))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "--midi '%s' names the take itself", midi);
    else if (o->output.sidecar && is_same_place(midi, sidecar))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "--midi '%s' names the take's sidecar", midi);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "give the MIDI file a name of its own, such as take.mid");
    free(sidecar);
    return st;
}

static tb_status check_midi_folder(const char *folder, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    struct stat info;
    if (stat(folder, &info) != 0)
        st = tb_fail_errno(err, errno, "the folder '%s' of --midi cannot be used", folder);
    else if (!S_ISDIR(info.st_mode))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' of --midi is not a folder", folder);
    else if (access(folder, W_OK | X_OK) != 0)
        st = tb_fail_errno(err, errno, "cannot write the MIDI file in '%s'", folder);
    if (st == TIMBRE_NOT_FOUND)
        tb_fix(err, "make it first: mkdir -p '%s'", folder);
    else if (st != TIMBRE_OK)
        tb_fix(err, "choose another place with --midi");
    return st;
}

static tb_status check_midi_name(const tb_take_output *o, const char *midi, tb_error *err)
{
    struct stat info;
    tb_status st = TIMBRE_OK;
    if (midi[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "--midi is empty");
    if (strcmp(midi, "-") == 0) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "--midi - is not possible: it needs a file");
        tb_fix(err, "name one, such as --midi take.mid");
    } else if (tb_path_is_folder(midi)) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "--midi '%s' is a folder", midi);
        tb_fix(err, "name a file in it: --midi '%s/take.mid'", midi);
    } else if (!o->output.replace && lstat(midi, &info) == 0) {
        st = tb_fail(err, TIMBRE_EXISTS, "'%s' exists already", midi);
        tb_fix(err, "choose another name, or overwrite it with --force");
    }
    return st;
}

static tb_status check_midi(const tb_take_output *o, const tb_take_names *names, tb_error *err)
{
    if (names->midi == NULL)
        return TIMBRE_OK;
    tb_status st = check_midi_name(o, names->midi, err);
    if (st != TIMBRE_OK)
        return st;
    char *folder = tb_path_folder(names->midi);
    st = folder == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                        : check_midi_folder(folder, err);
    free(folder);
    bool is_final = o->output.path != NULL; /* else it may get a number */
    return st == TIMBRE_OK && is_final ? check_midi_apart(o, names->midi, names->path, err) : st;
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

tb_status tb_take_names_check(const tb_take_names *names, const tb_take_names *before,
                              const tb_take_output *o, tb_error *err)
{
    const tb_take_names none = {0};
    before = before == NULL ? &none : before;
    if (o->output.path != NULL && before->path != NULL && strcmp(names->path, before->path) == 0)
        return fail_same_name("--output", o->output.path, "take-{n}.wav", err);
    if (before->midi != NULL && strcmp(names->midi, before->midi) == 0)
        return fail_same_name("--midi", o->midi, "take-{n}.mid", err);
    return check_midi(o, names, err);
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
    if (st == TIMBRE_OK && o->midi != NULL)
        st = timbre_expand_name(o->midi, request, index, &names->midi, err);
    if (st != TIMBRE_OK)
        tb_take_names_deinit(names);
    return st;
}

void tb_take_names_deinit(tb_take_names *names)
{
    free(names->path);
    free(names->midi);
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
    *o = (tb_take_output){.midi = tb_args_value(args, "midi")};
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

tb_status tb_take_output_write_midi(const tb_take_output *o, const tb_take_names *names,
                                    const timbre_take *take, tb_error *err)
{
    if (names->midi == NULL)
        return TIMBRE_OK;
    size_t len_bytes;
    const unsigned char *midi = timbre_take_midi(take, &len_bytes);
    if (midi == NULL)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "this model makes no MIDI file");
    /* the take has its name only now, where that was made from a pattern */
    tb_status st = check_midi_apart(o, names->midi, timbre_take_path(take), err);
    if (st != TIMBRE_OK)
        return st;
    tb_signals_hold(true);
    st = tb_file_write(names->midi, midi, len_bytes, o->output.replace, err);
    tb_signals_hold(false);
    return st;
}
