#include "cli/endings.h"

#include <string.h>
#include <strings.h>

#include "engine/base/path.h"

const char *const tb_audio_endings[] = {"wav",  "flac", "ogg", "oga", "opus", "mp3",
                                        "aiff", "aif",  "au",  "caf", "w64",  NULL};
const char *const tb_image_endings[] = {"png", "jpg", "jpeg", NULL};

const char *tb_ending_of(const char *path)
{
    const char *name = tb_path_name(path), *dot = strrchr(name, '.');
    return dot == NULL || dot == name ? "" : dot + 1;
}

bool tb_ending_is_one_of(const char *path, const char *const *endings)
{
    const char *ending = tb_ending_of(path);
    for (size_t i = 0; endings[i] != NULL; i++)
        if (strcasecmp(ending, endings[i]) == 0)
            return true;
    return false;
}
