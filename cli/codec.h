/*
 * What encode, decode and sample-clips have in common: a file goes in, files come out, and what was
 * made is told as paths, as notes or as JSON. A command says how one file is worked on; this runs
 * it for one file, batch.h for a folder.
 */
#ifndef TB_CLI_CODEC_H
#define TB_CLI_CODEC_H

#include <jansson.h>

#include "cli/app.h"
#include "engine/base/str.h"
#include "timbre/engine.h"

/* One file to work on. */
typedef struct tb_codec_task {
    timbre_engine *engine; /* NULL when the work needs none */
    const char *input;
    const char *output; /* the file to make; a folder when the work makes its own names */
    bool is_batch;
    timbre_progress_fn progress; /* may be NULL */
    void *progress_user;
} tb_codec_task;

typedef struct tb_codec_result {
    json_t *facts; /* owned object, printed with --json */
    tb_str paths;  /* of the files made, each with a line break, as the system knows them */
} tb_codec_result;

typedef struct tb_codec_work {
    const char *input_name;           /* "audio file", for messages */
    const char *const *input_endings; /* what a batch takes */
    const char *ending;               /* of what is made, where no file is named */
    const char *const *endings;       /* what it may be */
    bool makes_own_names;             /* in an output folder, which must be named */
    /* The first look at the input: tb_file_kind_want_sound or _image. */
    tb_status (*check_kind)(const char *path, tb_error *err);
    bool needs_engine;
    const void *user; /* the command's own; read by several threads */
    /*
     * Work on one file; called from several threads. Adds each file made with
     * tb_codec_result_add_path and what else is known of the result to result->facts, texts to warn
     * of with tb_codec_result_warn. Errors as the engine has them.
     */
    tb_status (*run)(const tb_codec_task *task, const void *user, tb_codec_result *result,
                     tb_error *err);
    /* What a person wants to know about the result, in a line. */
    void (*describe)(const json_t *facts, tb_str *out);
    /* With makes_own_names: whether all of the output is in the folder. */
    bool (*is_there)(const char *input, const char *folder, const void *user);
    /* Whether what a batch finds at `output` is what this work would make; may be NULL: it is. */
    bool (*is_same)(const char *output, const void *user);
} tb_codec_work;

/* Run the work for the operand, or with --batch for the folder that it is. Returns the exit code.
 */
int tb_codec_run(tb_app *app, const tb_codec_work *work);

/* For the commands. */

/* A file that was made: "path" of the facts, in "paths" where the work makes several. */
void tb_codec_result_add_path(tb_codec_result *result, const char *path, bool is_one_of_several);
/* Takes the reference to an object of more facts. INTERNAL for NULL, which json_pack makes of a
 * number that JSON does not have. */
TB_MUST_USE tb_status tb_codec_result_add_facts(tb_codec_result *result, json_t *facts,
                                                tb_error *err);
void tb_codec_result_warn(tb_codec_result *result, const char *fmt, ...) TB_PRINTF(2, 3);

/* For batch.h. */

TB_MUST_USE tb_status tb_codec_result_init(tb_codec_result *result, const char *input,
                                           tb_error *err);
void tb_codec_result_deinit(tb_codec_result *result);

/* An engine with `n_threads` as the settings want it. Owned (timbre_engine_free). */
TB_MUST_USE tb_status tb_codec_open_engine(tb_app *app, int n_threads, timbre_engine **out,
                                           tb_error *err);
void tb_codec_print_paths(const tb_codec_result *result);
/* "NAME: TEXT" for each on standard error. */
void tb_codec_show_warnings(tb_app *app, const tb_codec_result *result, const char *name);
/* The exit code of a failure; one that a signal caused says so. */
int tb_codec_exit_code(tb_error *err);

#endif
