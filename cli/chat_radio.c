/* /radio of the line mode: clips from prompt to prompt until Ctrl-C. */
#include "cli/chat.h"
#include "cli/radio.h"
#include "cli/radio_plan.h"

tb_status tb_chat_radio(tb_chat *chat, const char *way, tb_error *err)
{
    json_t *base = tb_wishes_to_json(&chat->wishes);
    if (base == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    /* settings of single takes, which mean nothing here */
    for (const char *own; (own = tb_radio_find_own_field(base)) != NULL;)
        (void)json_object_del(base, own);
    tb_status st = tb_radio_run(
        chat->app,
        &(tb_radio_options){
            .prompts = &way, .n_prompts = 1, .step = TB_RADIO_STEP, .base = base, .is_plain = true},
        err);
    json_decref(base);
    return st;
}
