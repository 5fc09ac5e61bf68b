#include "cli/side_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/paths.h"
#include "cli/signals.h"
#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"

static const tb_side_kind kinds[TIMBRE_SIDE_COUNT] = {
    [TIMBRE_SIDE_MIDI] = {TIMBRE_SIDE_MIDI, "--midi", "MIDI file", "take.mid", "take-{n}.mid", NULL,
                          timbre_take_midi},
    [TIMBRE_SIDE_IMAGE] = {TIMBRE_SIDE_IMAGE, "--image", "spectrogram image", "take.png",
                           "take-{n}.png", ".png", timbre_take_image},
};

const tb_side_kind *tb_side_kind_get(timbre_side side)
{
    return &kinds[side];
}

const char *tb_side_name(timbre_side side)
{
    return kinds[side].option + 2;
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

/* The file must not replace the take at `path`, nor its sidecar. */
static tb_status check_apart(const tb_side_kind *kind, const char *name, const char *path,
                             bool has_sidecar, tb_error *err)
{
    char *sidecar = tb_strf("%s.json", path);
    tb_status st = TIMBRE_OK;
    if (sidecar == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    else if (is_same_place(name, path))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%s' names the take itself", kind->option, name);
    else if (has_sidecar && is_same_place(name, sidecar))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%s' names the take's sidecar", kind->option, name);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "give the %s a name of its own, such as %s", kind->what, kind->example);
    free(sidecar);
    return st;
}

static tb_status check_folder(const tb_side_kind *kind, const char *name, tb_error *err)
{
    struct stat info;
    char *folder = tb_path_folder(name);
    if (folder == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = TIMBRE_OK;
    if (stat(folder, &info) != 0)
        st = tb_fail_errno(err, errno, "the folder '%s' of %s cannot be used", folder,
                           kind->option);
    else if (!S_ISDIR(info.st_mode))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' of %s is not a folder", folder, kind->option);
    else if (access(folder, W_OK | X_OK) != 0)
        st = tb_fail_errno(err, errno, "cannot write the %s in '%s'", kind->what, folder);
    if (st == TIMBRE_NOT_FOUND)
        tb_fix(err, "make it first: mkdir -p '%s'", folder);
    else if (st != TIMBRE_OK)
        tb_fix(err, "choose another place with %s", kind->option);
    free(folder);
    return st;
}

static tb_status check_ending(const tb_side_kind *kind, const char *name, tb_error *err)
{
    size_t n = strlen(name), n_ending = kind->ending == NULL ? 0 : strlen(kind->ending);
    if (n_ending == 0 || (n > n_ending && strcasecmp(name + n - n_ending, kind->ending) == 0))
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%s' does not end in %s", kind->option, name,
                           kind->ending);
    tb_fix(err, "name it such as %s", kind->example);
    return st;
}

static tb_status check_name(const tb_side_kind *kind, const char *name, bool may_replace,
                            tb_error *err)
{
    struct stat info;
    tb_status st = TIMBRE_OK;
    if (name[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s is empty", kind->option);
    if (strcmp(name, "-") == 0) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s - is not possible: it needs a file", kind->option);
        tb_fix(err, "name one, such as %s %s", kind->option, kind->example);
    } else if (tb_path_is_folder(name)) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%s' is a folder", kind->option, name);
        tb_fix(err, "name a file in it: %s '%s/%s'", kind->option, name, kind->example);
    } else if (!may_replace && lstat(name, &info) == 0) {
        st = tb_fail(err, TIMBRE_EXISTS, "'%s' exists already", name);
        tb_fix(err, "choose another name, or overwrite it with --force");
    }
    return st == TIMBRE_OK ? check_ending(kind, name, err) : st;
}

tb_status tb_side_file_check(timbre_side side, const char *name, const char *path,
                             const timbre_output *output, const timbre_request *request,
                             tb_error *err)
{
    const tb_side_kind *kind = &kinds[side];
    if (!timbre_request_makes(request, side)) {
        tb_status st = tb_fail(err, TIMBRE_UNSUPPORTED, "model '%s' makes no %s",
                               timbre_request_text(request, "model_id"), kind->what);
        tb_fix(err, "leave %s out", kind->option);
        return st;
    }
    tb_status st = check_name(kind, name, output->replace != 0, err);
    if (st == TIMBRE_OK)
        st = check_folder(kind, name, err);
    return st == TIMBRE_OK && path != NULL
               ? check_apart(kind, name, path, output->sidecar != 0, err)
               : st;
}

tb_status tb_side_file_write(timbre_side side, const char *name, const timbre_take *take,
                             const timbre_output *output, tb_error *err)
{
    const tb_side_kind *kind = &kinds[side];
    size_t len_bytes;
    const unsigned char *bytes = kind->get(take, &len_bytes);
    if (bytes == NULL)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "this model makes no %s", kind->what);
    /* the take has its name only now, where that was made from a pattern */
    tb_status st = TIMBRE_OK;
    if (timbre_take_path(take) != NULL)
        st = check_apart(kind, name, timbre_take_path(take), output->sidecar != 0, err);
    if (st != TIMBRE_OK)
        return st;
    tb_signals_hold(true);
    st = tb_file_write(name, bytes, len_bytes, output->replace != 0, err);
    tb_signals_hold(false);
    return st;
}
