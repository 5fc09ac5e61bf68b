/*
 * Misbehaviour on demand, for tests: in the build of the program that tests use, a prompt that
 * begins with "test-" makes the generator crash, hang or dawdle. Nothing of it is in the program
 * that is installed.
 */
#ifndef TB_WORKER_GENERATOR_HOOK_H
#define TB_WORKER_GENERATOR_HOOK_H

#include "engine/base/error.h"
#include "timbre/engine.h"

#ifdef TB_TEST_HOOKS
/*
 *   test-crash          SIGSEGV         test-kill     SIGKILL, as by the system short of memory
 *   test-hang           no progress, deaf to cancel
 *   test-deaf N MS      N steps of MS milliseconds, deaf to cancel
 *   test-slow N MS ...  N steps, then the take
 *   test-fail ...       BAD_FILE
 */
TB_MUST_USE tb_status tb_generator_hook(const char *prompt, timbre_progress_fn progress, void *user,
                                        const timbre_cancel *cancel, tb_error *err);
#define TB_GENERATOR_HOOK tb_generator_hook
/* TIMBRE_TEST_STEP_MS in the environment: each of 20 steps of the stage denoise takes so much
 * longer, so that those of a tiny model can be watched. */
void tb_generator_hook_step(const timbre_progress *progress);
#define TB_GENERATOR_STEP_HOOK tb_generator_hook_step
#else
#define TB_GENERATOR_STEP_HOOK(progress)                       (void)(progress)
#define TB_GENERATOR_HOOK(prompt, progress, user, cancel, err) TIMBRE_OK
#endif

#endif
