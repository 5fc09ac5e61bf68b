/* A finished take inside the library; public accessors are in timbre/engine.h. */
#ifndef TB_PIPELINE_TAKE_H
#define TB_PIPELINE_TAKE_H

#include "engine/base/hash.h"
#include "engine/pipeline/backend.h"
#include "timbre/engine.h"

struct timbre_take {
    char id[37]; /* UUID version 4 */
    time_t made_at;
    char *path;   /* absolute; NULL: in memory */
    char *recipe; /* JSON texts, owned */
    char *metadata;
    char *sidecar;
    char file_sha256[TB_SHA256_HEX_BYTES];
    unsigned char *bytes; /* the encoded file, kept when in memory */
    size_t len_bytes;
    unsigned char *midi;
    size_t midi_len_bytes;
    unsigned char *image;
    size_t image_len_bytes;
};

/* A random UUID (RFC 9562 version 4) into out[37]. */
TB_MUST_USE tb_status tb_uuid_draw(char out[37], tb_error *err);

#endif
