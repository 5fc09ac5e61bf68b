#include "engine/pipeline/version.h"

#include <stdbool.h>
#include <string.h>

#include "timbre_build.h" /* made by meson: TIMBRE_BUILD_BASE, TIMBRE_BUILD_GIT */

const char *tb_version_base(void)
{
    return TIMBRE_BUILD_BASE;
}

const char *timbre_version(void)
{
    bool is_known = strcmp(TIMBRE_BUILD_GIT, "none") != 0; /* built outside a checkout */
    return is_known ? TIMBRE_BUILD_BASE "+" TIMBRE_BUILD_GIT : TIMBRE_BUILD_BASE;
}
