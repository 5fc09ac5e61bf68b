/*
 * Files that a take can bring beside its sound, each asked for by an option that names it: the
 * arrangement as MIDI, the spectrogram as an image. One table says all about them.
 */
#ifndef TB_CLI_SIDE_FILE_H
#define TB_CLI_SIDE_FILE_H

#include <stdbool.h>

#include "engine/base/error.h"
#include "timbre/engine.h"

typedef struct tb_side_kind {
    timbre_side side;
    const char *option; /* "--midi", and "midi" behind the dashes */
    const char *what;   /* "MIDI file" */
    const char *example;
    const char *numbered_example; /* for several takes */
    const char *ending;           /* NULL: any */
    const unsigned char *(*get)(const timbre_take *take, size_t *len_bytes);
} tb_side_kind;

const tb_side_kind *tb_side_kind_get(timbre_side side);
/* "midi": the option without its dashes. */
const char *tb_side_name(timbre_side side);

/* Before anything is made: the place is free and writable, the model makes such a file, and it is
 * neither the take at `path` nor its sidecar (path NULL: not known yet). */
TB_MUST_USE tb_status tb_side_file_check(timbre_side side, const char *name, const char *path,
                                         const timbre_output *output, const timbre_request *request,
                                         tb_error *err);
/* Write it. */
TB_MUST_USE tb_status tb_side_file_write(timbre_side side, const char *name,
                                         const timbre_take *take, const timbre_output *output,
                                         tb_error *err);

#endif
