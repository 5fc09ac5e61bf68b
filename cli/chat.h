/* The line mode: what its commands share. Results go to standard output one a line, all else to
 * standard error in sentences; nothing here ever steers a terminal. */
#ifndef TB_CLI_CHAT_H
#define TB_CLI_CHAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/app.h"
#include "cli/tui/wishes.h"

typedef struct tb_chat {
    tb_app *app;
    tb_wishes wishes; /* of the next takes */
    FILE *answers;    /* what commands show; not standard output where that is JSON */
    tb_status last;   /* how the last take went */
    bool names_takes; /* "#12 PATH" instead of the path alone */
    bool is_over;
} tb_chat;

/* One of the commands, without its slash. `argument` is what follows the name, "" for nothing. */
typedef struct tb_chat_command {
    const char *name, *argument, *help; /* argument NULL: takes none; "[...]": may be left out */
    tb_status (*run)(tb_chat *chat, const char *argument, tb_error *err);
} tb_chat_command;

/* Ends with a NULL name. The fields of a request are commands besides. */
const tb_chat_command *tb_chat_commands(void);
/* Run the line, which begins with a slash. BAD_INPUT with the nearest name: there is no such
 * command. */
TB_MUST_USE tb_status tb_chat_run(tb_chat *chat, const char *line, tb_error *err);

/* Make a take of a request's body and say where it is. Takes the reference. The outcome is also
 * chat->last. */
TB_MUST_USE tb_status tb_chat_make(tb_chat *chat, json_t *body, tb_error *err);
/* Ask the worker, which is started where none runs. As tb_client_call. */
TB_MUST_USE tb_status tb_chat_ask(tb_chat *chat, const char *method, const char *path,
                                  const char *body, json_t **answer, tb_error *err);

/* Commands about takes. */
tb_status tb_chat_takes(tb_chat *chat, const char *words, tb_error *err);
tb_status tb_chat_play(tb_chat *chat, const char *name, tb_error *err);
tb_status tb_chat_star(tb_chat *chat, const char *name, tb_error *err);
tb_status tb_chat_delete(tb_chat *chat, const char *name, tb_error *err);
tb_status tb_chat_restore(tb_chat *chat, const char *name, tb_error *err);
tb_status tb_chat_again(tb_chat *chat, const char *name, tb_error *err);
tb_status tb_chat_repeat(tb_chat *chat, const char *name, tb_error *err);
tb_status tb_chat_export(tb_chat *chat, const char *name_and_file, tb_error *err);

/* "A -> B": plays until Ctrl-C. */
tb_status tb_chat_radio(tb_chat *chat, const char *way, tb_error *err);

#endif
