#include "worker/journal.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/str.h"

static const char *const level_names[] = {"debug", "info", "warning", "error"};

/* A value of logfmt: bare where nothing in it needs quotes. */
static void append_text(tb_str *line, const char *text)
{
    bool is_bare = text[0] != '\0';
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        is_bare = is_bare && *c > ' ' && *c != '"' && *c != '=' && *c != '\\' && *c < 127;
    if (is_bare) {
        tb_str_append(line, text);
        return;
    }
    tb_str_append(line, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            tb_str_appendf(line, "\\%c", *c);
        else if (*c < ' ' || *c == 127)
            tb_str_appendf(line, "\\x%02x", *c);
        else
            tb_str_append_bytes(line, c, 1);
    }
    tb_str_append(line, "\"");
}

static void append_number(tb_str *line, double x)
{
    if (x == floor(x) && fabs(x) < 1e15)
        tb_str_appendf(line, "%.0f", x);
    else
        tb_str_appendf(line, "%.4f", x);
}

static void format_text(tb_str *line, const char *now, const char *level, const char *event,
                        const tb_journal_field *fields)
{
    tb_str_appendf(line, "time=%s level=%s event=", now, level);
    append_text(line, event);
    for (const tb_journal_field *f = fields; f != NULL && f->name != NULL; f++) {
        tb_str_appendf(line, " %s=", f->name);
        if (f->text != NULL)
            append_text(line, f->text);
        else
            append_number(line, f->number);
    }
}

static void format_json(tb_str *line, const char *now, const char *level, const char *event,
                        const tb_journal_field *fields)
{
    json_t *object = json_pack("{s:s, s:s, s:s}", "time", now, "level", level, "event", event);
    for (const tb_journal_field *f = fields; f != NULL && f->name != NULL && object != NULL; f++)
        (void)json_object_set_new(object, f->name,
                                  f->text != NULL ? json_string(f->text) : json_real(f->number));
    char *text = object == NULL ? NULL
                                : json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII |
                                                         JSON_REAL_PRECISION(6));
    json_decref(object);
    if (text != NULL)
        tb_str_append(line, text);
    free(text);
}

void tb_journal_write(const tb_journal *journal, timbre_log_level level, const char *event,
                      const tb_journal_field *fields)
{
    if (level < journal->min_level || journal->fd < 0)
        return;
    char now[21];
    tb_str line = {0};
    tb_clock_format_utc(time(NULL), now);
    (journal->is_json ? format_json : format_text)(&line, now, level_names[level], event, fields);
    tb_str_append(&line, "\n");
    if (!line.failed && line.len > 1)
        (void)!write(journal->fd, line.bytes, line.len);
    tb_str_deinit(&line);
}

void tb_journal_error(const tb_journal *journal, const char *event, const char *job_id,
                      const tb_error *err)
{
    tb_journal_field fields[4] = {{"code", timbre_status_name(err->code), 0},
                                  {"message", err->message, 0}};
    if (job_id != NULL)
        fields[2] = (tb_journal_field){"job", job_id, 0};
    tb_journal_write(journal, TIMBRE_LOG_ERROR, event, fields);
}
