/* From single precision to half: IEEE 754 binary16, round to nearest, ties to even. */
#include <string.h>

#include "engine/tensor/tensor.h"

uint16_t tb_half_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t magnitude = bits & 0x7fffffff, half;
    if (magnitude > 0x7f800000) { /* NaN stays one, whatever is cut off its payload */
        half = 0x7c00 | (magnitude >> 13 & 0x03ff);
        half |= half == 0x7c00 ? 0x0200 : 0;
    } else if (magnitude >= 0x477ff000) { /* 65520, half way from 65504 to what would follow */
        half = 0x7c00;
    } else if (magnitude < 0x38800000) { /* below 2^-14: a multiple of 2^-24, as is an ulp at 0.5 */
        float shifted;
        memcpy(&shifted, &magnitude, sizeof shifted);
        shifted += 0.5F;
        memcpy(&half, &shifted, sizeof half);
        half -= 0x3f000000;
    } else /* the difference of the biases, 112; a carry goes into the exponent */
        half = (magnitude + 0x0fff + (magnitude >> 13 & 1) - (112U << 23)) >> 13;
    return (uint16_t)(half | (bits >> 16 & 0x8000));
}
