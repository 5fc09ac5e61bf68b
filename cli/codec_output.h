/*
 * Where a file that is made from another one goes, chosen and checked before the work begins: the
 * name given with -o, a name in the folder given with -o, or one beside the source.
 */
#ifndef TB_CLI_CODEC_OUTPUT_H
#define TB_CLI_CODEC_OUTPUT_H

#include "cli/codec.h"

/* BAD_INPUT for options that only a batch has, where none is asked for. */
TB_MUST_USE tb_status tb_codec_check_options(const tb_args *args, tb_error *err);

/* Whether `path` can be read as a file; `name` ("audio file") is for messages. */
TB_MUST_USE tb_status tb_codec_check_input(const char *path, const char *name, tb_error *err);

/* The file to make from `input`; a folder where the work makes its own names. A name that is not
 * given with -o gets a number when it is taken, and a folder that is given is made. Owned (free),
 * in *out. EXISTS, NOT_FOUND, PERMISSION, BAD_INPUT. */
TB_MUST_USE tb_status tb_codec_choose_output(const tb_app *app, const tb_codec_work *work,
                                             const char *input, char **out, tb_error *err);

/* "FOLDER/STEM.ENDING" for an input called ".../STEM.other". Owned (free); NULL for memory. */
char *tb_codec_name_output(const char *folder, const char *input, const char *ending) TB_MUST_USE;

#endif
