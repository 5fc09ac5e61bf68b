/*
 * Runs a fuzz target over every file of the folder argv[1], in name order, and prints TAP: the
 * corpus is part of the ordinary tests, with any compiler.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/str.h"

enum { MAX_INPUT_BYTES = 16 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Run the target on an exact copy, so that a sanitizer sees a read past the end. */
static tb_status run_file(const char *path, tb_error *err)
{
    char *bytes = NULL;
    size_t len_bytes = 0;
    tb_status status = tb_file_read(path, MAX_INPUT_BYTES, &bytes, &len_bytes, err);
    uint8_t *exact = status == TIMBRE_OK ? malloc(len_bytes > 0 ? len_bytes : 1) : NULL;
    if (status == TIMBRE_OK && exact == NULL)
        status = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu bytes", len_bytes);
    if (status == TIMBRE_OK) {
        memcpy(exact, bytes, len_bytes);
        LLVMFuzzerTestOneInput(exact, len_bytes);
    }
    free(exact);
    free(bytes);
    return status;
}

/* A crash ends the program; the missing results then make the test fail. */
static bool replay(const char *folder, const char *name, int number)
{
    tb_error err = {.message = "no memory"};
    char *path = tb_strf("%s/%s", folder, name);
    bool is_ok = path != NULL && run_file(path, &err) == TIMBRE_OK;
    printf("%s %d - %s%s%s\n", is_ok ? "ok" : "not ok", number, name, is_ok ? "" : ": ",
           is_ok ? "" : err.message);
    fflush(stdout);
    free(path);
    return is_ok;
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int n = argc == 2 ? scandir(argv[1], &entries, is_visible, alphasort) : -1;
    if (n <= 0) {
        fprintf(stderr, "usage: %s FOLDER-WITH-INPUTS\n", argv[0]);
        return 2;
    }
    printf("1..%d\n", n);
    fflush(stdout);
    int n_failed = 0;
    for (int i = 0; i < n; i++) {
        n_failed += !replay(argv[1], entries[i]->d_name, i + 1);
        free(entries[i]);
    }
    free(entries);
    return n_failed > 0;
}
