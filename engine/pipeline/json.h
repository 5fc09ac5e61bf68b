/* How Timbre writes JSON: compact, ASCII, members in the order they were set. */
#ifndef TB_PIPELINE_JSON_H
#define TB_PIPELINE_JSON_H

#include <jansson.h>

/* The text of `j` (owned: free); NULL for memory or when j is NULL. 15 digits: every number we
 * store has at most six decimals and survives. */
char *tb_json_format(const json_t *j);

/* A level in dB for people: one decimal more than they can hear. New; NULL for memory. */
json_t *tb_json_level(double db);

#endif
