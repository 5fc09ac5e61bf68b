#include "worker/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/path.h"

enum { BACKLOG = 512, FIRST_INHERITED = 3 };

/* ---- addresses ---- */

static tb_status bad_address(const char *text, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.100s' is no address to listen on", text);
    tb_fix(err, "write ADDRESS:PORT with a numeric address, such as 127.0.0.1:8000 or [::1]:8000");
    return st;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

tb_status tb_listen_parse(const char *text, tb_listen_address *out, tb_error *err)
{
    const char *colon = strrchr(text, ':');
    *out = (tb_listen_address){0};
    if (colon == NULL)
        return bad_address(text, err);
    size_t n = strspn(colon + 1, "0123456789"), host_len = (size_t)(colon - text);
    long port = n > 0 && n <= 5 && colon[1 + n] == '\0' ? strtol(colon + 1, NULL, 10) : -1;
    if (port < 0 || port > 65535 || host_len >= sizeof out->host)
        return bad_address(text, err);
    bool is_bracketed = host_len >= 2 && text[0] == '[' && colon[-1] == ']';
    (void)snprintf(out->host, sizeof out->host, "%.*s", (int)(host_len - (is_bracketed ? 2 : 0)),
                   text + (is_bracketed ? 1 : 0));
    if (host_len == 0 || strcmp(out->host, "localhost") == 0)
        (void)snprintf(out->host, sizeof out->host, "127.0.0.1");
    struct in_addr v4;
    struct in6_addr v6;
    bool is_v6 = inet_pton(AF_INET6, out->host, &v6) == 1;
    if (is_v6 != is_bracketed || (!is_v6 && inet_pton(AF_INET, out->host, &v4) != 1))
        return bad_address(text, err);
    out->port = (int)port;
    out->is_loopback = is_loopback(out->host);
    return TIMBRE_OK;
}

/* ---- TCP ---- */

static socklen_t make_address(const tb_listen_address *in, struct sockaddr_storage *out)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET6, in->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)in->port);
        return sizeof *v6;
    }
    (void)inet_pton(AF_INET, in->host, &v4->sin_addr);
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)in->port);
    return sizeof *v4;
}

static void read_port(int fd, tb_listen_address *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound;
    socklen_t size = sizeof bound;
    memset(&bound, 0, sizeof bound);
    if (getsockname(fd, &bound.any, &size) == 0)
        address->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port
                                                              : bound.v4.sin_port);
}

tb_status tb_listen_tcp(tb_listen_address *address, int *fd, tb_error *err)
{
    struct sockaddr_storage to = {0};
    socklen_t size = make_address(address, &to);
    int on = 1;
    *fd = socket(to.ss_family, SOCK_STREAM, 0);
    if (*fd < 0)
        return tb_fail_errno(err, errno, "no socket for %s", address->host);
    (void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
    (void)setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (to.ss_family == AF_INET6)
        (void)setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(*fd, (struct sockaddr *)&to, size) == 0 && listen(*fd, BACKLOG) == 0) {
        read_port(*fd, address);
        return TIMBRE_OK;
    }
    int why = errno;
    close(*fd);
    *fd = -1;
    if (why != EADDRINUSE)
        return tb_fail_errno(err, why, "cannot listen on %s:%d", address->host, address->port);
    tb_status st = tb_fail(err, TIMBRE_EXISTS, "port %d of %s is in use", address->port,
                           address->host);
    tb_fix(err, "choose another with --listen %s:PORT, or stop what uses it", address->host);
    return st;
}

/* ---- Unix ---- */

/* Its folder: ours alone, or anybody could put a socket of his own there. */
static tb_status make_folder(const char *folder, tb_error *err)
{
    struct stat info;
    tb_status st = tb_dir_make(folder, err);
    if (st != TIMBRE_OK)
        return st;
    if (lstat(folder, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
        st = tb_fail(err, TIMBRE_PERMISSION, "the folder '%.200s' is not yours", folder);
        tb_fix(err, "set XDG_RUNTIME_DIR to a folder of your own");
        return st;
    }
    if ((info.st_mode & 077) != 0 && chmod(folder, 0700) != 0)
        return tb_fail_errno(err, errno, "cannot close the folder '%.200s' to others", folder);
    return TIMBRE_OK;
}

tb_status tb_listen_unix(const char *path, int *fd, tb_error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    *fd = -1;
    if (strlen(path) >= sizeof to.sun_path) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "the socket's path '%s' exceeds %zu bytes",
                               path, sizeof to.sun_path - 1);
        tb_fix(err, "set XDG_RUNTIME_DIR to a shorter folder");
        return st;
    }
    char *folder = tb_path_folder(path);
    tb_status st = folder == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                  : make_folder(folder, err);
    free(folder);
    if (st != TIMBRE_OK)
        return st;
    memcpy(to.sun_path, path, strlen(path) + 1);
    struct stat old; /* of a worker that died: this one holds the lock */
    if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
        (void)unlink(path);
    *fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (*fd < 0)
        return tb_fail_errno(err, errno, "no socket");
    (void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
    if (bind(*fd, (struct sockaddr *)&to, sizeof to) == 0 && chmod(path, 0600) == 0 &&
        listen(*fd, BACKLOG) == 0)
        return TIMBRE_OK;
    st = tb_fail_errno(err, errno, "cannot listen on '%s'", path);
    close(*fd);
    *fd = -1;
    return st;
}

int tb_listen_inherited(int fds[], int max)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    long n = strtol(count, NULL, 10);
    int kept = 0;
    for (long i = 0; i < n && kept < max; i++, kept++) {
        fds[kept] = FIRST_INHERITED + (int)i;
        (void)fcntl(fds[kept], F_SETFD, FD_CLOEXEC);
    }
    (void)unsetenv("LISTEN_PID"); /* not for the child */
    (void)unsetenv("LISTEN_FDS");
    return kept;
}
