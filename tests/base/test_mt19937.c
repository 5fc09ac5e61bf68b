/* The Mersenne Twister against what numpy 1.24's legacy generator gives for the same seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/mt19937.h"

static void words_are_those_of_the_reference(void **state)
{
    (void)state;
    static const struct {
        uint32_t seed, words[4];
    } rows[] = {
        {42, {1608637542, 3421126067, 4083286876, 787846414}},
        {5489, {3499211612, 581869302, 3890346734, 3586334585}}, /* the authors' own default */
    };
    for (unsigned r = 0; r < sizeof rows / sizeof *rows; r++) {
        tb_mt19937 mt;
        tb_mt19937_init(&mt, rows[r].seed);
        for (int i = 0; i < 4; i++)
            assert_int_equal(tb_mt19937_next(&mt), rows[r].words[i]);
    }
}

/* C++ requires this value of every std::mt19937: it covers many refills of the state. */
static void the_ten_thousandth_word_is_the_standards(void **state)
{
    (void)state;
    tb_mt19937 mt;
    tb_mt19937_init(&mt, 5489);
    uint32_t word = 0;
    for (int i = 0; i < 10000; i++)
        word = tb_mt19937_next(&mt);
    assert_int_equal(word, 4123659995U);
}

/* np.random.seed(SEED); [np.random.randint(0, N) for _ in range(4)] */
static void bounded_draws_are_numpys(void **state)
{
    (void)state;
    static const struct {
        uint32_t seed;
        uint64_t n;
        uint32_t draws[4];
    } rows[] = {
        {42, 116039, {15795, 860, 103694, 110268}},
        {0U, 2ULL, {0U, 1U, 1U, 0U}},
        {0U, 3ULL, {0U, 1U, 0U, 1U}},
        {7U, 1000ULL, {175U, 196U, 537U, 502U}},
        {4294967295U, 65537ULL, {27043U, 16674U, 44103U, 14260U}},
        {123456789U, 2147483649ULL, {56498137U, 580305671U, 1103802106U, 270305491U}},
        {42U, 4294967296ULL, {1608637542U, 3421126067U, 4083286876U, 787846414U}},
    };
    for (unsigned r = 0; r < sizeof rows / sizeof *rows; r++) {
        tb_mt19937 mt;
        tb_mt19937_init(&mt, rows[r].seed);
        for (int i = 0; i < 4; i++)
            assert_int_equal(tb_mt19937_below(&mt, rows[r].n), rows[r].draws[i]);
    }
}

/* numpy draws no word when there is one choice; the next draw shows it. */
static void one_choice_draws_nothing(void **state)
{
    (void)state;
    tb_mt19937 mt;
    tb_mt19937_init(&mt, 42);
    assert_int_equal(tb_mt19937_below(&mt, 1), 0);
    assert_int_equal(tb_mt19937_next(&mt), 1608637542);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_the_reference),
        cmocka_unit_test(the_ten_thousandth_word_is_the_standards),
        cmocka_unit_test(bounded_draws_are_numpys),
        cmocka_unit_test(one_choice_draws_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
