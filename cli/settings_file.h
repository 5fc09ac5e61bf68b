/*
 * The settings file as text: read with line numbers, edited so that comments and order stay. Knows
 * INI, not which keys exist.
 */
#ifndef TB_CLI_SETTINGS_FILE_H
#define TB_CLI_SETTINGS_FILE_H

#include <stddef.h>

#include "engine/base/error.h"

typedef void (*tb_settings_entry_fn)(const char *section, const char *name, const char *value,
                                     int line, void *user);

/* Call fn for each "name = value". BAD_INPUT with file and line for what is no INI. The null device
 * is an empty file. */
TB_MUST_USE tb_status tb_settings_file_read(const char *path, tb_settings_entry_fn fn, void *user,
                                            tb_error *err);

/* Make `text` the contents of the file. A link is kept and the file that it names written, there
 * or not; an existing file keeps its mode. Missing folders are made. */
TB_MUST_USE tb_status tb_settings_file_write(const char *path, const char *text, tb_error *err);

/* As tb_settings_file_read, over text in memory; `path` is for the messages. */
TB_MUST_USE tb_status tb_settings_text_read(const char *path, const char *text, size_t len_bytes,
                                            tb_settings_entry_fn fn, void *user, tb_error *err);

/* Whether `value` comes back as it is after it was written to a file. */
TB_MUST_USE tb_status tb_settings_value_check(const char *value, tb_error *err);

/* `text` with section.name = value, or without it when value is NULL. Returns owned (free) or NULL
 * for memory. */
char *tb_settings_text_edit(const char *text, const char *section, const char *name,
                            const char *value);

#endif
