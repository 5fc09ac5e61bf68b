/*
 * The tag in front of an MP3 (ID3v2.4.0, id3.org): title and recipe as UTF-8. libsndfile's own tag
 * mangles what is not Latin-1.
 */
#ifndef TB_AUDIO_ID3_H
#define TB_AUDIO_ID3_H

#include <stddef.h>

#include "engine/base/str.h"

enum { TB_ID3_HEADER_BYTES = 10 };

typedef struct tb_id3_texts {
    const char *title;
    size_t title_bytes;
    const char *recipe;
    size_t recipe_bytes;
} tb_id3_texts;

/* Append a whole tag. NULL: no such frame. The texts are UTF-8; those of programs that read back
 * end at a NUL. */
void tb_id3_write(const char *title, const char *recipe, const char *software, tb_str *out);

/* Bytes of the whole tag that `bytes` begin with, header included; 0 when they begin with none.
 * Needs TB_ID3_HEADER_BYTES. */
size_t tb_id3_size(const unsigned char *bytes, size_t len_bytes);

/*
 * What a tag says, ID3v2.3 or v2.4, of any bytes: borrowed from `bytes`, valid UTF-8, not
 * terminated; NULL where there is none. Texts in UTF-16 and frames or tags that are packed in any
 * way are passed over. A cut tag is read as far as it goes.
 */
void tb_id3_read(const unsigned char *bytes, size_t len_bytes, tb_id3_texts *texts);

#endif
