#include "engine/pipeline/json.h"

#include <stdint.h>

char *tb_json_format(const json_t *j)
{
    return j == NULL ? NULL
                     : json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
}

json_t *tb_json_level(double db)
{
    return json_real((double)(int64_t)(db * 100 + (db < 0 ? -0.5 : 0.5)) / 100);
}
