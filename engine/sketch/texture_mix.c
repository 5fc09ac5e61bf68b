/* Surroundings laid under music. */
#include "engine/base/math.h"
#include "engine/sketch/texture.h"

enum { BELOW_DB = 7, NATURAL_DB = -30 };

/* Root mean square of n samples, in fixed order. */
static double rms_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return n == 0 ? 0 : tb_exp(0.5 * tb_log(sum / (double)n + 1e-30));
}

/* The gain follows the music's measured level, so it is rounded to 0.01 dB before use: other
 * people's builds may differ in a last bit. */
tb_status tb_texture_mix(const double level[TB_TEXTURE_COUNT], bool is_alone, uint64_t seed,
                         bool loop, float *mix, int64_t n_frames, const tb_progress *progress,
                         tb_error *err)
{
    double music_db = is_alone ? NATURAL_DB + BELOW_DB : tb_gain_to_db(rms_of(mix, n_frames * 2));
    tb_status st = TIMBRE_OK;
    for (int i = 0; i < TB_TEXTURE_COUNT && st == TIMBRE_OK; i++) {
        if (level[i] <= 0)
            continue;
        double db = music_db - BELOW_DB - NATURAL_DB + tb_gain_to_db(level[i]);
        double hundredths = db * 100 + (db < 0 ? -0.5 : 0.5);
        float gain = (float)tb_db_to_gain((double)(int64_t)hundredths / 100);
        st = tb_texture_add((tb_texture)i, seed, gain, loop, mix, n_frames, progress, err);
    }
    return st;
}
