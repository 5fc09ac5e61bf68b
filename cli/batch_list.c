#include "cli/batch_list.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/codec_output.h"
#include "cli/endings.h"
#include "engine/base/str.h"

typedef struct {
    tb_batch_list *list;
    const tb_codec_work *work;
    const char *glob; /* NULL: files of the right kind */
    bool is_recursive;
    tb_error *err;
} search;

static tb_status fail_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a list of files");
}

static bool is_wanted(const search *s, const char *name)
{
    static const char *const never[] = {"json", NULL}; /* sidecars */
    if (tb_ending_is_one_of(name, never))
        return false;
    if (s->glob != NULL)
        return fnmatch(s->glob, name, 0) == 0;
    return tb_ending_is_one_of(name, s->work->input_endings);
}

static tb_status add(search *s, const char *path, const char *output_dir)
{
    tb_batch_list *list = s->list;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        tb_batch_item *items = realloc(list->items, capacity * sizeof *items);
        if (items == NULL)
            return fail_memory(s->err);
        list->items = items;
        list->capacity = capacity;
    }
    tb_batch_item *item = &list->items[list->n++];
    *item = (tb_batch_item){.input = tb_strdup(path), .folder = tb_strdup(output_dir)};
    item->output = s->work->makes_own_names
                       ? tb_strdup(output_dir)
                       : tb_codec_name_output(output_dir, path, s->work->ending);
    bool is_whole = item->input != NULL && item->folder != NULL && item->output != NULL;
    return is_whole ? tb_codec_result_init(&item->result, path, s->err) : fail_memory(s->err);
}

static char *join(const char *folder, const char *name)
{
    bool has_slash = folder[0] != '\0' && folder[strlen(folder) - 1] == '/';
    return tb_strf("%s%s%s", folder, has_slash ? "" : "/", name);
}

static tb_status search_folder(search *s, const char *folder, const char *output_dir);

/* Of a file, or of the file that a link leads to; not of the folder that it leads to. */
static bool look_up(const char *path, struct stat *info)
{
    if (lstat(path, info) != 0)
        return false;
    return !S_ISLNK(info->st_mode) || (stat(path, info) == 0 && !S_ISDIR(info->st_mode));
}

static tb_status look_at(search *s, const char *folder, const char *output_dir, const char *name)
{
    struct stat info;
    char *path = join(folder, name);
    tb_status st = TIMBRE_OK;
    if (path == NULL) {
        st = fail_memory(s->err);
    } else if (!look_up(path, &info)) {
        s->list->n_other++;
    } else if (S_ISDIR(info.st_mode) && s->is_recursive) {
        char *below = join(output_dir, name);
        st = below == NULL ? fail_memory(s->err) : search_folder(s, path, below);
        free(below);
    } else if (S_ISREG(info.st_mode)) {
        if (is_wanted(s, name))
            st = add(s, path, output_dir);
        else
            s->list->n_other++;
    }
    free(path);
    return st;
}

static tb_status search_folder(search *s, const char *folder, const char *output_dir)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return tb_fail_errno(s->err, errno, "cannot read the folder '%s'", folder);
    tb_status st = TIMBRE_OK;
    /* cppcheck-suppress readdirCalled ; a stream of our own: readdir is as safe as readdir_r */
    for (struct dirent *entry; st == TIMBRE_OK && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            st = look_at(s, folder, output_dir, entry->d_name);
    closedir(dir);
    return st;
}

static int compare_inputs(const void *a, const void *b)
{
    return strcmp(((const tb_batch_item *)a)->input, ((const tb_batch_item *)b)->input);
}

static void deinit_item(tb_batch_item *item)
{
    free(item->input);
    free(item->folder);
    free(item->output);
    tb_codec_result_deinit(&item->result);
}

static void limit(tb_batch_list *list, double n_max)
{
    while (n_max >= 0 && (double)list->n > n_max)
        deinit_item(&list->items[--list->n]);
}

/* An item and its output's name without an ending, which clips begin with too. */
typedef struct {
    char *name; /* owned */
    tb_batch_item *item;
} place;

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const place *)a)->name, ((const place *)b)->name);
}

static void fail_twin(tb_batch_item *item, const tb_batch_item *twin)
{
    item->state = TB_BATCH_FAILED;
    (void)tb_fail(&item->err, TIMBRE_BAD_INPUT, "'%.200s' and '%.200s' would become one file",
                  item->input, twin->input);
    tb_fix(&item->err, "choose one kind, such as --glob '*.wav'");
}

static tb_status find_twins(place *places, const tb_batch_list *list, tb_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        tb_batch_item *item = &list->items[i];
        places[i] = (place){tb_codec_name_output(item->folder, item->input, ""), item};
        if (places[i].name == NULL)
            return fail_memory(err);
    }
    qsort(places, list->n, sizeof *places, compare_places);
    for (size_t i = 1; i < list->n; i++)
        if (compare_places(&places[i - 1], &places[i]) == 0) {
            fail_twin(places[i - 1].item, places[i].item);
            fail_twin(places[i].item, places[i - 1].item);
        }
    return TIMBRE_OK;
}

static tb_status check_twins(const tb_batch_list *list, tb_error *err)
{
    place *places = calloc(list->n + 1, sizeof *places);
    tb_status st = places == NULL ? fail_memory(err) : find_twins(places, list, err);
    for (size_t i = 0; places != NULL && i < list->n; i++)
        free(places[i].name);
    free(places);
    return st;
}

tb_status tb_batch_list_init(tb_batch_list *list, const tb_app *app, const tb_codec_work *work,
                             const char *output_dir, tb_error *err)
{
    const tb_args *args = &app->args;
    const char *folder = args->operands[0];
    search s = {.list = list,
                .work = work,
                .glob = tb_args_value(args, "glob"),
                .is_recursive = tb_args_has(args, "recursive"),
                .err = err};
    tb_status st = search_folder(&s, folder, output_dir);
    if (st != TIMBRE_OK)
        return st;
    if (list->n == 0) {
        st = tb_fail(err, TIMBRE_NOT_FOUND, "no %s in '%s'", work->input_name, folder);
        tb_fix(err, s.glob != NULL ? "try another --glob" : "name other files with --glob '*'");
        return st;
    }
    qsort(list->items, list->n, sizeof *list->items, compare_inputs);
    limit(list, tb_args_number(args, "limit", -1));
    return check_twins(list, err);
}

void tb_batch_list_deinit(tb_batch_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        deinit_item(&list->items[i]);
    free(list->items);
    *list = (tb_batch_list){0};
}
