#include "engine/pipeline/json.h"

char *tb_json_format(const json_t *j)
{
    return j == NULL ? NULL
                     : json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
}
