#include "worker/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/str.h"

enum { KEY_MIN_BYTES = 16, KEY_MAX_BYTES = 1024, SHORT_DIGITS = 12 };

/* ---- folders ---- */

/* A folder below the data folder. */
static tb_status make_part(const tb_worker *worker, const char *name, char **out, tb_error *err)
{
    *out = tb_strf("%s/%s", worker->options->data_dir, name);
    return *out == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                        : tb_dir_make(*out, err);
}

static tb_status real_path(const char *path, char **out, tb_error *err)
{
    *out = realpath(path, NULL);
    return *out != NULL ? TIMBRE_OK : tb_fail_errno(err, errno, "no folder '%.300s'", path);
}

tb_status tb_setup_folders(tb_worker *worker, tb_error *err)
{
    tb_status st = make_part(worker, "inbox", &worker->inbox, err);
    if (st == TIMBRE_OK)
        st = make_part(worker, "trash", &worker->trash, err);
    if (st == TIMBRE_OK)
        st = make_part(worker, "inputs", &worker->inputs, err);
    if (st == TIMBRE_OK) {
        st = tb_dir_make(worker->options->output_dir, err);
        if (st != TIMBRE_OK)
            tb_fix(err, "choose another place with TIMBRE_OUTPUT_DIR or the setting output.dir");
    }
    return st == TIMBRE_OK ? real_path(worker->options->output_dir, &worker->output_dir, err) : st;
}

tb_status tb_worker_socket_path(const char *data_dir, char **out, tb_error *err)
{
    char hex[TB_SHA256_HEX_BYTES];
    char *real = NULL;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    *out = NULL;
    tb_status st = tb_dir_make(data_dir, err);
    if (st == TIMBRE_OK)
        st = real_path(data_dir, &real, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_bytes(real, strlen(real), hex, err);
    if (st == TIMBRE_OK) {
        *out = runtime != NULL && runtime[0] == '/'
                   ? tb_strf("%s/timbre/%.*s.sock", runtime, SHORT_DIGITS, hex)
                   : tb_strf("/tmp/timbre-%ld/timbre/%.*s.sock", (long)geteuid(), SHORT_DIGITS,
                             hex);
        if (*out == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    }
    free(real);
    return st;
}

/* ---- the lock ---- */

tb_status tb_setup_lock(const tb_worker *worker, int *fd, tb_error *err)
{
    char text[32] = "";
    char *path = tb_strf("%s/worker.lock", worker->options->data_dir);
    *fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    tb_status st = TIMBRE_OK;
    if (*fd < 0) {
        st = tb_fail_errno(err, path == NULL ? ENOMEM : errno, "cannot open '%s'",
                           path == NULL ? "worker.lock" : path);
    } else if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        if (pread(*fd, text, sizeof text - 1, 0) < 0)
            text[0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        st = tb_fail(err, TIMBRE_EXISTS, "a worker of '%.200s' runs already (process %s)",
                     worker->options->data_dir, text[0] != '\0' ? text : "unknown");
        tb_fix(err, "use that one, stop it, or name another folder with --data-dir");
        close(*fd);
        *fd = -1;
    } else {
        int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (ftruncate(*fd, 0) != 0 || pwrite(*fd, text, (size_t)n, 0) != n)
            st = tb_fail_errno(err, errno, "cannot write '%s'", path);
    }
    free(path);
    return st;
}

/* ---- the key ---- */

static tb_status read_key(const char *path, char **out, tb_error *err)
{
    struct stat info;
    size_t len = 0;
    *out = NULL;
    if (path == NULL)
        return TIMBRE_OK;
    tb_status st = tb_file_read(path, KEY_MAX_BYTES, out, &len, err);
    if (st != TIMBRE_OK)
        return st;
    while (len > 0 &&
           ((*out)[len - 1] == '\n' || (*out)[len - 1] == '\r' || (*out)[len - 1] == ' '))
        (*out)[--len] = '\0';
    bool is_plain = true;
    for (size_t i = 0; i < len; i++)
        is_plain = is_plain && (*out)[i] > ' ' && (*out)[i] < 127;
    if (len < KEY_MIN_BYTES || !is_plain) {
        st = tb_fail(err, TIMBRE_BAD_INPUT,
                     "the API key in '%.200s' is not one line of at least %d printable characters",
                     path, KEY_MIN_BYTES);
        tb_fix(err, "make one: head -c 24 /dev/urandom | base64 > %.200s", path);
    } else if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "the API key file '%.200s' can be read by others",
                     path);
        tb_fix(err, "chmod 600 %.200s", path);
    }
    return st;
}

/* ---- sockets ---- */

static tb_status add_door(tb_doors *doors, int fd, bool is_unix, tb_error *err)
{
    if (doors->n == TB_LISTEN_MAX) {
        close(fd);
        return tb_fail(err, TIMBRE_BAD_INPUT, "more than %d places to listen on", TB_LISTEN_MAX);
    }
    doors->fds[doors->n] = fd;
    doors->is_unix[doors->n++] = is_unix;
    return TIMBRE_OK;
}

static tb_status open_address(const tb_worker *worker, tb_doors *doors, const char *text,
                              tb_error *err)
{
    tb_listen_address address;
    int fd = -1;
    tb_status st = tb_listen_parse(text, &address, err);
    if (st == TIMBRE_OK && !address.is_loopback && doors->key == NULL &&
        !worker->options->is_insecure) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s is no loopback address, and there is no API key",
                     text);
        tb_fix(err, "name a key with --api-key-file, or listen on 127.0.0.1");
    }
    if (st == TIMBRE_OK)
        st = tb_listen_tcp(&address, &fd, err);
    if (st == TIMBRE_OK)
        st = add_door(doors, fd, false, err);
    if (st == TIMBRE_OK) {
        bool is_v6 = strchr(address.host, ':') != NULL;
        (void)snprintf(doors->url[doors->n - 1], sizeof doors->url[0], "http://%s%s%s:%d",
                       is_v6 ? "[" : "", address.host, is_v6 ? "]" : "", address.port);
    }
    return st;
}

static tb_status open_socket(const tb_worker *worker, tb_doors *doors, tb_error *err)
{
    int fd = -1;
    tb_status st = tb_worker_socket_path(worker->options->data_dir, &doors->socket_path, err);
    if (st == TIMBRE_OK)
        st = tb_listen_unix(doors->socket_path, &fd, err);
    return st == TIMBRE_OK ? add_door(doors, fd, true, err) : st;
}

tb_status tb_setup_doors(const tb_worker *worker, tb_doors *doors, tb_error *err)
{
    int inherited[TB_LISTEN_MAX];
    int n = tb_listen_inherited(inherited, TB_LISTEN_MAX - 1);
    tb_status st = read_key(worker->options->key_file, &doors->key, err);
    for (int i = 0; i < n; i++)
        if (st == TIMBRE_OK)
            st = add_door(doors, inherited[i], false, err);
    for (size_t i = 0; st == TIMBRE_OK && i < TB_WORKER_NAMES_MAX; i++)
        if (worker->options->listen[i] != NULL)
            st = open_address(worker, doors, worker->options->listen[i], err);
    return st == TIMBRE_OK ? open_socket(worker, doors, err) : st;
}

void tb_doors_deinit(tb_doors *doors)
{
    for (size_t i = 0; i < doors->n; i++)
        if (doors->fds[i] >= 0)
            close(doors->fds[i]);
    if (doors->socket_path != NULL)
        (void)unlink(doors->socket_path);
    free(doors->socket_path);
    free(doors->key);
    *doors = (tb_doors){0};
}
