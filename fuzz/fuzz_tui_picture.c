/* Pictures that a worker sends to the studio: refused, or drawn at any size within the limits. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cli/tui/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static uint8_t brightest(const tb_levels *levels)
{
    uint8_t most = 0;
    for (size_t i = 0; i < (size_t)levels->width * (size_t)levels->height; i++)
        most = levels->level[i] > most ? levels->level[i] : most;
    return most;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tb_levels levels, small;
    tb_error err = {0};
    tb_status status = tb_levels_decode(data, size, &levels, &err);
    if (status != TIMBRE_OK) {
        check(status == TIMBRE_BAD_FILE && levels.level == NULL);
        return 0;
    }
    check(levels.width > 0 && levels.width <= TB_LEVELS_MAX_SIDE);
    check(levels.height > 0 && levels.height <= TB_LEVELS_MAX_SIDE);
    if (tb_levels_scale(&levels, 7, 5, &small, &err) == TIMBRE_OK) {
        check(levels.width < 7 || levels.height < 5 || brightest(&small) == brightest(&levels));
        tb_levels_deinit(&small);
    }
    tb_levels_deinit(&levels);
    return 0;
}
