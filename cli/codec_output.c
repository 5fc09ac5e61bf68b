#include "cli/codec_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/endings.h"
#include "cli/paths.h"
#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/base/target.h"

tb_status tb_codec_check_options(const tb_args *args, tb_error *err)
{
    static const char *const of_batch[] = {"jobs", "glob", "recursive", "limit"};
    for (size_t i = 0; i < sizeof of_batch / sizeof of_batch[0]; i++)
        if (tb_args_has(args, of_batch[i])) {
            tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "--%s is for a folder", of_batch[i]);
            tb_fix(err, "name a folder and add --batch");
            return st;
        }
    return TIMBRE_OK;
}

tb_status tb_codec_check_input(const char *path, const char *name, tb_error *err)
{
    struct stat info;
    if (strcmp(path, "-") == 0) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "standard input cannot be the %s", name);
        tb_fix(err, "name a file; one that is called - is ./-");
        return st;
    }
    if (stat(path, &info) != 0)
        return tb_fail_errno(err, errno, "cannot read the %s '%s'", name, path);
    if (S_ISDIR(info.st_mode)) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' is a folder and no %s", path, name);
        tb_fix(err, "name a file, or add --batch for all in the folder");
        return st;
    }
    if (access(path, R_OK) != 0)
        return tb_fail_errno(err, errno, "cannot read the %s '%s'", name, path);
    return TIMBRE_OK;
}

char *tb_codec_name_output(const char *folder, const char *input, const char *ending)
{
    const char *name = tb_path_name(input), *old = tb_ending_of(input);
    size_t length = strlen(name) - (old[0] != '\0' ? strlen(old) + 1 : 0);
    bool has_slash = folder[0] != '\0' && folder[strlen(folder) - 1] == '/';
    if (strcmp(folder, ".") == 0)
        return tb_strf("%.*s.%s", (int)length, name, ending);
    return tb_strf("%s%s%.*s.%s", folder, has_slash ? "" : "/", (int)length, name, ending);
}

static tb_status check_ending(const char *path, const char *const *endings, tb_error *err)
{
    tb_str known = {0};
    if (tb_ending_is_one_of(path, endings))
        return TIMBRE_OK;
    for (size_t i = 0; endings[i] != NULL; i++)
        tb_str_appendf(&known, "%s.%s", i == 0 ? "" : ", ", endings[i]);
    const char *ending = tb_ending_of(path);
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' has %s%.20s, and not one of: %s", path,
                           ending[0] == '\0' ? "no ending" : "the ending .", ending,
                           tb_str_text(&known));
    tb_fix(err, "give it an ending such as .%s; a folder ends in /", endings[0]);
    tb_str_deinit(&known);
    return st;
}

static tb_status check_place(const char *path, const char *input, bool replace, tb_error *err)
{
    struct stat old, source;
    tb_status st = tb_target_check(path, replace, err);
    if (st == TIMBRE_OK && stat(path, &old) == 0 && stat(input, &source) == 0 &&
        source.st_dev == old.st_dev && source.st_ino == old.st_ino)
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' is the source itself", path);
    return st;
}

static tb_status choose_folder(const char *given, char **out, tb_error *err)
{
    if (given == NULL) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "no output folder was named");
        tb_fix(err, "name one with -o DIR");
        return st;
    }
    if (strcmp(given, "-") == 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "-o - is not possible: the clips need a folder");
    *out = tb_strdup(given);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

/* A file named with -o has its own ending; another one asked for would be ignored. Who named a
 * folder that is not there forgot its slash. */
static tb_status check_extension(const tb_args *args, const char *given, tb_error *err)
{
    static const char *const names[] = {"extension", "image-extension"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (tb_args_has(args, names[i])) {
            tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                                   "--%s is not for a file named with -o: "
                                   "'%s'",
                                   names[i], given);
            if (tb_ending_of(given)[0] == '\0')
                tb_fix(err, "a folder ends in /: -o '%.200s/'", given);
            else
                tb_fix(err, "the ending of that name is enough");
            return st;
        }
    return TIMBRE_OK;
}

/* "song-2.png" for a song.png that exists, as generate names takes; takes *path and replaces it. */
static tb_status find_free_name(char **path, tb_error *err)
{
    enum { TRIES = 10000 };
    struct stat info;
    char *first = *path;
    int length = (int)(strlen(first) - strlen(tb_ending_of(first)) - 1);
    for (int i = 2; *path != NULL && lstat(*path, &info) == 0 && i < TRIES; i++) {
        if (*path != first)
            free(*path);
        *path = tb_strf("%.*s-%d.%s", length, first, i, tb_ending_of(first));
    }
    if (*path != first)
        free(first);
    return *path != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

/* A name of Timbre's making, in the folder given or beside the input. */
static tb_status make_name(const char *given, const char *input, const char *ending, bool replace,
                           char **out, tb_error *err)
{
    char *folder = given != NULL ? tb_strdup(given) : tb_path_folder(input);
    *out = folder == NULL ? NULL : tb_codec_name_output(folder, input, ending);
    free(folder);
    if (*out == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = given != NULL ? tb_dir_make(given, err) : TIMBRE_OK;
    return st == TIMBRE_OK && !replace ? find_free_name(out, err) : st;
}

tb_status tb_codec_choose_output(const tb_app *app, const tb_codec_work *work, const char *input,
                                 char **out, tb_error *err)
{
    const char *given = tb_args_value(&app->args, "output");
    bool replace = tb_args_has(&app->args, "force");
    if (given != NULL && given[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "--output is empty");
    if (work->makes_own_names)
        return choose_folder(given, out, err);
    tb_status st = TIMBRE_OK;
    if (given != NULL && strcmp(given, "-") == 0) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "-o - is not possible: it needs a file");
        tb_fix(err, "name one with -o FILE.%s", work->ending);
        return st;
    }
    bool is_folder = given != NULL && (given[strlen(given) - 1] == '/' || tb_path_is_folder(given));
    if (given != NULL && !is_folder) {
        st = check_extension(&app->args, given, err);
        *out = tb_strdup(given);
        if (st == TIMBRE_OK && *out == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    } else {
        st = make_name(given, input, work->ending, replace, out, err);
    }
    if (st == TIMBRE_OK)
        st = check_ending(*out, work->endings, err);
    if (st == TIMBRE_OK)
        st = check_place(*out, input, replace, err);
    return st;
}
