#include "engine/pipeline/version.h"

#include "timbre_build.h" /* made by meson: TIMBRE_BUILD_BASE, TIMBRE_BUILD_GIT */

const char *tb_version_base(void)
{
    return TIMBRE_BUILD_BASE;
}

const char *timbre_version(void)
{
    return sizeof TIMBRE_BUILD_GIT > 1 ? TIMBRE_BUILD_BASE "+" TIMBRE_BUILD_GIT : TIMBRE_BUILD_BASE;
}
