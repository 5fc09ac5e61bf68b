#include "tests/models/copies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/str.h"

void run_shell(const char *line)
{
    char *command = tb_strf("set -e; DATA='%s/models'; %s", getenv("TIMBRE_TESTS_DIR"), line);
    assert_non_null(command);
    if (system(command) != 0)
        fail_msg("%s", command);
    free(command);
}

void ask_shell(const char *command, char out[80])
{
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%79s", out), 1);
    pclose(pipe);
}

static void run_in_copy(const char *copy, const char *line)
{
    char *all = tb_strf("rm -rf m s out models--x; %s; %s", copy, line);
    assert_non_null(all);
    run_shell(all);
    free(all);
}

void copy_tiny(const char *line)
{
    run_in_copy("cp -r \"$DATA/tiny\" m; chmod -R u+w m; cd m", line);
}

void copy_single(const char *line)
{
    run_in_copy("cp -r \"$DATA/forms/single\" s; chmod -R u+w s; cd s; rm tiny.ckpt; "
                "mv tiny-fp16.safetensors x.ckpt",
                line);
}

char *data_path(const char *name)
{
    char *path = tb_strf("%s/models/%s", getenv("TIMBRE_TESTS_DIR"), name);
    assert_non_null(path);
    return path;
}

tb_model *open_ok(const char *path, const char *tokenizer_dir)
{
    tb_error err = {0};
    tb_model *model = NULL;
    if (tb_model_open(path, tokenizer_dir, &model, &err) != TIMBRE_OK)
        fail_msg("%s: %s", path, err.message);
    return model;
}

void assert_wrong(const char *path, const wrong_model *wrong)
{
    tb_error err = {0};
    tb_model *model = NULL;
    tb_status st = tb_model_open(path, NULL, &model, &err);
    assert_null(model);
    if (st != wrong->status || st != err.code || strstr(err.message, wrong->says) == NULL)
        fail_msg("%s: %s '%s' does not say '%s'", wrong->line, timbre_status_name(st), err.message,
                 wrong->says);
}
