/* Copies of the small models of tests/data/models in the folder that a test works in, changed by
 * lines of shell, in which $DATA is the folder of the originals. */
#ifndef TESTS_MODELS_COPIES_H
#define TESTS_MODELS_COPIES_H

#include <stddef.h>

#include "engine/models/model.h"

void run_shell(const char *line);
/* The first word that a command prints. */
void ask_shell(const char *command, char out[80]);
/* A writable copy of tiny at ./m, changed by `line`, which runs inside of it. */
void copy_tiny(const char *line);
/* A writable copy of forms/single at ./s, without tiny.ckpt; `line` runs inside of it. */
void copy_single(const char *line);
/* A path of tests/data/models; owned (free). */
char *data_path(const char *name);

tb_model *open_ok(const char *path, const char *tokenizer_dir);

typedef struct wrong_model {
    const char *line; /* makes it so */
    tb_status status;
    const char *says;
} wrong_model;
/* Opening `path` fails with that status, and the message says that. */
void assert_wrong(const char *path, const wrong_model *wrong);

#endif
