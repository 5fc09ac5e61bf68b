/* timbre completion: the script for a shell on standard output. */
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/completion.h"

int tb_cmd_completion(tb_app *app)
{
    tb_error err = {0};
    tb_str script = {0};
    const char *shell = app->args.n_operands > 0 ? app->args.operands[0] : "";
    tb_status st = TIMBRE_OK;
    if (!tb_completion_format(shell, &script)) {
        st = tb_fail(&err, TIMBRE_BAD_INPUT, "no completion for the shell '%.40s'", shell);
        tb_fix(&err, "timbre completion bash, zsh or fish");
    } else if (script.failed) {
        st = tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for the completion script");
    }
    if (st == TIMBRE_OK)
        fputs(tb_str_text(&script), stdout);
    tb_str_deinit(&script);
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}
