/* Which files are sounds and which are pictures, by the endings of their names. */
#ifndef TB_CLI_ENDINGS_H
#define TB_CLI_ENDINGS_H

#include <stdbool.h>

/* NULL-terminated, without the dot. */
extern const char *const tb_audio_endings[]; /* of files to listen to */
extern const char *const tb_image_endings[]; /* of spectrogram images */

/* What follows the last dot of the name; "" when there is none or it is the first letter. */
const char *tb_ending_of(const char *path);
/* Whether the name ends in one of them, in upper or lower case. */
bool tb_ending_is_one_of(const char *path, const char *const *endings);

#endif
