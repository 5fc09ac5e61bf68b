/* exp, log, sin and cos against correctly rounded values by mpmath (tests/data/vectors/math.json).
 */
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
#include "engine/base/hash.h"
#include "engine/base/math.h"

enum { N_FUNCTIONS = 4, N_PAIRS = 400 };

static double vectors[N_FUNCTIONS][N_PAIRS][2];

static char *read_vector_file(const char *name, size_t *len)
{
    const char *dir = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(dir);
    char path[4096];
    snprintf(path, sizeof path, "%s/vectors/%s", dir, name);
    char *bytes = NULL;
    tb_error err = {0};
    assert_int_equal(tb_file_read(path, 1 << 20, &bytes, len, &err), TIMBRE_OK);
    return bytes;
}

static int load_vectors(void **state)
{
    (void)state;
    size_t len;
    char *bytes = read_vector_file("math.bin", &len);
    assert_int_equal(len, sizeof vectors);
    memcpy(vectors, bytes, sizeof vectors);
    free(bytes);
    return 0;
}

static void vectors_are_the_ones_described(void **state)
{
    (void)state;
    size_t len, json_len;
    char *bytes = read_vector_file("math.bin", &len);
    char *json = read_vector_file("math.json", &json_len);
    char hex[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_bytes(bytes, len, hex, NULL), TIMBRE_OK);
    assert_non_null(strstr(json, hex));
    free(bytes);
    free(json);
}

static double worst(int i_function, double (*fn)(double), int relative)
{
    double worst_error = 0;
    for (int i = 0; i < N_PAIRS; i++) {
        double x = vectors[i_function][i][0], want = vectors[i_function][i][1];
        double scale = relative ? fabs(want) : fmax(1, fabs(x) / 100);
        if (relative && fabs(want) < 0x1p-1022)
            scale = 0x1p-1022; /* subnormal: absolute */
        double error = scale == 0 ? fabs(fn(x) - want) : fabs(fn(x) - want) / scale;
        if (!(error <= worst_error))
            worst_error = error;
    }
    return worst_error;
}

static void exp_is_within_4e16(void **state)
{
    (void)state;
    assert_true(worst(0, tb_exp, 1) <= 4e-16);
}

static void log_is_within_4e16(void **state)
{
    (void)state;
    assert_true(worst(1, tb_log, 1) <= 4e-16);
}

static void sin_and_cos_are_within_2e16(void **state)
{
    (void)state;
    assert_true(worst(2, tb_sin, 0) <= 2e-16);
    assert_true(worst(3, tb_cos, 0) <= 2e-16);
}

static void edges_follow_ieee(void **state)
{
    (void)state;
    assert_true(isinf(tb_exp(1000)) && tb_exp(-1000) == 0 && isnan(tb_exp(NAN)));
    assert_true(isinf(tb_log(0)) && tb_log(0) < 0 && isnan(tb_log(-1)) && isinf(tb_log(INFINITY)));
    assert_true(tb_exp(0) == 1 && tb_log(1) == 0 && tb_sin(0) == 0 && tb_cos(0) == 1);
    assert_true(isnan(tb_sin(INFINITY)) && isnan(tb_cos(NAN)));
    assert_true(fabs(tb_db_to_gain(-6.020599913279624) - 0.5) < 1e-15);
    assert_true(fabs(tb_gain_to_db(10) - 20) < 1e-13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_the_ones_described),
        cmocka_unit_test(exp_is_within_4e16),
        cmocka_unit_test(log_is_within_4e16),
        cmocka_unit_test(sin_and_cos_are_within_2e16),
        cmocka_unit_test(edges_follow_ieee),
    };
    return cmocka_run_group_tests(tests, load_vectors, NULL);
}
