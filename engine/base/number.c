#include "engine/base/number.h"

#include <locale.h>
#include <stddef.h>
#include <stdlib.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

bool tb_number_parse(const char *text, double *out)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0)
        return false;
    locale_t before = uselocale(c); /* of this thread only */
    char *end;
    *out = strtod(text, &end);
    (void)uselocale(before);
    freelocale(c);
    return end != text && *end == '\0';
}
