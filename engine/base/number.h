/* Numbers in text, the same in every locale: a decimal comma of the host's does not matter. */
#ifndef TB_BASE_NUMBER_H
#define TB_BASE_NUMBER_H

#include <stdbool.h>

/* Whether the whole of `text` is a number as C writes it ("5", "0.25", "1e3", "nan"); its value,
 * correctly rounded, in *out. */
bool tb_number_parse(const char *text, double *out);

#endif
