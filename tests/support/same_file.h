/* Two files have the same bytes. */
#ifndef TESTS_SUPPORT_SAME_FILE_H
#define TESTS_SUPPORT_SAME_FILE_H

#include <string.h>

#include "engine/base/hash.h"

static inline void assert_same_file(const char *a, const char *b)
{
    char of_a[TB_SHA256_HEX_BYTES], of_b[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_file(a, of_a, NULL), TIMBRE_OK);
    assert_int_equal(tb_sha256_file(b, of_b, NULL), TIMBRE_OK);
    if (strcmp(of_a, of_b) != 0)
        fail_msg("%s and %s are not the same", a, b);
}

#endif
