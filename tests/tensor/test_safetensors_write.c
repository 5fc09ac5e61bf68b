/* Tensors written as safetensors and read again; halves beside every float that decides one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/limits.h"
#include "engine/tensor/safetensors_write.h"
#include "tests/support/folder.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- halves ---- */

static float widened(uint16_t half)
{
    tb_tensor t = {.dtype = TB_DTYPE_F16, .n_elements = 1, .data = &half};
    float value;
    tb_tensor_read(&t, 0, 1, &value);
    return value;
}

static void every_half_survives(void **state)
{
    (void)state;
    for (uint32_t half = 0; half <= 0xffff; half++)
        if (tb_half_of_float(widened((uint16_t)half)) != half)
            fail_msg("0x%04x becomes 0x%04x", half, tb_half_of_float(widened((uint16_t)half)));
}

/* Between two neighbours the nearer one is taken, half way the even one. */
static void the_nearest_half_is_taken(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7bff; half++) {
        uint16_t next = (uint16_t)(half + 1), even = half % 2 == 0 ? half : next;
        float middle = (widened(half) + widened(next)) / 2; /* exact */
        assert_int_equal(tb_half_of_float(middle), even);
        assert_int_equal(tb_half_of_float(nextafterf(middle, 0)), half);
        assert_int_equal(tb_half_of_float(nextafterf(middle, INFINITY)), next);
        assert_int_equal(tb_half_of_float(-middle), even | 0x8000);
    }
}

/* numpy 1.24, numpy.float32(x).astype(numpy.float16).view(numpy.uint16), and PyTorch 1.13, half()
 */
static void halves_are_numpys(void **state)
{
    (void)state;
    static const struct {
        float value;
        uint16_t half;
    } rows[] = {
        {0.0F, 0x0000},       {-0.0F, 0x8000},       {1.0F, 0x3c00},
        {0.1F, 0x2e66},       {-3.14159F, 0xc248},   {65504.0F, 0x7bff},
        {65519.996F, 0x7bff}, {65520.0F, 0x7c00},    {1e30F, 0x7c00},
        {0x1p-24F, 0x0001},   {0x1p-25F, 0x0000},    {0x1.000002p-25F, 0x0001},
        {0x1.8p-24F, 0x0002}, {0x1p-14F, 0x0400},    {0x1.ffdp-15F, 0x0400},
        {1e-40F, 0x0000},     {1.0F / 3.0F, 0x3555}, {2049.0F, 0x6800},
        {2051.0F, 0x6802},    {-INFINITY, 0xfc00},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (tb_half_of_float(rows[i].value) != rows[i].half)
            fail_msg("%g becomes 0x%04x, not 0x%04x", (double)rows[i].value,
                     tb_half_of_float(rows[i].value), rows[i].half);
    assert_int_equal(tb_half_of_float(NAN) & 0x7c00, 0x7c00);
    assert_int_not_equal(tb_half_of_float(NAN) & 0x03ff, 0);
}

/* ---- files ---- */

static tb_tensor vector_of(const char *name, tb_dtype dtype, int64_t n, const void *data)
{
    return (tb_tensor){.name = name,
                       .dtype = dtype,
                       .rank = 1,
                       .shape = {n},
                       .stride = {1},
                       .n_elements = n,
                       .data = data};
}

static tb_safetensors_tensor as_it_is(const tb_tensor *source)
{
    tb_safetensors_tensor t = {source->name, source, source->dtype, source->rank, {0}};
    memcpy(t.shape, source->shape, sizeof t.shape);
    return t;
}

static tb_status plan_of(tb_safetensors_plan *plan, tb_safetensors_tensor *tensors, size_t n,
                         tb_error *err)
{
    json_t *metadata = json_pack("{s:s, s:s}", "format", "pt", "from", "a test");
    tb_status st = tb_safetensors_plan_init(plan, tensors, n, metadata, err);
    json_decref(metadata);
    return st;
}

/* The file "x.safetensors"; its hash. */
static tb_status write_file(tb_safetensors_tensor *tensors, size_t n, const tb_progress *progress,
                            char sha256[TB_SHA256_HEX_BYTES], tb_error *err)
{
    tb_safetensors_plan plan;
    tb_file_writer w = {.fd = -1};
    tb_status st = plan_of(&plan, tensors, n, err);
    if (st == TIMBRE_OK)
        st = tb_file_begin(&w, "x.safetensors", err);
    if (st == TIMBRE_OK)
        st = tb_safetensors_append(&plan, &w, progress, sha256, err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&w, true, err);
    tb_file_abort(&w);
    tb_safetensors_plan_deinit(&plan);
    return st;
}

static tb_weights *write_ok(tb_safetensors_tensor *tensors, size_t n)
{
    char said[TB_SHA256_HEX_BYTES], is[TB_SHA256_HEX_BYTES];
    tb_error err = {0};
    tb_weights *weights = NULL;
    if (write_file(tensors, n, NULL, said, &err) != TIMBRE_OK ||
        tb_weights_open("x.safetensors", &weights, &err) != TIMBRE_OK ||
        tb_sha256_file("x.safetensors", is, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_string_equal(said, is);
    assert_int_equal(tb_weights_count(weights), n);
    return weights;
}

static const unsigned char bytes[] = {1, 0, 1};
static const int64_t longs[] = {7, -1};
static const uint16_t halves[] = {0x3c00, 0xbc00, 0x7bff};
static const float floats[] = {1.5F, -2.0F, 0.25F, 3.0F, 1e-7F, 65519.0F};

/* Every type, of odd lengths, in names that sort otherwise. */
static void types_stay_and_are_aligned(void **state)
{
    (void)state;
    tb_tensor sources[] = {
        vector_of("c.flags", TB_DTYPE_BOOL, 3, bytes),
        vector_of("b.halves", TB_DTYPE_F16, 3, halves),
        vector_of("d.ids", TB_DTYPE_I64, 2, longs),
        vector_of("a.floats", TB_DTYPE_F32, 5, floats),
        vector_of("e.none", TB_DTYPE_F32, 0, floats),
    };
    tb_safetensors_tensor tensors[COUNT(sources)];
    for (size_t i = 0; i < COUNT(sources); i++)
        tensors[i] = as_it_is(&sources[i]);
    tb_weights *weights = write_ok(tensors, COUNT(sources));
    assert_string_equal(tb_weights_metadata(weights, "format"), "pt");
    assert_string_equal(tb_weights_metadata(weights, "from"), "a test");
    for (size_t i = 0; i < COUNT(sources); i++) {
        const tb_tensor *got = tb_weights_find(weights, sources[i].name);
        size_t size = tb_dtype_size(sources[i].dtype);
        assert_non_null(got);
        assert_int_equal(got->dtype, sources[i].dtype);
        assert_int_equal(got->n_elements, sources[i].n_elements);
        assert_memory_equal(got->data, sources[i].data, size * (size_t)got->n_elements);
        assert_int_equal((uintptr_t)got->data % size, 0);
    }
    tb_weights_close(weights);
}

/* To the byte: names in order, spaces up to a multiple of 8, wide elements first. */
static void the_file_is_this(void **state)
{
    (void)state;
    static const char want[] =
        "\xa0\0\0\0\0\0\0\0"
        "{\"__metadata__\":{\"format\":\"pt\",\"from\":\"a test\"},"
        "\"a\":{\"data_offsets\":[4,6],\"dtype\":\"F16\",\"shape\":[1]},"
        "\"b\":{\"data_offsets\":[0,4],\"dtype\":\"F32\",\"shape\":[]}}       "
        "\0\0\xc0\x3f\x00\x3c";
    tb_tensor a = vector_of("a", TB_DTYPE_F16, 1, halves),
              b = vector_of("b", TB_DTYPE_F32, 1, floats);
    b.rank = 0;
    tb_safetensors_tensor tensors[] = {as_it_is(&a), as_it_is(&b)};
    tb_weights_close(write_ok(tensors, 2));
    char *got;
    size_t len;
    assert_int_equal(tb_file_read("x.safetensors", 1 << 20, &got, &len, NULL), TIMBRE_OK);
    assert_int_equal(len % 8, 6);
    assert_int_equal((unsigned char)got[0] + 8 + 6, len);
    assert_int_equal(len, sizeof want - 1);
    assert_memory_equal(got, want, len);
    free(got);
}

/* [3, 2] of a [2, 3] that lies transposed. */
static void strides_are_straightened(void **state)
{
    (void)state;
    tb_tensor source = vector_of("t", TB_DTYPE_F32, 6, floats);
    source.rank = 2;
    memcpy(source.shape, (int64_t[]){3, 2}, 2 * sizeof(int64_t));
    memcpy(source.stride, (int64_t[]){1, 3}, 2 * sizeof(int64_t));
    tb_safetensors_tensor t = as_it_is(&source);
    static const int order[] = {0, 3, 1, 4, 2, 5};
    for (int turn = 0; turn < 2; turn++) { /* copied, then narrowed */
        tb_weights *weights = write_ok(&t, 1);
        float got[6];
        tb_tensor_read(tb_weights_at(weights, 0), 0, 6, got);
        for (int i = 0; i < 6; i++) {
            float want = floats[order[i]];
            assert_true(got[i] == (turn == 0 ? want : widened(tb_half_of_float(want))));
        }
        tb_weights_close(weights);
        t.dtype = TB_DTYPE_F16;
    }
}

static void wide_types_are_narrowed_and_widened(void **state)
{
    (void)state;
    static const double doubles[] = {0.1, -1e300, 3e-46};
    static const uint16_t brains[] = {0x3f80, 0xc040, 0x0001};
    tb_tensor d = vector_of("d", TB_DTYPE_F64, 1, doubles),
              b = vector_of("b", TB_DTYPE_BF16, 3, brains);
    tb_tensor h = vector_of("h", TB_DTYPE_F16, 3, halves);
    tb_safetensors_tensor tensors[] = {as_it_is(&d), as_it_is(&b), as_it_is(&h)};
    for (int i = 0; i < 3; i++)
        tensors[i].dtype = TB_DTYPE_F32;
    tb_weights *weights = write_ok(tensors, 3);
    const float *got = tb_weights_find(weights, "b")->data;
    assert_true(got[0] == 1.0F && got[1] == -3.0F && got[2] == 0x1p-133F);
    assert_true(*(const float *)tb_weights_find(weights, "d")->data == 0.1F);
    got = tb_weights_find(weights, "h")->data;
    assert_true(got[0] == 1.0F && got[1] == -1.0F && got[2] == 65504.0F);
    tb_weights_close(weights);
}

static void what_is_beyond_a_type_is_named(void **state)
{
    (void)state;
    static const float large[] = {1.0F, 65520.0F, 2.0F}, endless[] = {-INFINITY};
    static const double larger[] = {0.5, -1e300};
    tb_tensor sources[] = {vector_of("conv_in.weight", TB_DTYPE_F32, 3, large),
                           vector_of("conv_in.weight", TB_DTYPE_F32, 1, endless),
                           vector_of("conv_in.weight", TB_DTYPE_F64, 2, larger),
                           vector_of("conv_in.weight", TB_DTYPE_F64, 2, larger)};
    static const tb_dtype to[] = {TB_DTYPE_F16, TB_DTYPE_F16, TB_DTYPE_F16, TB_DTYPE_F32};
    static const char *const says[] = {"the value 65520,", "the value -inf,", "the value -1e+300,",
                                       "the value -1e+300,"};
    for (size_t i = 0; i < COUNT(sources); i++) {
        tb_safetensors_tensor t = as_it_is(&sources[i]);
        char sha256[TB_SHA256_HEX_BYTES];
        tb_error err = {0};
        t.dtype = to[i];
        (void)remove("x.safetensors");
        assert_int_equal(write_file(&t, 1, NULL, sha256, &err), TIMBRE_BAD_FILE);
        assert_non_null(strstr(err.message, "'conv_in.weight'"));
        assert_non_null(strstr(err.message, says[i]));
        assert_int_not_equal(access("x.safetensors", F_OK), 0);
    }
}

static void impossible_files_are_refused(void **state)
{
    (void)state;
    tb_tensor a = vector_of("a", TB_DTYPE_F32, 1, floats);
    tb_tensor m = vector_of("__metadata__", TB_DTYPE_F32, 1, floats);
    tb_tensor vast = vector_of("vast", TB_DTYPE_F32, (int64_t)1 << 61, floats);
    tb_tensor large = vector_of("large", TB_DTYPE_F32, (int64_t)1 << 34, floats);
    vast.stride[0] = large.stride[0] = 0;
    tb_safetensors_tensor twins[] = {as_it_is(&a), as_it_is(&a)}, meta = as_it_is(&m),
                          wide = as_it_is(&vast), both[] = {as_it_is(&a), as_it_is(&large)};
    const struct {
        tb_safetensors_tensor *tensors;
        size_t n;
        const char *says;
    } rows[] = {{twins, 2, "two things would be called 'a'"},
                {&meta, 1, "'__metadata__'"},
                {&wide, 1, "'vast'"},
                {both, 2, "more than 68719476736 bytes"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        tb_safetensors_plan plan;
        tb_error err = {0};
        tb_status st = plan_of(&plan, rows[i].tensors, rows[i].n, &err);
        if (st != TIMBRE_BAD_FILE || strstr(err.message, rows[i].says) == NULL)
            fail_msg("row %zu: '%s'", i, err.message);
        tb_safetensors_plan_deinit(&plan);
    }
}

/* More than one chunk: fractions rise to 1, and a stop leaves nothing. */
static double last_fraction;
static timbre_cancel stop;

static void watch(double fraction, void *user)
{
    assert_true(fraction > last_fraction && fraction <= 1);
    last_fraction = fraction;
    if (*(const double *)user <= fraction)
        timbre_cancel_request(&stop);
}

static void progress_is_told_and_may_stop(void **state)
{
    (void)state;
    int64_t n = 1000003;
    float *values = malloc((size_t)n * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < n; i++)
        values[i] = (float)i;
    tb_tensor source = vector_of("a", TB_DTYPE_F32, n, values);
    tb_safetensors_tensor t = as_it_is(&source);
    tb_progress progress = {.fn = watch, .user = &(double){2}, .cancel = &stop};
    char sha256[TB_SHA256_HEX_BYTES];
    last_fraction = 0;
    assert_int_equal(write_file(&t, 1, &progress, sha256, NULL), TIMBRE_OK);
    assert_true(last_fraction == 1);
    tb_weights *weights = NULL;
    assert_int_equal(tb_weights_open("x.safetensors", &weights, NULL), TIMBRE_OK);
    assert_memory_equal(tb_weights_at(weights, 0)->data, values, (size_t)n * sizeof *values);
    tb_weights_close(weights);
    (void)remove("x.safetensors");
    last_fraction = 0;
    progress.user = &(double){0.3};
    assert_int_equal(write_file(&t, 1, &progress, sha256, NULL), TIMBRE_CANCELLED);
    assert_true(last_fraction < 1);
    assert_int_not_equal(access("x.safetensors", F_OK), 0);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_survives),
        cmocka_unit_test(the_nearest_half_is_taken),
        cmocka_unit_test(halves_are_numpys),
        cmocka_unit_test(types_stay_and_are_aligned),
        cmocka_unit_test(the_file_is_this),
        cmocka_unit_test(strides_are_straightened),
        cmocka_unit_test(wide_types_are_narrowed_and_widened),
        cmocka_unit_test(what_is_beyond_a_type_is_named),
        cmocka_unit_test(impossible_files_are_refused),
        cmocka_unit_test(progress_is_told_and_may_stop),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
