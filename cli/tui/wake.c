#include "cli/tui/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* At file scope because a signal handler can be given no argument. */
static int pipe_fds[2] = {-1, -1};
static atomic_int has_resized, wants_suspend, ended_by;

static const int caught[] = {SIGWINCH, SIGTSTP, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
enum { N_CAUGHT = sizeof caught / sizeof *caught };
static struct sigaction before[N_CAUGHT];

void tb_wake(void)
{
    int saved = errno;
    (void)!write(pipe_fds[1], "", 1); /* a full pipe wakes as well */
    errno = saved;
}

static void on_signal(int number)
{
    if (number == SIGWINCH)
        has_resized = 1;
    else if (number == SIGTSTP)
        wants_suspend = 1;
    else
        ended_by = number;
    tb_wake();
}

static bool make_pipe(void)
{
    if (pipe(pipe_fds) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(pipe_fds[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(pipe_fds[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

tb_status tb_wake_init(tb_error *err)
{
    if (!make_pipe())
        return tb_fail_errno(err, errno, "cannot make a pipe");
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART; /* the pipe wakes the loop; other calls shall not notice */
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < N_CAUGHT; i++) {
        (void)sigaction(caught[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) /* nohup */
            (void)sigaction(caught[i], &action, NULL);
    }
    return TIMBRE_OK;
}

void tb_wake_deinit(void)
{
    for (int i = 0; i < N_CAUGHT && pipe_fds[0] >= 0; i++)
        (void)sigaction(caught[i], &before[i], NULL);
    for (int i = 0; i < 2; i++)
        if (pipe_fds[i] >= 0)
            (void)close(pipe_fds[i]);
    pipe_fds[0] = pipe_fds[1] = -1;
}

static void empty_pipe(void)
{
    char bytes[64];
    while (read(pipe_fds[0], bytes, sizeof bytes) > 0)
        ;
}

bool tb_wake_wait(int fd, int timeout_ms)
{
    struct pollfd waits[] = {{.fd = fd, .events = POLLIN}, {.fd = pipe_fds[0], .events = POLLIN}};
    if (poll(waits, 2, timeout_ms) <= 0)
        return false;
    if (waits[1].revents != 0)
        empty_pipe();
    return waits[0].revents != 0;
}

tb_wake_signals tb_wake_take_signals(void)
{
    return (tb_wake_signals){.has_resized = atomic_exchange(&has_resized, 0) != 0,
                             .wants_suspend = atomic_exchange(&wants_suspend, 0) != 0,
                             .ended_by = atomic_exchange(&ended_by, 0)};
}
