/* Where things are: settings, Timbre's data, takes. XDG paths on every system, macOS included. */
#ifndef TB_CLI_PATHS_H
#define TB_CLI_PATHS_H

#include <stdbool.h>

#include "engine/base/error.h"

/* All results are owned (free). */

/* $XDG_CONFIG_HOME/timbre/config.ini; NULL when there is no home folder. */
char *tb_path_user_settings(void);
/* The first of $XDG_CONFIG_DIRS (default /etc/xdg) that has timbre/config.ini; NULL when none has.
 */
char *tb_path_system_settings(void);
/* `flag`, else TIMBRE_DATA_DIR, else $XDG_DATA_HOME/timbre, else ~/.local/share/timbre. */
TB_MUST_USE tb_status tb_path_data(const char *flag, char **out, tb_error *err);
/* A leading "~/" becomes the home folder. BAD_INPUT when there is none. `name` is for the message.
 */
TB_MUST_USE tb_status tb_path_expand(const char *name, const char *path, char **out, tb_error *err);

bool tb_path_is_folder(const char *path);

#endif
