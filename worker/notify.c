#include "worker/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* false: no such name can be (sd_notify(3): absolute, or abstract with a leading '@'). */
static bool make_address(const char *name, struct sockaddr_un *out, socklen_t *len_bytes)
{
    size_t len = strlen(name);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof out->sun_path)
        return false;
    memcpy(out->sun_path, name, len);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    /* an abstract name ends with its length, a path with a NUL */
    *len_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    return true;
}

#ifdef SOCK_CLOEXEC
enum { SOCKET_TYPE = SOCK_DGRAM | SOCK_CLOEXEC };
#else
enum { SOCKET_TYPE = SOCK_DGRAM };
#endif

bool tb_notify(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t len_bytes;
    if (name == NULL || !make_address(name, &address, &len_bytes))
        return false;
    int fd = socket(AF_UNIX, SOCKET_TYPE, 0);
    if (fd < 0)
        return false;
    ssize_t n;
    do
        n = sendto(fd, state, strlen(state), 0, (const struct sockaddr *)&address, len_bytes);
    while (n < 0 && errno == EINTR);
    (void)close(fd);
    return n == (ssize_t)strlen(state);
}

/* -1: not a whole positive number. */
static long long read_positive(const char *text)
{
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return -1;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && value > 0 ? value : -1;
}

double tb_notify_watchdog_s(void)
{
    long long usec = read_positive(getenv("WATCHDOG_USEC"));
    const char *pid = getenv("WATCHDOG_PID");
    if (usec < 0 || (pid != NULL && read_positive(pid) != (long long)getpid()))
        return 0;
    return (double)usec / 1e6;
}
