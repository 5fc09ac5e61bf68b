/*
 * The networks by the kernels "blas" against the same networks in double precision: their promise
 * is the distance alone, for any number of threads. A pass can be stopped as any other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/models/networks.h"
#include "tests/support/blas.h"

#define BOUND 1e-5 /* relative L2, of a whole network */

typedef struct subject {
    networks all;
    vectors file;
} subject;

static void at_most(const char *what, const machine *m, double measured)
{
    int n_threads = tb_pool_n_threads(m->pool);
    printf("# %s, %d threads: %.3g (at most %g)\n", what, n_threads, measured, BOUND);
    if (!(measured <= BOUND))
        fail_msg("%s, %d threads: %g exceeds %g", what, n_threads, measured, BOUND);
}

static void check_text(const subject *s, const machine *m)
{
    int shape[VECTORS_RANK];
    const double *want = vectors_doubles(&s->file, "text_hidden", shape);
    float *got = run_text(&s->all, m, vectors_ints(&s->file, "text_tokens", NULL), shape[0], 0);
    int flat[VECTORS_RANK] = {shape[0] * shape[1] * shape[2], 1, 1, 1};
    at_most("text encoder", m, vectors_distance(got, want, flat));
    free(got);
}

static void check_unet(const subject *s, const machine *m)
{
    for (int i = 0; i < 4; i++) {
        unet_case c;
        unet_case_open(&c, &s->file, i);
        float *got = run_unet(&s->all, m, &c);
        at_most("unet", m, vectors_distance(got, c.out, c.out_shape));
        free(got);
        unet_case_close(&c);
    }
}

static void check_vae(const subject *s, const machine *m)
{
    int in[VECTORS_RANK], out[VECTORS_RANK];
    float *latents = vectors_pictures(&s->file, "vae_latents", in);
    const double *want = vectors_doubles(&s->file, "vae_image", out);
    float *got = run_decode(&s->all, m, latents, in[2], in[3]);
    at_most("decoder", m, vectors_distance(got, want, out));
    free(got);
    free(latents);
    float *image = vectors_pictures(&s->file, "vae_input", in);
    want = vectors_doubles(&s->file, "vae_moments", out);
    got = run_encode(&s->all, m, image, in[2], in[3]);
    at_most("encoder", m, vectors_distance(got, want, out));
    free(got);
    free(image);
}

static void networks_are_near_with_any_threads(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"tiny", "network_tiny"}, {"tiny-v", "network_tiny_v"}};
    if (blas_kernels() == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        subject s;
        networks_load(&s.all, names[i][0]);
        vectors_open(&s.file, names[i][1]);
        for (int n_threads = 1; n_threads <= 3; n_threads++) {
            machine m = machine_new("blas", n_threads);
            check_text(&s, &m);
            check_unet(&s, &m);
            check_vae(&s, &m);
            machine_free(&m);
        }
        networks_free(&s.all);
        vectors_close(&s.file);
    }
}

typedef struct {
    const networks *all;
    float *in, *out;
    timbre_cancel cancel;
} job;

enum { SIDE = 8 };

static void decode_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_vae_decode(nn, j->all->vae, j->in, SIDE, SIDE, j->out);
}

static void stop(double fraction, void *user)
{
    job *j = user;
    if (fraction > 0.1)
        timbre_cancel_request(&j->cancel);
}

static void a_pass_can_be_stopped(void **state)
{
    (void)state;
    networks all;
    tb_nn nn;
    if (blas_kernels() == NULL)
        return;
    networks_load(&all, "tiny");
    machine m = machine_new("blas", 3);
    job j = {.all = &all, .in = vectors_alloc((size_t)SIDE * SIDE * 8)};
    j.out = vectors_alloc((size_t)SIDE * 8 * SIDE * 8 * 3);
    tb_progress progress = {.fn = stop, .user = &j, .cancel = &j.cancel};
    tb_nn_init(&nn, m.kernels, m.pool);
    assert_int_equal(tb_nn_reserve(&nn, decode_work, &j, NULL), TIMBRE_OK);
    assert_int_equal(tb_nn_run(&nn, decode_work, &j, &progress, NULL), TIMBRE_CANCELLED);
    tb_nn_deinit(&nn);
    free(j.in);
    free(j.out);
    machine_free(&m);
    networks_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_near_with_any_threads),
        cmocka_unit_test(a_pass_can_be_stopped),
    };
    return cmocka_run_group_tests_name("networks_blas", tests, NULL, NULL);
}
