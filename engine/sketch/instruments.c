#include "engine/sketch/instruments.h"

#include <assert.h>

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
