#include "cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/base/clock.h"

/* The only variables of the program at file scope: a signal handler can be given no argument. It
 * may run on any thread, so its flags are atomic; lock-free ones are safe in it. */
static timbre_cancel cancel_flag;
static atomic_int first_signal, is_held, wants_stop, has_continued;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler cannot wait for a lock");
static struct itimerval limit; /* what is left of it while paused; zero: none was set */
static bool is_limit_paused;

static void on_signal(int number)
{
    if (first_signal != 0 && number != SIGALRM && !is_held)
        _exit(128 + number);
    int none = 0;
    (void)atomic_compare_exchange_strong(&first_signal, &none, number);
    timbre_cancel_request(&cancel_flag);
}

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler; /* no SA_RESTART: a blocked read shall return */
    sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

void tb_signals_init(void)
{
    set_handler(SIGXFSZ, SIG_IGN);
}

void tb_signals_catch(void)
{
    struct sigaction hangup;
    set_handler(SIGINT, on_signal);
    set_handler(SIGTERM, on_signal);
    set_handler(SIGQUIT, on_signal);
    if (sigaction(SIGHUP, NULL, &hangup) != 0 || hangup.sa_handler != SIG_IGN)
        set_handler(SIGHUP, on_signal);
}

void tb_signals_hold(bool is_on)
{
    is_held = is_on;
}

void tb_signals_set_deadline(double seconds)
{
    limit = (struct itimerval){
        .it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    set_handler(SIGALRM, on_signal);
    (void)setitimer(ITIMER_REAL, &limit, NULL);
}

void tb_signals_pause_deadline(void)
{
    static const struct itimerval off;
    if (!timerisset(&limit.it_value) || is_limit_paused)
        return;
    is_limit_paused = true;
    (void)setitimer(ITIMER_REAL, &off, &limit);
    if (!timerisset(&limit.it_value)) /* it has just run out: at once when resumed */
        limit.it_value.tv_usec = 1;
    if (first_signal == SIGALRM) {
        timbre_cancel_reset(&cancel_flag);
        first_signal = 0;
    }
}

void tb_signals_resume_deadline(void)
{
    if (is_limit_paused)
        (void)setitimer(ITIMER_REAL, &limit, NULL);
    is_limit_paused = false;
}

static void on_stop(int number)
{
    (void)number;
    wants_stop = 1;
}

static void on_continue(int number)
{
    (void)number;
    has_continued = 1;
}

void tb_signals_catch_stop(void)
{
    struct sigaction stop;
    if (sigaction(SIGTSTP, NULL, &stop) == 0 && stop.sa_handler == SIG_IGN)
        return;
    set_handler(SIGTSTP, on_stop);
    set_handler(SIGCONT, on_continue);
}

bool tb_signals_wants_stop(void)
{
    return wants_stop != 0;
}

double tb_signals_stop(void)
{
    double before_s = tb_clock_seconds();
    bool was_paused = is_limit_paused;
    tb_signals_pause_deadline();
    set_handler(SIGTSTP, SIG_DFL);
    (void)raise(SIGTSTP); /* returns when the process is continued */
    set_handler(SIGTSTP, on_stop);
    wants_stop = has_continued = 0;
    if (!was_paused)
        tb_signals_resume_deadline();
    return tb_clock_seconds() - before_s;
}

bool tb_signals_take_continued(void)
{
    bool is_so = has_continued != 0;
    has_continued = 0;
    return is_so;
}

const timbre_cancel *tb_signals_cancel(void)
{
    return &cancel_flag;
}

bool tb_signals_forget_interrupt(void)
{
    int interrupt = SIGINT;
    if (atomic_compare_exchange_strong(&first_signal, &interrupt, 0))
        timbre_cancel_reset(&cancel_flag);
    return first_signal == 0;
}

int tb_signals_caught(void)
{
    return first_signal;
}

bool tb_signals_wait(int fd, short events)
{
    enum { TICK_MS = 100 }; /* for a signal between the look at the flag and poll */
    struct pollfd p = {.fd = fd, .events = events};
    while (first_signal == 0) {
        if (wants_stop != 0)
            (void)tb_signals_stop();
        int n = poll(&p, 1, TICK_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return first_signal == 0; /* an error is the business of the read or write */
    }
    return false;
}
