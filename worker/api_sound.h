/* What is reckoned from the sound of a take, for those who look at it: an engine of one thread,
 * made with the first picture. */
#ifndef TB_WORKER_API_SOUND_H
#define TB_WORKER_API_SOUND_H

#include "engine/base/error.h"

typedef struct tb_sounds tb_sounds;

TB_MUST_USE tb_status tb_sounds_new(tb_sounds **out, tb_error *err);
void tb_sounds_free(tb_sounds *sounds); /* accepts NULL */

#endif
