/*
 * Text from outside on its way out: prompts, file names and what stands in files may hold anything,
 * and shall neither steer a terminal nor break a line nor make a JSON answer impossible.
 */
#ifndef TB_CLI_TEXT_H
#define TB_CLI_TEXT_H

#include <stdio.h>

struct json_t;

/*
 * Write `text` as one line without its end. Line breaks and tabs become blanks; what else would
 * steer a terminal or change the order of letters (C0 and C1 controls, marks for the direction of
 * writing) and broken UTF-8 become '?'.
 */
void tb_print_clean(FILE *out, const char *text);

/* A JSON string; bytes that are no UTF-8 become U+FFFD. New reference, NULL for memory. */
struct json_t *tb_text_to_json(const char *text);

#endif
