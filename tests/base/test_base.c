/* Arena, strings and status: the small things that everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/arena.h"

static void arena_refuses_products_that_wrap(void **state)
{
    (void)state;
    tb_arena a;
    tb_arena_init(&a, 0);
    assert_null(tb_arena_push(&a, SIZE_MAX / 2, 4));
    assert_non_null(tb_arena_push(&a, 3, 4));
    tb_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_refuses_products_that_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
