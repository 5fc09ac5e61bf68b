/* Any bytes as the body of riffusion's POST /run_inference/: refused with a reason, or taken. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "worker/riffusion_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tb_inference inference;
    tb_error err = {0};
    tb_status st = tb_inference_parse((const char *)data, size, &inference, &err);
    if (st != TIMBRE_OK && err.message[0] == '\0')
        abort();
    if (st == TIMBRE_OK && (inference.start.prompt == NULL || inference.end.prompt == NULL ||
                            inference.seed_image_id == NULL))
        abort();
    if (st == TIMBRE_OK)
        tb_inference_deinit(&inference);
    return 0;
}
