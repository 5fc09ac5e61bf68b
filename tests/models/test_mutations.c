/*
 * Every tensor counts: with the effect of any single one dropped (gains to one, all else to zero),
 * the output of its network moves further than twice the bound, within which test_networks.c finds
 * it beside the reference: so it leaves that bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>

#include "engine/base/file.h"
#include "tests/models/networks.h"

#define BOUND 5e-6 /* relative L2, that of test_networks.c */

enum {
    FILE_MAX_BYTES = 1 << 21,
    UNET_CASE = 2 /* small, but more than one position is left in the middle */,
    SIDE = 2
};

typedef struct {
    networks all;
    vectors file;
    machine m;
} subject;

static char the_path[] = "/tmp/timbre-test-XXXXXX";
static int the_fd;

static int open_file(void **state)
{
    (void)state;
    the_fd = mkstemp(the_path);
    return the_fd < 0;
}

static int close_file(void **state)
{
    (void)state;
    close(the_fd);
    return unlink(the_path);
}

/* A weights file and a private copy of it whose tensors are changed one at a time. */
typedef struct {
    tb_weights *weights;
    char *bytes;
    size_t len_bytes;
    const char *first; /* data of the tensor that comes first in the file */
    uint64_t at_first; /* and where it is */
    int fd;            /* of the_path */
} copy;

static void copy_open(copy *c, const char *path)
{
    tb_error err = {0};
    uint64_t len_header;
    assert_int_equal(tb_weights_open(path, &c->weights, &err), TIMBRE_OK);
    assert_int_equal(tb_file_read(path, FILE_MAX_BYTES, &c->bytes, &c->len_bytes, &err), TIMBRE_OK);
    memcpy(&len_header, c->bytes, sizeof len_header);
    c->at_first = sizeof len_header + len_header;
    c->first = NULL;
    for (size_t i = 0; i < tb_weights_count(c->weights); i++) {
        const char *data = tb_weights_at(c->weights, i)->data;
        if (c->first == NULL || data < c->first)
            c->first = data;
    }
    c->fd = the_fd;
    assert_int_equal(ftruncate(c->fd, 0), 0);
    assert_int_equal(pwrite(c->fd, c->bytes, c->len_bytes, 0), c->len_bytes);
}

static void copy_close(copy *c)
{
    free(c->bytes);
    tb_weights_close(c->weights);
}

/* Write the tensor's place: neutral values, or what was there. */
static void put(const copy *c, const tb_tensor *tensor, bool is_neutral)
{
    uint64_t at = c->at_first + (uint64_t)((const char *)tensor->data - c->first);
    size_t n = (size_t)tensor->n_elements;
    assert_int_equal(tensor->dtype, TB_DTYPE_F32);
    assert_memory_equal(c->bytes + at, tensor->data, sizeof(float) * n);
    float *values = vectors_alloc(n);
    bool is_gain = tensor->rank == 1 && strstr(tensor->name, ".weight") != NULL;
    for (size_t i = 0; i < n; i++)
        values[i] = is_gain ? 1 : 0;
    if (!is_neutral)
        memcpy(values, tensor->data, sizeof *values * n);
    assert_int_equal(pwrite(c->fd, values, sizeof *values * n, (off_t)at), sizeof *values * n);
    free(values);
}

/* What a network makes of its inputs. */
typedef struct {
    float *floats; /* owned */
    size_t n;
} output;

/* The second of the texts: the first is empty, or too long. */
static output run_one_text(const subject *s)
{
    const tb_text_config *config = &s->all.text_config;
    const int32_t *tokens = vectors_ints(&s->file, "text_tokens", NULL) + config->n_positions;
    return (output){run_text(&s->all, &s->m, tokens, 1, 0),
                    (size_t)config->n_positions * (size_t)config->width};
}

static output run_small_unet(const subject *s)
{
    unet_case c;
    unet_case_open(&c, &s->file, UNET_CASE);
    c.n = 1;
    output out = {run_unet(&s->all, &s->m, &c),
                  (size_t)(c.out_shape[1] * c.out_shape[2] * c.out_shape[3])};
    unet_case_close(&c);
    return out;
}

/* The first few pixels, taken as a picture that is SIDE * SIDE in the latents. */
static output run_small_vae(const subject *s, bool is_encoder)
{
    int shape[VECTORS_RANK], side = SIDE * tb_vae_factor(&s->all.vae_config);
    float *in = vectors_pictures(&s->file, is_encoder ? "vae_input" : "vae_latents", shape);
    output out;
    if (is_encoder)
        out = (output){run_encode(&s->all, &s->m, in, side, side),
                       (size_t)(SIDE * SIDE * 2 * s->all.vae_config.latent_channels)};
    else
        out = (output){run_decode(&s->all, &s->m, in, SIDE, SIDE), (size_t)(3 * side * side)};
    free(in);
    return out;
}

/* The tensor belongs to the autoencoder's first half. */
static bool is_of_encoder(const char *name)
{
    return strncmp(name, "encoder.", 8) == 0 || strncmp(name, "quant_conv.", 11) == 0;
}

static output run_network(const subject *s, tb_network network, bool is_encoder)
{
    if (network == TB_NETWORK_TEXT)
        return run_one_text(s);
    return network == TB_NETWORK_UNET ? run_small_unet(s) : run_small_vae(s, is_encoder);
}

static double distance_between(const output *got, const output *want)
{
    double noise = 0, signal = 0;
    assert_int_equal(got->n, want->n);
    for (size_t i = 0; i < want->n; i++) {
        double d = (double)got->floats[i] - want->floats[i];
        noise += d * d;
        signal += (double)want->floats[i] * want->floats[i];
    }
    return sqrt(noise / signal);
}

/*
 * A bias of keys adds the same to all scores of a query, which softmax takes away again: it has no
 * effect but on the rounding, by which is seen that it is used.
 */
static bool is_key_bias(const char *name)
{
    return strstr(name, ".k_proj.bias") != NULL || strstr(name, ".to_k.bias") != NULL;
}

/* `want`: what the network makes of its inputs with all of its tensors. */
static void check_tensor(subject *s, const copy *c, tb_network network, const tb_tensor *tensor,
                         const output *want, double *smallest)
{
    put(c, tensor, true);
    networks_load_one(&s->all, network, the_path);
    output got = run_network(s, network, is_of_encoder(tensor->name));
    put(c, tensor, false);
    double distance = distance_between(&got, want);
    free(got.floats);
    if (is_key_bias(tensor->name) ? distance == 0 : distance <= 2 * BOUND)
        fail_msg("%s: '%s' has no effect: %g", s->all.model, tensor->name, distance);
    if (!is_key_bias(tensor->name) && distance < *smallest)
        *smallest = distance;
}

static void check_network(subject *s, tb_network network)
{
    char path[4096];
    copy c;
    double smallest = 1e9;
    networks_path(&s->all, network, path, sizeof path);
    copy_open(&c, path);
    networks_load_one(&s->all, network, the_path);
    output want[2] = {run_network(s, network, false), run_network(s, network, true)};
    size_t n = tb_weights_count(c.weights);
    for (size_t i = 0; i < n; i++) {
        const tb_tensor *tensor = tb_weights_at(c.weights, i);
        check_tensor(s, &c, network, tensor, &want[is_of_encoder(tensor->name)], &smallest);
    }
    printf("# %s, network %d: %zu tensors, smallest effect %.2g\n", s->all.model, (int)network, n,
           smallest);
    free(want[0].floats);
    free(want[1].floats);
    copy_close(&c);
}

static void check_model(const char *model, const char *vectors_name)
{
    subject s = {.m = machine_new(getenv("TIMBRE_CPU"), 1)};
    networks_configure(&s.all, model);
    vectors_open(&s.file, vectors_name);
    for (int network = 0; network < TB_NETWORK_COUNT; network++)
        check_network(&s, (tb_network)network);
    networks_free(&s.all);
    vectors_close(&s.file);
    machine_free(&s.m);
}

static void test_tiny(void **state)
{
    (void)state;
    check_model("tiny", "network_tiny");
}

static void test_tiny_v(void **state)
{
    (void)state;
    check_model("tiny-v", "network_tiny_v");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tiny), cmocka_unit_test(test_tiny_v)};
    return cmocka_run_group_tests(tests, open_file, close_file);
}
