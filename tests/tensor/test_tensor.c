/* Values of tensors: exactly those that PyTorch reads out of its own files, in every form, type and
 * order of elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "tests/tensor/bytes.h"

static float read_one(tb_dtype dtype, const void *data)
{
    tb_tensor tensor = {.dtype = dtype, .n_elements = 1, .data = data};
    float value = -1;
    tb_tensor_read(&tensor, 0, 1, &value);
    return value;
}

static void every_half_is_widened_exactly(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        uint16_t half = (uint16_t)bits;
        int exponent = half >> 10 & 31, mantissa = half & 1023;
        double sign = half & 0x8000 ? -1 : 1;
        double want = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
        float got = read_one(TB_DTYPE_F16, &half);
        if (exponent == 31 && mantissa != 0)
            assert_true(isnan(got));
        else if (exponent == 31)
            assert_true(got == (float)(sign * HUGE_VAL));
        else
            assert_true((double)got == sign * want && (signbit(got) != 0) == (sign < 0));
    }
}

static void every_bfloat_is_the_upper_half_of_a_float(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        uint16_t half = (uint16_t)bits;
        uint32_t back, want = bits << 16;
        float got = read_one(TB_DTYPE_BF16, &half);
        memcpy(&back, &got, sizeof back);
        assert_int_equal(back, want);
    }
}

static void doubles_and_integers_are_rounded_once(void **state)
{
    (void)state;
    double third = 1.0 / 3;
    int64_t large = (INT64_C(1) << 24) + 1;
    assert_true(read_one(TB_DTYPE_F64, &third) == (float)(1.0 / 3));
    assert_true(read_one(TB_DTYPE_I64, &large) == 0x1p24f);
}

/* Any part of a tensor of any strides is what stands at those indexes, from any address. */
static void parts_of_views_are_read(void **state)
{
    (void)state;
    enum { N = 2 * 3 * 5 * 7 };
    static unsigned char bytes[4 * N + 1];
    float numbers[N], out[N];
    for (int i = 0; i < N; i++)
        numbers[i] = (float)i;
    memcpy(bytes + 1, numbers, sizeof numbers);
    /* [7, 2, 5, 3] of [2, 3, 5, 7]: element (a, b, c, d) is (b, d, c, a) */
    tb_tensor view = {.rank = 4,
                      .shape = {7, 2, 5, 3},
                      .stride = {1, 105, 7, 35},
                      .n_elements = N,
                      .data = bytes + 1};
    assert_false(tb_tensor_is_contiguous(&view));
    for (int at = 0; at < N; at++)
        for (int n = 0; at + n <= N; n += 13) {
            tb_tensor_read(&view, at, n, out);
            for (int i = 0; i < n; i++) {
                int e = at + i, d = e % 3, c = e / 3 % 5, b = e / 15 % 2, a = e / 30;
                assert_true(out[i] == (float)(a + 7 * c + 35 * d + 105 * b));
            }
        }
    tb_tensor whole = {.rank = 4,
                       .shape = {2, 3, 1, 35},
                       .stride = {105, 35, 999, 1},
                       .n_elements = N,
                       .data = bytes + 1};
    assert_true(tb_tensor_is_contiguous(&whole));
    tb_tensor_read(&whole, 4, 100, out);
    assert_true(out[0] == 4 && out[99] == 103);
}

static void shapes_are_shown_and_cut(void **state)
{
    (void)state;
    static const int64_t shape[] = {320, 4, 3, 3};
    char text[64], small[8];
    tb_shape_format(shape, 4, text, sizeof text);
    assert_string_equal(text, "[320, 4, 3, 3]");
    tb_shape_format(shape, 0, text, sizeof text);
    assert_string_equal(text, "[]");
    tb_shape_format(shape, 4, small, sizeof small);
    assert_string_equal(small, "[320, 4");
}

/* One line of tensor_values.txt: NAME|[SHAPE]|HEX HEX ... */
static void assert_as_torch_says(const tb_tensor *tensor, char *line)
{
    char *rest = line, *name = strsep(&rest, "|"), *shape = strsep(&rest, "|"), text[100];
    assert_string_equal(tensor->name, name);
    tb_shape_format(tensor->shape, tensor->rank, text, sizeof text);
    assert_string_equal(text, shape);
    float *values = malloc((size_t)(tensor->n_elements + 1) * sizeof *values);
    assert_non_null(values);
    tb_tensor_read(tensor, 0, tensor->n_elements, values);
    for (int64_t i = 0; i < tensor->n_elements; i++) {
        char *end;
        float want = strtof(rest, &end);
        assert_true(end != rest && values[i] == want);
        rest = end;
    }
    assert_string_equal(rest, "");
    free(values);
}

static void assert_file_as_torch_says(const char *name, const char *format)
{
    enum { MAX_BYTES = 1 << 20 };
    char path[64], *text = NULL, *rest, *line;
    size_t len, n = 0;
    tb_weights *weights = NULL;
    tb_error err = {0};
    snprintf(path, sizeof path, "vectors/tensor_%s", name);
    assert_int_equal(
        tb_file_read(data_path("vectors/tensor_values.txt"), MAX_BYTES, &text, &len, &err),
        TIMBRE_OK);
    if (tb_weights_open(data_path(path), &weights, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_string_equal(tb_weights_format(weights), format);
    rest = text;
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        assert_true(n < tb_weights_count(weights));
        assert_as_torch_says(tb_weights_at(weights, n++), line);
    }
    assert_int_equal(n, 17);
    assert_int_equal(tb_weights_count(weights), n);
    free(text);
    tb_weights_close(weights);
}

static void all_forms_have_the_values_that_torch_reads(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"plain.zip", "PyTorch zip"},          {"plain.legacy", "PyTorch legacy"},
        {"plain.safetensors", "safetensors"},  {"training2.zip", "PyTorch zip"},
        {"training4.zip", "PyTorch zip"},      {"training2.legacy", "PyTorch legacy"},
        {"training4.legacy", "PyTorch legacy"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_file_as_torch_says(files[i][0], files[i][1]);
}

static void a_pickled_module_is_not_executed(void **state)
{
    (void)state;
    tb_weights *weights;
    tb_error err = {0};
    assert_int_equal(tb_weights_open(data_path("vectors/tensor_module.zip"), &weights, &err),
                     TIMBRE_BAD_FILE);
    assert_null(weights);
    assert_says(&err, "tensor_module.zip|torch.nn.modules.linear.Linear|never executed");
}

static void weights_are_found_by_name_and_let_go(void **state)
{
    (void)state;
    tb_weights *weights;
    tb_error err = {0};
    float before[30], after[30];
    int64_t len_bytes = 0;
    assert_int_equal(tb_weights_open(data_path("vectors/tensor_plain.safetensors"), &weights, &err),
                     TIMBRE_OK);
    assert_string_equal(tb_weights_metadata(weights, "a key"), "a value");
    assert_null(tb_weights_metadata(weights, "no key"));
    assert_null(tb_weights_find(weights, "a.weigh"));
    const tb_tensor *tensor = tb_weights_find(weights, "a.weight");
    assert_non_null(tensor);
    assert_int_equal(tensor->n_elements, 30);
    tb_tensor_read(tensor, 0, 30, before);
    for (size_t i = 0; i < tb_weights_count(weights); i++)
        tb_weights_let_go(tb_weights_at(weights, i));
    tb_tensor_read(tensor, 0, 30, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(tb_weights_n_files(weights), 1);
    assert_non_null(strstr(tb_weights_file(weights, 0, &len_bytes), "tensor_plain.safetensors"));
    assert_true(len_bytes > 1000);
    tb_weights_close(weights);
    tb_weights_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_is_widened_exactly),
        cmocka_unit_test(every_bfloat_is_the_upper_half_of_a_float),
        cmocka_unit_test(doubles_and_integers_are_rounded_once),
        cmocka_unit_test(parts_of_views_are_read),
        cmocka_unit_test(shapes_are_shown_and_cut),
        cmocka_unit_test(all_forms_have_the_values_that_torch_reads),
        cmocka_unit_test(a_pickled_module_is_not_executed),
        cmocka_unit_test(weights_are_found_by_name_and_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
