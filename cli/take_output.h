/*
 * Where a take and what it brings beside go, from the command line: chosen and checked before
 * anything is made, so that nothing is found out after the work that could have been said before
 * it.
 */
#ifndef TB_CLI_TAKE_OUTPUT_H
#define TB_CLI_TAKE_OUTPUT_H

#include "cli/app.h"
#include "cli/side_file.h"
#include "timbre/engine.h"

typedef struct tb_take_output {
    timbre_output output; /* for the engine; borrows from this and from the arguments */
    char *folder;         /* owned: output folder; NULL when a file is named */
    const char
        *side[TIMBRE_SIDE_COUNT]; /* borrowed: --midi and the like, or NULL; may hold {seed} */
    bool to_stdout;               /* -o - */
} tb_take_output;

/* The files of one take, with their patterns filled in. */
typedef struct tb_take_names {
    char
        *path; /* owned; NULL: standard output. Below a folder a number is added when it is taken */
    char *side[TIMBRE_SIDE_COUNT]; /* owned; NULL: none is asked for */
} tb_take_names;

/* BAD_INPUT for options that contradict each other. `count` takes will be made. */
TB_MUST_USE tb_status tb_take_output_init(tb_take_output *o, const tb_app *app, int count,
                                          tb_error *err);
void tb_take_output_deinit(tb_take_output *o);

/* The names of take `index` (1: the first) of a resolved request. */
TB_MUST_USE tb_status tb_take_names_init(tb_take_names *names, const tb_take_output *o,
                                         const timbre_request *request, int index, tb_error *err);
void tb_take_names_deinit(tb_take_names *names);
/* Whether the take can be written under these names: BAD_INPUT where they are those of the take
 * `before` (NULL: none), EXISTS and the like for the places of side files. */
TB_MUST_USE tb_status tb_take_names_check(const tb_take_names *names, const tb_take_names *before,
                                          const tb_take_output *o, const timbre_request *request,
                                          tb_error *err);

/* Write the sound to standard output. CANCELLED when a signal or the time limit came first: a
 * reader may be slow. */
TB_MUST_USE tb_status tb_take_output_write_sound(const timbre_take *take, tb_error *err);
/* Write the side files that `names` has. */
TB_MUST_USE tb_status tb_take_output_write_sides(const tb_take_output *o,
                                                 const tb_take_names *names,
                                                 const timbre_take *take, tb_error *err);

#endif
