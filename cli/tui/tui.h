/* The studio as the rest of the program sees it. */
#ifndef TB_CLI_TUI_TUI_H
#define TB_CLI_TUI_TUI_H

#include "cli/app.h"

/* Run until the user quits; the exit code. Standard input and output are terminals. */
int tb_studio_run(tb_app *app);

#endif
