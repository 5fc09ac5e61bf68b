/*
 * What a forward pass promises beside its numbers: true progress, a quick stop, the memory that it
 * was measured to need; and what loading says about weights that it cannot use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "tests/models/networks.h"

enum { H = 8, W = 12, N = 2, N_TOKENS = 77, FILE_MAX_BYTES = 1 << 21 };

/* One forward pass of each kind over zeros. */
typedef struct {
    const networks *all;
    const tb_unet_context *context;
    int32_t tokens[N * N_TOKENS];
    float *in, *out;
} job;

static void text_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_text_encoder_forward(nn, j->all->text, j->tokens, N, 1, j->out);
}

static void unet_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_unet_input input = {
        .latents = j->in, .h = H, .w = W, .timestep = 500, .context = j->context};
    tb_unet_forward(nn, j->all->unet, &input, j->out);
}

static void decode_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_vae_decode(nn, j->all->vae, j->in, H, W, j->out);
}

static void encode_work(tb_nn *nn, void *user)
{
    const job *j = user;
    int factor = tb_vae_factor(&j->all->vae_config);
    tb_vae_encode(nn, j->all->vae, j->in, H * factor, W * factor, j->out);
}

static const tb_nn_work works[] = {text_work, unet_work, decode_work, encode_work};

enum { N_WORKS = 4 };

static networks tiny;
static machine m;
static tb_unet_context *context;
static job the_job;

static int open_all(void **state)
{
    (void)state;
    tb_error err = {0};
    float *texts = vectors_alloc((size_t)N * N_TOKENS * 64);
    m = machine_new(getenv("TIMBRE_CPU"), 2);
    networks_load(&tiny, "tiny");
    assert_true(tiny.unet_config.cross_width <= 64);
    assert_int_equal(
        tb_unet_context_new(tiny.unet, m.kernels, m.pool, texts, N, N_TOKENS, &context, &err),
        TIMBRE_OK);
    free(texts);
    the_job = (job){.all = &tiny, .context = context};
    the_job.in = vectors_alloc((size_t)3 * 8 * H * 8 * W);
    the_job.out = vectors_alloc((size_t)3 * 8 * H * 8 * W);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    tb_unet_context_free(context);
    networks_free(&tiny);
    machine_free(&m);
    free(the_job.in);
    free(the_job.out);
    return 0;
}

typedef struct {
    double last, stop_at;
    int n_reports, n_after_stop;
    timbre_cancel cancel;
} listener;

static void listen(double fraction, void *user)
{
    listener *l = user;
    assert_true(fraction > l->last && fraction <= 1);
    l->last = fraction;
    l->n_reports++;
    l->n_after_stop += timbre_cancel_is_requested(&l->cancel) != 0;
    if (fraction >= l->stop_at)
        timbre_cancel_request(&l->cancel);
}

static tb_status run_heard(tb_nn_work work, listener *l)
{
    tb_nn nn;
    tb_error err = {0};
    tb_progress progress = {.fn = listen, .user = l, .cancel = &l->cancel};
    tb_nn_init(&nn, m.kernels, m.pool);
    assert_int_equal(tb_nn_reserve(&nn, work, &the_job, &err), TIMBRE_OK);
    assert_int_equal(l->n_reports, 0); /* a dry run is no progress */
    tb_status status = tb_nn_run(&nn, work, &the_job, &progress, &err);
    tb_nn_deinit(&nn);
    return status;
}

static void test_progress(void **state)
{
    (void)state;
    for (int i = 0; i < N_WORKS; i++) {
        listener l = {.stop_at = 2};
        assert_int_equal(run_heard(works[i], &l), TIMBRE_OK);
        assert_true(l.last == 1 && l.n_reports >= 2);
    }
}

static void test_cancel(void **state)
{
    (void)state;
    for (int i = 0; i < N_WORKS; i++) {
        listener l = {.stop_at = 0.1};
        assert_int_equal(run_heard(works[i], &l), TIMBRE_CANCELLED);
        assert_int_equal(l.n_after_stop, 0);
    }
}

/* The networks of tiny-like shape, their weights only looked at. */
static void load_shapes(networks *all)
{
    networks_configure(all, "tiny");
    for (int network = 0; network < TB_NETWORK_COUNT; network++) {
        char path[4096];
        tb_error err = {0};
        networks_path(all, (tb_network)network, path, sizeof path);
        assert_int_equal(networks_try_load(all, (tb_network)network, path, true, &err), TIMBRE_OK);
    }
}

/* What a pass needs is known before anything is loaded, and is what it then reserves. */
static void test_measure(void **state)
{
    (void)state;
    networks shapes;
    tb_error err = {0};
    tb_unet_context *shape = NULL;
    load_shapes(&shapes);
    assert_int_equal(tb_unet_context_shape(shapes.unet, N, N_TOKENS, &shape, &err), TIMBRE_OK);
    job dry = {.all = &shapes, .context = shape};
    for (int i = 0; i < N_WORKS; i++) {
        tb_nn nn;
        tb_nn_init(&nn, m.kernels, m.pool);
        size_t n_bytes = tb_nn_measure(&nn, works[i], &dry);
        assert_int_equal(tb_nn_reserve(&nn, works[i], &the_job, &err), TIMBRE_OK);
        assert_int_equal(n_bytes, sizeof(float) * (nn.n_floats + 2 * nn.scratch_floats));
        assert_int_equal(tb_nn_run(&nn, works[i], &the_job, NULL, &err), TIMBRE_OK);
        tb_nn_deinit(&nn);
    }
    tb_unet_context_free(shape);
    networks_free(&shapes);
}

static void test_context_sizes(void **state)
{
    (void)state;
    static const int sizes[][2] = {{0, 77}, {2, 0}, {-1, 77}, {INT32_MAX, INT32_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tb_unet_context *c = NULL;
        tb_error err = {0};
        assert_int_equal(tb_unet_context_shape(tiny.unet, sizes[i][0], sizes[i][1], &c, &err),
                         TIMBRE_BAD_INPUT);
        assert_null(c);
    }
}

static void refuses(const networks *like, tb_network network, const char *path, const char *text)
{
    networks all = *like;
    tb_error err = {0};
    all.text = NULL;
    all.unet = NULL;
    all.vae = NULL;
    assert_int_equal(networks_try_load(&all, network, path, false, &err), TIMBRE_BAD_FILE);
    if (strstr(err.message, text) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, text);
    assert_true(all.text == NULL && all.unet == NULL && all.vae == NULL);
}

static void test_other_shapes(void **state)
{
    (void)state;
    char path[4096];
    networks other = tiny;
    other.text_config.mlp_width++;
    networks_path(&tiny, TB_NETWORK_TEXT, path, sizeof path);
    refuses(&other, TB_NETWORK_TEXT, path, "mlp.fc1");
    other.unet_config.cross_width++;
    networks_path(&tiny, TB_NETWORK_UNET, path, sizeof path);
    refuses(&other, TB_NETWORK_UNET, path, "attn2.to_k");
    other.vae_config.layers_per_block++;
    networks_path(&tiny, TB_NETWORK_VAE, path, sizeof path);
    refuses(&other, TB_NETWORK_VAE, path, "missing");
}

/* More skip connections than the plan of the activations has room for. */
static void test_too_deep(void **state)
{
    (void)state;
    char path[4096];
    networks other = tiny;
    other.unet_config.layers_per_block[0] = 200;
    networks_path(&tiny, TB_NETWORK_UNET, path, sizeof path);
    refuses(&other, TB_NETWORK_UNET, path, "skip connections exceed 96");
}

/* Where the first two values of a tensor are in its file's bytes. */
static char *find(char *bytes, size_t len_bytes, const void *data)
{
    const size_t n = 2 * sizeof(float);
    size_t at = 0;
    while (at + n <= len_bytes && memcmp(bytes + at, data, n) != 0)
        at++;
    assert_true(at + n <= len_bytes);
    return bytes + at;
}

/* One value that is not a number, in the middle of a file. */
static void test_not_finite(void **state)
{
    (void)state;
    static const char *const names[] = {"text_model.encoder.layers.1.layer_norm2.weight",
                                        "up_blocks.1.resnets.0.conv1.weight",
                                        "decoder.mid_block.attentions.0.to_v.bias"};
    for (int network = 0; network < TB_NETWORK_COUNT; network++) {
        char path[4096], *bytes = NULL;
        size_t len_bytes;
        tb_error err = {0};
        tb_weights *weights = NULL;
        networks_path(&tiny, (tb_network)network, path, sizeof path);
        assert_int_equal(tb_file_read(path, FILE_MAX_BYTES, &bytes, &len_bytes, &err), TIMBRE_OK);
        assert_int_equal(tb_weights_open(path, &weights, &err), TIMBRE_OK);
        const tb_tensor *tensor = tb_weights_find(weights, names[network]);
        assert_non_null(tensor);
        memset(find(bytes, len_bytes, tensor->data) + sizeof(float), 0xff, sizeof(float));
        tb_weights_close(weights);
        char changed[] = "/tmp/timbre-test-XXXXXX";
        int fd = mkstemp(changed);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, len_bytes), len_bytes);
        close(fd);
        free(bytes);
        refuses(&tiny, (tb_network)network, changed, names[network]);
        unlink(changed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress),     cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_measure),      cmocka_unit_test(test_context_sizes),
        cmocka_unit_test(test_other_shapes), cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
