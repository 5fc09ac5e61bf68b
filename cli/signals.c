#include "cli/signals.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* The only variables of the program at file scope: a signal handler can be given no argument. */
static timbre_cancel cancel_flag;
static volatile sig_atomic_t first_signal;

static void on_signal(int number)
{
    if (first_signal != 0 && number != SIGALRM)
        _exit(128 + number);
    if (first_signal == 0)
        first_signal = number;
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
    set_handler(SIGINT, on_signal);
    set_handler(SIGTERM, on_signal);
}

void tb_signals_set_deadline(double seconds)
{
    struct itimerval timer = {
        .it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    set_handler(SIGALRM, on_signal);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

const timbre_cancel *tb_signals_cancel(void)
{
    return &cancel_flag;
}

int tb_signals_caught(void)
{
    return first_signal;
}
