/*
 * Every variant of the network's kernels gives the bits of `ref`, on random shapes and on extreme
 * numbers, and writes nothing outside of its output; and these bits are the same whatever compiler
 * and processor: the digests are committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/kernels/table.h"
#include "network_cases.h"

enum { N_DRAWS = 60, N_HASHED = 24, FLOATS = CASE_FLOATS + 64 };

static const char *const variants[] = {"ref", "avx2", "avx512", "neon"};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

/* NULL: not of this machine */
static const tb_network_kernels *network_of(const char *variant)
{
    const tb_kernels *kernels;
    return tb_kernels_choose(variant, &kernels, NULL) == TIMBRE_OK ? kernels->network : NULL;
}

/* What outputs hold before a run: guard, then numbers; owned. */
static float *new_start(uint64_t seed, case_values values)
{
    float *start = malloc(sizeof *start * FLOATS);
    assert_non_null(start);
    memset(start, 0x55, sizeof *start * FLOATS);
    case_fill(start + 1, CASE_FLOATS, seed, values);
    return start;
}

static bool is_output(const case_inputs *in, size_t at, size_t i)
{
    return i >= at && i - at < (size_t)in->n_rows * in->ld && (i - at) % in->ld < (size_t)in->width;
}

/* What stands there after a run; all NaN are one. Owned. */
static float *run_case(const network_case *c, const char *variant, const case_inputs *in,
                       const float *start, size_t at)
{
    float *out = malloc(sizeof *out * FLOATS);
    assert_non_null(out);
    memcpy(out, start, sizeof *out * FLOATS);
    c->run(network_of(variant), out + at, in);
    for (size_t i = 0; i < FLOATS; i++)
        if (!is_output(in, at, i) && memcmp(&start[i], &out[i], sizeof *out) != 0)
            fail_msg("%s of %s writes outside", c->name, variant);
    case_join_nans(out, FLOATS);
    return out;
}

/* Each variant against ref. */
static void check_case(const network_case *c, uint64_t seed, case_values values)
{
    case_inputs *in = case_inputs_new(c, seed, values);
    assert_non_null(in);
    size_t at = 1 + seed % 31;
    float *start = new_start(seed, values), *expected = run_case(c, "ref", in, start, at);
    for (int v = 1; v < N_VARIANTS; v++) {
        if (network_of(variants[v]) == NULL)
            continue;
        float *out = run_case(c, variants[v], in, start, at);
        if (memcmp(out, expected, sizeof *out * FLOATS) != 0)
            fail_msg("%s of %s differs from ref: seed %llu, %d x %d, depth %d", c->name,
                     variants[v], (unsigned long long)seed, in->n_rows, in->width, in->depth);
        free(out);
    }
    free(expected);
    free(start);
    case_inputs_free(in);
}

static void variants_give_the_bits_of_ref(void **state)
{
    (void)state;
    for (int i = 0; i < n_network_cases; i++)
        for (uint64_t k = 0; k < N_DRAWS; k++)
            check_case(&network_cases[i], tb_random_at(11, k), CASE_NOISE);
}

static void extremes_give_the_bits_of_ref(void **state)
{
    (void)state;
    for (int i = 0; i < n_network_cases; i++)
        for (uint64_t k = 0; k < N_DRAWS; k++)
            check_case(&network_cases[i], tb_random_at(12, k), CASE_EXTREMES);
}

/* Writes over the input are the same as elsewhere. */
static void check_in_place(const network_case *c, const char *variant, uint64_t seed)
{
    case_inputs *in = case_inputs_new(c, seed, CASE_NOISE);
    assert_non_null(in);
    float *apart = malloc(sizeof *apart * CASE_FLOATS);
    assert_non_null(apart);
    memcpy(apart, in->a, sizeof *apart * CASE_FLOATS);
    c->run(network_of(variant), apart, in);
    c->run(network_of(variant), in->a, in);
    if (memcmp(apart, in->a, sizeof *apart * CASE_FLOATS) != 0)
        fail_msg("%s of %s differs in place", c->name, variant);
    free(apart);
    case_inputs_free(in);
}

static void outputs_may_be_inputs(void **state)
{
    (void)state;
    for (int i = 0; i < n_network_cases; i++)
        for (int v = 0; v < N_VARIANTS; v++)
            for (uint64_t k = 0; k < 10; k++)
                if (network_cases[i].is_map && network_of(variants[v]) != NULL)
                    check_in_place(&network_cases[i], variants[v], tb_random_at(13, k));
}

/* Half of the inputs are noise, half extremes. */
static void hash_case(const network_case *c, const char *variant, char hex[TB_SHA256_HEX_BYTES])
{
    tb_sha256 hash;
    assert_int_equal(tb_sha256_init(&hash, NULL), TIMBRE_OK);
    for (uint64_t k = 0; k < N_HASHED; k++) {
        uint64_t seed = tb_random_at(14, k);
        case_values values = k % 2 == 0 ? CASE_NOISE : CASE_EXTREMES;
        case_inputs *in = case_inputs_new(c, seed, values);
        assert_non_null(in);
        float *start = new_start(seed, values), *out = run_case(c, variant, in, start, 1);
        assert_int_equal(tb_sha256_add(&hash, out, sizeof *out * FLOATS, NULL), TIMBRE_OK);
        free(start);
        free(out);
        case_inputs_free(in);
    }
    assert_int_equal(tb_sha256_finish(&hash, hex, NULL), TIMBRE_OK);
    tb_sha256_deinit(&hash);
}

static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    int n_wrong = 0;
    for (int i = 0; i < n_network_cases; i++)
        for (int v = 0; v < N_VARIANTS; v++) {
            char hex[TB_SHA256_HEX_BYTES];
            if (network_of(variants[v]) == NULL)
                continue;
            hash_case(&network_cases[i], variants[v], hex);
            if (strcmp(hex, network_cases[i].digest) != 0)
                print_message("# %s of %s: %s\n", network_cases[i].name, variants[v], hex);
            n_wrong += strcmp(hex, network_cases[i].digest) != 0;
        }
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_give_the_bits_of_ref),
        cmocka_unit_test(extremes_give_the_bits_of_ref),
        cmocka_unit_test(outputs_may_be_inputs),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
