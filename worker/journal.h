/*
 * The worker's journal: one line an event on standard error, as text (logfmt) or JSON. Prompts
 * stand only in lines of level debug.
 */
#ifndef TB_WORKER_JOURNAL_H
#define TB_WORKER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "timbre/log.h"

typedef struct tb_journal {
    int fd;
    bool is_json;
    timbre_log_level min_level;
} tb_journal;

enum { TB_JOURNAL_FIELDS_MAX = 10 };

typedef struct tb_journal_field {
    const char *name; /* NULL ends the list */
    const char *text; /* NULL: `number` */
    double number;
} tb_journal_field;

/*
 * One event: level, "what happened" and named fields, such as
 *     tb_journal_write(j, TIMBRE_LOG_INFO, "job succeeded",
 *                      (tb_journal_field[]){{"job", id}, {"seconds", NULL, s}, {0}});
 * Written with one write(2): lines of several threads stay whole. `fields` NULL: none.
 */
void tb_journal_write(const tb_journal *journal, timbre_log_level level, const char *event,
                      const tb_journal_field *fields);
/* An error with its code and message. */
void tb_journal_error(const tb_journal *journal, const char *event, const char *job_id,
                      const tb_error *err);

#endif
