/* timbre radio: from prompt to prompt without end. */
#include <stdio.h>
#include <string.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/radio.h"
#include "cli/radio_plan.h"
#include "cli/signals.h"
#include "cli/tui/wishes.h"

static tb_status refuse_own_fields(const json_t *base, tb_error *err)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    const char *own = tb_radio_find_own_field(base);
    for (size_t i = 0; own != NULL && i < n; i++)
        if (strcmp(fields[i].name, own) == 0)
            return tb_fail(err, TIMBRE_BAD_INPUT, "--%s: the radio decides it for each clip",
                           fields[i].flag);
    return TIMBRE_OK;
}

/* The fields that flags ask for. New reference. */
static tb_status make_base(tb_app *app, json_t **base, tb_error *err)
{
    tb_wishes wishes = {0};
    tb_status st = tb_wishes_take_flags(&wishes, app, err);
    if (st == TIMBRE_OK && (*base = tb_wishes_to_json(&wishes)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    tb_wishes_deinit(&wishes);
    return st == TIMBRE_OK ? refuse_own_fields(*base, err) : st;
}

static tb_status check(const tb_app *app, tb_error *err)
{
    if (!tb_args_has(&app->args, "no-play") || tb_args_has(&app->args, "record"))
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT, "--no-play needs --record FILE.wav");
}

int tb_cmd_radio(tb_app *app)
{
    tb_error err = {0};
    json_t *base = NULL;
    const tb_args *args = &app->args;
    tb_signals_catch();
    tb_status st = check(app, &err);
    if (st == TIMBRE_OK)
        st = make_base(app, &base, &err);
    tb_radio_options options = {.prompts = args->operands,
                                .n_prompts = args->n_operands,
                                .step = tb_args_number(args, "step", TB_RADIO_STEP),
                                .base = base,
                                .n_clips = (int)tb_args_number(args, "count", 0),
                                .discards = tb_args_has(args, "discard"),
                                .is_silent = tb_args_has(args, "no-play"),
                                .record = tb_args_value(args, "record"),
                                .replaces = tb_args_has(args, "force")};
    if (st == TIMBRE_OK)
        st = tb_radio_run(app, &options, &err);
    json_decref(base);
    if (st != TIMBRE_OK && st != TIMBRE_CANCELLED)
        return tb_app_fail(app, &err);
    if (options.record != NULL)
        printf("%s\n", options.record);
    return tb_signals_caught() != 0 ? 128 + tb_signals_caught() : 0;
}
