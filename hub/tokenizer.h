/* A single file of weights has no vocabulary: where one is that serves it. */
#ifndef TB_HUB_TOKENIZER_H
#define TB_HUB_TOKENIZER_H

#include "hub/installed.h"

/*
 * The vocabulary for the model at `path`: NULL where it has its own, where nothing is at `path`, or
 * where no known model is whole here; else that of the first known model of the list. *out is owned
 * (free).
 */
TB_MUST_USE tb_status tb_installed_tokenizer(const tb_installed_list *list, const char *path,
                                             char **out, tb_error *err);

#endif
