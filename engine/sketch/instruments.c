#include "engine/sketch/instruments.h"

#include <assert.h>
#include <string.h>

static const tb_instrument table[TB_INSTRUMENT_COUNT] = {
#define ROW(id, name, program, roles, low, high)                                                   \
    [TB_INSTRUMENT_##id] = {name, program, (uint8_t)(roles), low, high},
    TB_INSTRUMENT_LIST(ROW)
#undef ROW
};

const tb_instrument *tb_instrument_get(tb_instrument_id id)
{
    assert((unsigned)id < TB_INSTRUMENT_COUNT);
    return &table[id];
}

int tb_instrument_find(const char *name)
{
    for (int i = 0; i < TB_INSTRUMENT_COUNT; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}
