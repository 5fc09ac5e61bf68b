#include "worker/generator_hook.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* "test-slow 20 50": steps of the stage "denoise", reported as a sampler's. */
static tb_status dawdle(const char *numbers, bool is_deaf, timbre_progress_fn progress, void *user,
                        const timbre_cancel *cancel, tb_error *err)
{
    char *end;
    long n = strtol(numbers, &end, 10), ms = strtol(end, NULL, 10);
    for (long i = 0; i < n; i++) {
        if (!is_deaf && timbre_cancel_is_requested(cancel))
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        double fraction = (double)i / (double)n;
        progress(&(timbre_progress){.struct_size = sizeof(timbre_progress),
                                    .stage = "denoise",
                                    .i_stage = 0,
                                    .n_stages = 2,
                                    .stage_fraction = fraction,
                                    .fraction = fraction / 2,
                                    .elapsed_s = (double)(i * ms) / 1e3},
                 user);
        sleep_ms(ms);
    }
    return TIMBRE_OK;
}

static bool begins(const char *prompt, const char *word)
{
    size_t n = strlen(word);
    return strncmp(prompt, word, n) == 0 && (prompt[n] == '\0' || prompt[n] == ' ');
}

tb_status tb_generator_hook(const char *prompt, timbre_progress_fn progress, void *user,
                            const timbre_cancel *cancel, tb_error *err)
{
    if (begins(prompt, "test-crash")) {
        (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would make an exit of it */
        (void)raise(SIGSEGV);
    }
    if (begins(prompt, "test-kill"))
        (void)raise(SIGKILL);
    if (begins(prompt, "test-hang"))
        for (;;)
            sleep_ms(1000);
    if (begins(prompt, "test-fail"))
        return tb_fail(err, TIMBRE_BAD_FILE, "this take was asked to fail");
    if (begins(prompt, "test-slow") || begins(prompt, "test-deaf"))
        return dawdle(prompt + strlen("test-slow"), prompt[5] == 'd', progress, user, cancel, err);
    return TIMBRE_OK;
}

/* The sampler reports within a step too; of 20 steps each is one twentieth. */
void tb_generator_hook_step(const timbre_progress *progress)
{
    enum { STEPS = 20 };
    static double told; /* one generator, one thread */
    const char *ms = getenv("TIMBRE_TEST_STEP_MS");
    if (ms == NULL || strcmp(progress->stage, "denoise") != 0)
        return;
    if (progress->stage_fraction < told)
        told = 0;
    if (progress->stage_fraction - told < 0.999 / STEPS)
        return;
    told = progress->stage_fraction;
    sleep_ms(strtol(ms, NULL, 10));
}
