#include "engine/sketch/fluid.h"

#include <pthread.h>

#include "engine/sketch/synth.h"

const char *tb_synth_version(void)
{
    return fluid_version_str();
}

/*
 * FluidSynth has process-wide state that it sets up without a lock: log functions, the list of
 * audio drivers that new settings probe, and the conversion tables which the first synthesiser
 * fills.
 */
static void prepare(void)
{
    static const char *no_drivers[] = {NULL};
    for (int level = FLUID_PANIC; level < LAST_LOG_LEVEL; level++)
        fluid_set_log_function(level, NULL, NULL);
    (void)fluid_audio_driver_register(no_drivers);
    fluid_settings_t *settings = new_fluid_settings();
    fluid_synth_t *synth = settings == NULL ? NULL : new_fluid_synth(settings);
    delete_fluid_synth(synth);
    delete_fluid_settings(settings);
}

void tb_fluid_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, prepare);
}

static const struct {
    const char *name;
    int value;
} int_settings[] = {
    {"synth.cpu-cores", 1},
    {"synth.dynamic-sample-loading", 1}, /* of an .sf3 only the presets in use are decoded */
    {"synth.lock-memory", 0},
    {"synth.threadsafe-api", 0}, /* a synthesiser is on one thread at a time */
    {"synth.polyphony", 256},
    {"synth.midi-channels", 16},
    {"synth.reverb.active", 1},
    {"synth.chorus.active", 1},
    {"synth.chorus.nr", 3},
};

static const struct {
    const char *name;
    double value;
} num_settings[] = {
    {"synth.sample-rate", TB_SAMPLE_RATE_HZ},
    {"synth.gain", 0.7},
    {"synth.reverb.room-size", 0.5},
    {"synth.reverb.damp", 0.3},
    {"synth.reverb.width", 0.8},
    {"synth.reverb.level", 0.7},
    {"synth.chorus.level", 1.5},
    {"synth.chorus.speed", 0.3},
    {"synth.chorus.depth", 6.0},
};

fluid_settings_t *tb_fluid_settings(void)
{
    fluid_settings_t *s = new_fluid_settings();
    for (size_t i = 0; s != NULL && i < sizeof int_settings / sizeof *int_settings; i++)
        (void)fluid_settings_setint(s, int_settings[i].name, int_settings[i].value);
    for (size_t i = 0; s != NULL && i < sizeof num_settings / sizeof *num_settings; i++)
        (void)fluid_settings_setnum(s, num_settings[i].name, num_settings[i].value);
    return s;
}

bool tb_fluid_seat(fluid_synth_t *synth, const tb_part *part, int sfont_id)
{
    int channel = part->channel;
    bool is_drums = channel == TB_DRUM_CHANNEL;
    int bank = is_drums ? 128 : 0;
    if (fluid_synth_program_select(synth, channel, sfont_id, bank, part->program) != FLUID_OK &&
        !(is_drums && fluid_synth_program_select(synth, channel, sfont_id, bank, 0) == FLUID_OK))
        return false;
    const uint8_t controls[][2] = {
        {7, part->volume}, {10, part->pan}, {91, part->reverb}, {93, part->chorus}};
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        (void)fluid_synth_cc(synth, channel, controls[i][0], controls[i][1]);
    return true;
}

void tb_fluid_do(fluid_synth_t *synth, int channel, const tb_action *action)
{
    switch ((tb_action_kind)action->kind) {
    case TB_ACTION_NOTE_OFF:
        (void)fluid_synth_noteoff(synth, channel, action->a);
        break;
    case TB_ACTION_CONTROL:
        (void)fluid_synth_cc(synth, channel, action->a, action->b);
        break;
    case TB_ACTION_BEND:
        (void)fluid_synth_pitch_bend(synth, channel, action->bend + 8192);
        break;
    case TB_ACTION_NOTE_ON:
        (void)fluid_synth_noteon(synth, channel, action->a, action->b);
        break;
    }
}
