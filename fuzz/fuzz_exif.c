/* Any bytes as an EXIF block: what it lets through is possible and survives being written again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spectrogram/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    timbre_spectrogram_params params, again;
    double max_value;
    bool found;
    tb_error err = {0};
    tb_status st = tb_exif_parse(data, size, &params, &max_value, &found, &err);
    if (st != TIMBRE_OK && (found || err.message[0] == '\0'))
        abort(); /* every refusal says why */
    if (!found)
        return 0;
    unsigned char block[TB_EXIF_BYTES];
    tb_exif_format(&params, max_value, block);
    if (timbre_spectrogram_params_check(&params, NULL) != TIMBRE_OK ||
        tb_exif_parse(block, sizeof block, &again, &max_value, &found, NULL) != TIMBRE_OK ||
        !found || memcmp(&params, &again, sizeof params) != 0)
        abort();
    return 0;
}
