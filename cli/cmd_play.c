/* timbre play: an audio file through the machine's sound output. */
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/play_file.h"
#include "cli/signals.h"

int tb_cmd_play(tb_app *app)
{
    tb_error err = {0};
    if (app->args.n_operands == 0) {
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no file was named");
        tb_fix(&err, "timbre play FILE");
        return tb_app_fail(app, &err);
    }
    tb_play_options options = {.start_s = tb_args_number(&app->args, "start", 0),
                               .loops = tb_args_has(&app->args, "loop")};
    tb_signals_catch();
    tb_status st = tb_play_file(app, app->args.operands[0], &options, &err);
    if (st == TIMBRE_CANCELLED)
        return 128 + tb_signals_caught();
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}
