/* The files of a folder that a batch works through, and what becomes of each. */
#ifndef TB_CLI_BATCH_LIST_H
#define TB_CLI_BATCH_LIST_H

#include <stdbool.h>

#include "cli/codec.h"

typedef enum tb_batch_state {
    TB_BATCH_WAITING,
    TB_BATCH_RUNNING,
    TB_BATCH_MADE,
    TB_BATCH_THERE, /* it was there already */
    TB_BATCH_FAILED,
    TB_BATCH_DROPPED, /* interrupted before or during the work */
} tb_batch_state;

typedef struct tb_batch_item {
    char *input;  /* owned */
    char *folder; /* owned: of its output; made when the work begins */
    char *output; /* owned: the file to make, or `folder` when the work makes its own names */
    tb_batch_state state;
    bool is_other; /* THERE: made with other parameters */
    double done;   /* RUNNING: fraction of the work, 0 .. 1 */
    tb_codec_result result;
    tb_error err;
} tb_batch_item;

typedef struct tb_batch_list {
    tb_batch_item *items; /* owned; sorted by input */
    size_t n, capacity;
    size_t n_other; /* files that were left out for their kind, and links to folders */
} tb_batch_list;

/*
 * The files of the operand, which must be a folder, as --glob, --recursive and --limit choose them:
 * without --glob those that end as work->input_endings, never *.json nor hidden ones. Output goes
 * to `output_dir`, with --recursive to the same folders below it; links to folders are not
 * followed, so that none is visited twice. Files that would become one output are FAILED from the
 * start. NOT_FOUND when there is no file. *list must be zeroed; free it either way.
 */
TB_MUST_USE tb_status tb_batch_list_init(tb_batch_list *list, const tb_app *app,
                                         const tb_codec_work *work, const char *output_dir,
                                         tb_error *err);
void tb_batch_list_deinit(tb_batch_list *list);

#endif
