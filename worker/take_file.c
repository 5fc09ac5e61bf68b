#include "worker/take_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "worker/file_move.h"
#include "worker/service.h"

enum { CHECKS = 256, NAMES_MAX = 1000, HEAL_MAX = 1000 };

/* ---- whether a file is still the one ---- */

typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t changed_ns;
} file_mark;

struct tb_file_checks {
    pthread_mutex_t mutex; /* guards the two below */
    file_mark marks[CHECKS];
    size_t next;
};

tb_status tb_file_checks_new(tb_file_checks **out, tb_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the checks of files");
    pthread_mutex_init(&(*out)->mutex, NULL);
    return TIMBRE_OK;
}

void tb_file_checks_free(tb_file_checks *checks)
{
    if (checks == NULL)
        return;
    pthread_mutex_destroy(&checks->mutex);
    free(checks);
}

static file_mark mark_of(const struct stat *info)
{
#ifdef __APPLE__
    struct timespec changed = info->st_ctimespec;
#else
    struct timespec changed = info->st_ctim;
#endif
    return (file_mark){info->st_dev, info->st_ino, info->st_size,
                       (int64_t)changed.tv_sec * 1000000000 + changed.tv_nsec};
}

static bool is_same(const file_mark *a, const file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_ns == b->changed_ns;
}

static bool is_checked(tb_file_checks *checks, const file_mark *mark)
{
    bool found = false;
    pthread_mutex_lock(&checks->mutex);
    for (size_t i = 0; i < CHECKS && !found; i++)
        found = is_same(&checks->marks[i], mark);
    pthread_mutex_unlock(&checks->mutex);
    return found;
}

static void note_checked(tb_file_checks *checks, const file_mark *mark)
{
    pthread_mutex_lock(&checks->mutex);
    checks->marks[checks->next++ % CHECKS] = *mark;
    pthread_mutex_unlock(&checks->mutex);
}

/* The open file's hash, read from its beginning, where it is left again. */
static tb_status hash_open(int fd, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    enum { CHUNK_BYTES = 64 << 10 };
    tb_sha256 hash = {0};
    char *chunk = malloc(CHUNK_BYTES);
    tb_status st = chunk == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a check")
                                 : tb_sha256_init(&hash, err);
    for (ssize_t n = 1; st == TIMBRE_OK && n > 0;) {
        n = read(fd, chunk, CHUNK_BYTES);
        if (n > 0)
            st = tb_sha256_add(&hash, chunk, (size_t)n, err);
        else if (n < 0)
            st = tb_fail_errno(err, errno, "cannot read a take");
    }
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    tb_sha256_deinit(&hash);
    free(chunk);
    (void)lseek(fd, 0, SEEK_SET);
    return st;
}

static tb_status gone(const tb_stored_take *take, const char *why, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_GONE, "take #%lld is not what it was: '%.300s' %s",
                           (long long)take->number, take->path, why);
    tb_fix(err, "put the file back, or forget the take: timbre takes rm '#%lld'",
           (long long)take->number);
    return st;
}

static tb_status check_open(tb_worker *worker, const tb_stored_take *take, int fd, tb_error *err)
{
    struct stat info;
    char hex[TB_SHA256_HEX_BYTES];
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return gone(take, "is no file any more", err);
    if (info.st_size != take->len_bytes)
        return gone(take, "was changed", err);
    file_mark mark = mark_of(&info);
    if (is_checked(worker->checks, &mark))
        return TIMBRE_OK;
    tb_status st = hash_open(fd, hex, err);
    if (st == TIMBRE_OK && strcmp(hex, take->sha256) != 0)
        st = gone(take, "was changed", err);
    if (st == TIMBRE_OK)
        note_checked(worker->checks, &mark);
    return st;
}

tb_status tb_take_file_open(tb_worker *worker, const tb_stored_take *take, int *fd, tb_error *err)
{
    *fd = -1;
    if (take->trashed_ms > 0) {
        tb_status st = tb_fail(err, TIMBRE_GONE, "take #%lld is in the trash",
                               (long long)take->number);
        tb_fix(err, "timbre takes restore '#%lld'", (long long)take->number);
        return st;
    }
    *fd = open(take->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? gone(take, "was moved or deleted", err)
               : errno == ELOOP                    ? gone(take, "is a link now", err)
                                : tb_fail_errno(err, errno, "cannot read '%s'", take->path);
    tb_status st = check_open(worker, take, *fd, err);
    if (st != TIMBRE_OK) {
        close(*fd);
        *fd = -1;
    }
    return st;
}

/* ---- trash ---- */

static bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* Sound and sidecar from one path to another; what is not there is left out. */
static tb_status move_pair(const char *from, const char *to, tb_error *err)
{
    char *from_side = tb_strf("%s.json", from), *to_side = tb_strf("%s.json", to);
    char *folder = tb_path_folder(to);
    tb_status st = from_side == NULL || to_side == NULL || folder == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                       : tb_dir_make(folder, err);
    if (st == TIMBRE_OK && exists(from))
        st = tb_file_move(from, to, err);
    if (st == TIMBRE_OK && exists(from_side) && !exists(to_side))
        st = tb_file_move(from_side, to_side, err);
    free(from_side);
    free(to_side);
    free(folder);
    return st;
}

/* What the user changed, or put in its place, is theirs: it stays where it is. */
static bool is_unchanged(tb_worker *worker, const tb_stored_take *take)
{
    int fd = -1;
    tb_error why = {0};
    bool is_so = tb_take_file_open(worker, take, &fd, &why) == TIMBRE_OK;
    if (fd >= 0)
        close(fd);
    return is_so;
}

/* The row first, then the files: a crash in between leaves a row that is right and a file that
 * tb_take_file_heal brings to it. */
tb_status tb_take_file_trash(tb_worker *worker, const char *id, tb_stored_take *out, tb_error *err)
{
    tb_status st = tb_store_get_take(worker->store, id, out, err);
    if (st != TIMBRE_OK || out->trashed_ms > 0)
        return st;
    char *place = tb_strf("%s/%s/%s", worker->trash, id, tb_path_name(out->path));
    char *path = tb_strdup(out->path);
    bool is_ours = is_unchanged(worker, out);
    if (place == NULL || path == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (st == TIMBRE_OK)
        st = tb_store_trash_take(worker->store, id, place, err);
    if (st == TIMBRE_OK && is_ours) {
        st = move_pair(path, place, err);
        tb_error why = {0};
        if (st != TIMBRE_OK && tb_store_restore_take(worker->store, id, path, &why) != TIMBRE_OK)
            tb_journal_error(&worker->journal, "a take is between trash and folder", id, &why);
    }
    tb_stored_take_deinit(out);
    if (st == TIMBRE_OK)
        st = tb_store_get_take(worker->store, id, out, err);
    free(place);
    free(path);
    return st;
}

/* "DIR/name.wav", else "DIR/name-2.wav" ...: the first that is free. */
static tb_status free_path(tb_worker *worker, const char *path, char **out, tb_error *err)
{
    const char *dot = strrchr(path, '.');
    int stem = dot == NULL || strchr(dot, '/') != NULL ? (int)strlen(path) : (int)(dot - path);
    for (int i = 1; i <= NAMES_MAX; i++) {
        char number[16] = "";
        bool is_taken = false;
        if (i > 1)
            (void)snprintf(number, sizeof number, "-%d", i);
        char *place = tb_strf("%.*s%s%s", stem, path, number, path + stem);
        tb_status st = place == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                     : tb_store_has_path(worker->store, place, &is_taken, err);
        if (st == TIMBRE_OK && !is_taken && !exists(place)) {
            *out = place;
            return TIMBRE_OK;
        }
        free(place);
        if (st != TIMBRE_OK)
            return st;
    }
    return tb_fail(err, TIMBRE_EXISTS, "'%s' and %d numbered names exist", path, NAMES_MAX - 1);
}

static tb_status restore(tb_worker *worker, const tb_stored_take *take, tb_error *err)
{
    char *path = NULL;
    if (!exists(take->trash_path))
        return tb_fail(err, TIMBRE_GONE, "nothing is left of take #%lld in the trash",
                       (long long)take->number);
    tb_status st = free_path(worker, take->path, &path, err);
    if (st == TIMBRE_OK)
        st = tb_store_restore_take(worker->store, take->id, path, err);
    if (st == TIMBRE_OK) {
        st = move_pair(take->trash_path, path, err);
        tb_error why = {0};
        if (st != TIMBRE_OK &&
            tb_store_trash_take(worker->store, take->id, take->trash_path, &why) != TIMBRE_OK)
            tb_journal_error(&worker->journal, "a take is between trash and folder", take->id,
                             &why);
    }
    if (st == TIMBRE_OK) {
        char *folder = tb_path_folder(take->trash_path);
        if (folder != NULL)
            (void)rmdir(folder);
        free(folder);
    }
    free(path);
    return st;
}

tb_status tb_take_file_restore(tb_worker *worker, const char *id, tb_stored_take *out,
                               tb_error *err)
{
    tb_status st = tb_store_get_take(worker->store, id, out, err);
    if (st != TIMBRE_OK || out->trashed_ms == 0)
        return st;
    st = restore(worker, out, err);
    tb_stored_take_deinit(out);
    return st == TIMBRE_OK ? tb_store_get_take(worker->store, id, out, err) : st;
}

/* Pictures and other kinds of files that were made of it. */
static void forget_cached(const tb_worker *worker, const char *id)
{
    static const char *const endings[] = {"png", "wav", "flac", "ogg", "opus", "mp3"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char *path = tb_strf("%s/cache/%s.%s", worker->options->data_dir, id, endings[i]);
        if (path != NULL)
            (void)unlink(path);
        free(path);
    }
}

tb_status tb_take_file_purge(tb_worker *worker, const tb_stored_take *take, tb_error *err)
{
    char *sidecar = tb_strf("%s.json", take->trash_path);
    char *folder = tb_path_folder(take->trash_path);
    char *picture = tb_strf("%s/pictures/%s.png", worker->options->data_dir, take->id);
    tb_status st = TIMBRE_OK;
    if (sidecar == NULL || folder == NULL || picture == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    else if (unlink(take->trash_path) != 0 && errno != ENOENT)
        st = tb_fail_errno(err, errno, "cannot delete '%s'", take->trash_path);
    if (st == TIMBRE_OK) {
        (void)unlink(sidecar);
        (void)rmdir(folder);
        (void)unlink(picture);
        forget_cached(worker, take->id);
        st = tb_store_forget_take(worker->store, take->id, err);
    }
    free(sidecar);
    free(folder);
    free(picture);
    return st;
}

/* ---- after a crash ---- */

/* One file under both names: a move was stopped between its two steps. The old name goes. */
static void finish_move(const char *from, const char *to)
{
    struct stat a, b;
    if (lstat(from, &a) == 0 && lstat(to, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        (void)unlink(from);
}

/* Sound and sidecar, each where its move was stopped. */
static void heal_pair(tb_worker *worker, const char *id, const char *from, const char *to)
{
    tb_error err = {0};
    char *from_side = tb_strf("%s.json", from), *to_side = tb_strf("%s.json", to);
    finish_move(from, to);
    if (from_side != NULL && to_side != NULL)
        finish_move(from_side, to_side);
    if (!exists(to) && move_pair(from, to, &err) != TIMBRE_OK)
        tb_journal_error(&worker->journal, "a take is between trash and folder", id, &err);
    else if (exists(to) && !exists(from) && from_side != NULL && to_side != NULL &&
             exists(from_side) && !exists(to_side) &&
             tb_file_move(from_side, to_side, &err) != TIMBRE_OK)
        tb_journal_error(&worker->journal, "a sidecar is between trash and folder", id, &err);
    free(from_side);
    free(to_side);
}

/* A take that is not in the trash, with its file there: the restore goes on. */
static void heal_restore(tb_worker *worker, const char *id)
{
    tb_stored_take take = {0};
    tb_error err = {0};
    if (!tb_id_is_valid(id) || tb_store_get_take(worker->store, id, &take, &err) != TIMBRE_OK)
        return;
    char *folder = tb_strf("%s/%s", worker->trash, id);
    DIR *dir = take.trashed_ms == 0 && folder != NULL ? opendir(folder) : NULL;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        size_t n = strlen(e->d_name);
        bool is_sound = e->d_name[0] != '.' && (n < 5 || strcmp(e->d_name + n - 5, ".json") != 0);
        char *from = is_sound ? tb_strf("%s/%s", folder, e->d_name) : NULL;
        if (from != NULL)
            heal_pair(worker, id, from, take.path);
        free(from);
    }
    if (dir != NULL) {
        closedir(dir);
        (void)rmdir(folder);
    }
    free(folder);
    tb_stored_take_deinit(&take);
}

tb_status tb_take_file_heal(tb_worker *worker, tb_error *err)
{
    const tb_take_filter filter = {.starred = -1, .is_trashed = true, .limit = HEAL_MAX};
    tb_stored_take *takes = NULL;
    size_t n = 0;
    DIR *dir = opendir(worker->trash);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        heal_restore(worker, e->d_name);
    if (dir != NULL)
        closedir(dir);
    tb_status st = tb_store_list_takes(worker->store, &filter, &takes, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        bool has_path = true;
        tb_stored_take as_if = takes[i]; /* as if it were not in the trash; borrows */
        as_if.trashed_ms = 0;
        if (!exists(takes[i].trash_path) && !is_unchanged(worker, &as_if))
            continue; /* the user's file, or none */
        st = tb_store_has_path(worker->store, takes[i].path, &has_path, err);
        if (st == TIMBRE_OK && !has_path)
            heal_pair(worker, takes[i].id, takes[i].path, takes[i].trash_path);
    }
    tb_stored_takes_free(takes, n);
    return st;
}
