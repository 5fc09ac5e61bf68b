/* The style to play when the prompt names none: what the asked instruments, mood and sounds
 * suggest.
 */
#ifndef TB_SKETCH_TASTE_H
#define TB_SKETCH_TASTE_H

#include "engine/sketch/brief.h"

/* The asked style, else the one that fits best; the seed decides among near equals. */
tb_style tb_taste_style(const tb_brief *brief, uint64_t seed);

#endif
