/* A finished take: its texts and bytes, and the UUID that names it. */
#include "engine/pipeline/take.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/random.h"

void timbre_take_free(timbre_take *take)
{
    if (take == NULL)
        return;
    free(take->path);
    free(take->recipe);
    free(take->metadata);
    free(take->sidecar);
    free(take->bytes);
    free(take->midi);
    free(take->image);
    free(take);
}

tb_status tb_uuid_draw(char out[37], tb_error *err)
{
    unsigned char b[16];
    tb_status st = tb_entropy(b, sizeof b, err);
    if (st != TIMBRE_OK)
        return st;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return TIMBRE_OK;
}

const char *timbre_take_id(const timbre_take *take)
{
    return take->id;
}

const char *timbre_take_path(const timbre_take *take)
{
    return take->path;
}

const char *timbre_take_recipe(const timbre_take *take)
{
    return take->recipe;
}

const char *timbre_take_metadata(const timbre_take *take)
{
    return take->metadata;
}

const char *timbre_take_sidecar(const timbre_take *take)
{
    return take->sidecar;
}

const char *timbre_take_file_sha256(const timbre_take *take)
{
    return take->file_sha256;
}

const unsigned char *timbre_take_bytes(const timbre_take *take, size_t *len_bytes)
{
    *len_bytes = take->bytes == NULL ? 0 : take->len_bytes;
    return take->bytes;
}

const unsigned char *timbre_take_midi(const timbre_take *take, size_t *len_bytes)
{
    *len_bytes = take->midi_len_bytes;
    return take->midi;
}

const unsigned char *timbre_take_image(const timbre_take *take, size_t *len_bytes)
{
    *len_bytes = take->image_len_bytes;
    return take->image;
}
