#include "engine/sketch/brief.h"

#include <assert.h>

const char *tb_style_name(tb_style style)
{
    static const char *const names[] = {
#define X(id, name) name,
        TB_STYLE_LIST(X)
#undef X
    };
    assert((unsigned)style < TB_STYLE_COUNT);
    return names[style];
}

const char *tb_mode_name(tb_mode mode)
{
    static const char *const names[] = {
#define X(id, name, mask) name,
        TB_MODE_LIST(X)
#undef X
    };
    assert((unsigned)mode < TB_MODE_COUNT);
    return names[mode];
}

const char *tb_texture_name(tb_texture texture)
{
    static const char *const names[] = {
#define X(id, name) name,
        TB_TEXTURE_LIST(X)
#undef X
    };
    assert((unsigned)texture < TB_TEXTURE_COUNT);
    return names[texture];
}

const char *tb_pitch_class_name(int pitch_class)
{
    static const char *const names[12] = {"C",  "C#", "D",  "D#", "E",  "F",
                                          "F#", "G",  "G#", "A",  "A#", "B"};
    assert(pitch_class >= 0 && pitch_class < 12);
    return names[pitch_class];
}
