/* What the sketch made of a prompt, out of the extras of a take's metadata, as text for people. */
#ifndef TB_CLI_MUSIC_H
#define TB_CLI_MUSIC_H

#include <jansson.h>

#include "engine/base/str.h"

/* "lo-fi (style lo-fi), rain (texture rain)"; nothing when nothing was understood. */
void tb_music_append_understood(tb_str *out, const json_t *extras);
/* "bagpipes, kazoo" */
void tb_music_append_unknown(tb_str *out, const json_t *extras);

/* One row each of style, tempo, key, metre, parts, textures and words on standard output; `width`:
 * columns of the names, `indent` before them. Nothing where the extras hold no music. */
void tb_music_print(const json_t *extras, int indent, int width);

#endif
