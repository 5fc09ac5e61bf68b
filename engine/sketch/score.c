#include "engine/sketch/score.h"

/* 44100 / (1000000 * TB_PPQ) = 147 / 3200000: exact in 64 bits up to 2^31 ticks of 2^24 us. */
int64_t tb_score_frame(const tb_score *score, int32_t tick)
{
    const int64_t numerator = 147, denominator = 3200000;
    int64_t scaled = (int64_t)tick * score->usec_per_quarter * numerator;
    return (2 * scaled + denominator) / (2 * denominator);
}
