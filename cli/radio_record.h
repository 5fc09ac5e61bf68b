/*
 * What a radio plays, written to a WAV file as it comes. Its head is brought up to date every
 * second, so that the file is whole whenever the program ends.
 */
#ifndef TB_CLI_RADIO_RECORD_H
#define TB_CLI_RADIO_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

/* Zero-initialise. */
typedef struct tb_radio_record {
    char *path; /* owned; NULL: not open */
    int fd;
    int rate_hz;
    int64_t n_frames, n_told; /* written; said by the head */
} tb_radio_record;

/* EXISTS unless `replaces`. */
TB_MUST_USE tb_status tb_radio_record_open(tb_radio_record *record, const char *path, bool replaces,
                                           tb_error *err);
/* Frames of two channels, -1..1, all at one rate. UNSUPPORTED: a WAV file holds no more; what is
 * there stays. */
TB_MUST_USE tb_status tb_radio_record_append(tb_radio_record *record, const float *frames,
                                             int64_t n_frames, int rate_hz, tb_error *err);
/* A file without a frame is removed. Accepts one that is not open. */
TB_MUST_USE tb_status tb_radio_record_close(tb_radio_record *record, tb_error *err);

#endif
