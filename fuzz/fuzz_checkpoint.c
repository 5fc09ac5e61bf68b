/* Any bytes as a PyTorch checkpoint, zip or legacy, or bare as the pickle inside: opened, and every
 * element of its tensors read; and laid out as the safetensors file that it would become. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/tensor/pickle.h"
#include "engine/tensor/safetensors_write.h"
#include "engine/tensor/weights_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PART = 4096 }; /* elements at a time, from the start and up to the end */

static void read_ends(const tb_tensor *tensor)
{
    float out[PART];
    uint64_t bytes[PART];
    int64_t n = tensor->n_elements < PART ? tensor->n_elements : PART;
    tb_tensor_read(tensor, 0, n, out);
    tb_tensor_read(tensor, tensor->n_elements - n, n, out);
    tb_tensor_copy(tensor, tensor->n_elements - n, n, bytes);
}

static void lay_out(const tb_weights *weights)
{
    size_t n = tb_weights_count(weights);
    tb_safetensors_tensor *tensors = calloc(n + 1, sizeof *tensors);
    json_t *metadata = json_object();
    tb_safetensors_plan plan = {0};
    tb_error err = {0};
    for (size_t i = 0; tensors != NULL && i < n; i++) {
        const tb_tensor *source = tb_weights_at(weights, i);
        tensors[i] = (tb_safetensors_tensor){
            source->name, source, source->dtype, source->rank, {0}};
        for (int d = 0; d < source->rank; d++)
            tensors[i].shape[d] = source->shape[d];
    }
    if (tensors != NULL &&
        tb_safetensors_plan_init(&plan, tensors, n, metadata, &err) != TIMBRE_OK &&
        err.message[0] == '\0')
        abort();
    tb_safetensors_plan_deinit(&plan);
    json_decref(metadata);
    free(tensors);
}

static void run_pickle(const uint8_t *data, size_t size)
{
    tb_pickle pickle;
    const tb_pickle_value *value;
    size_t at = 0;
    tb_error err = {0};
    tb_pickle_init(&pickle);
    if (tb_pickle_run(&pickle, data, size, &at, &value, &err) != TIMBRE_OK &&
        err.message[0] == '\0')
        abort();
    tb_pickle_deinit(&pickle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tb_weights *weights;
    tb_error err = {0};
    if (tb_weights_open_bytes(data, size, &weights, &err) == TIMBRE_OK) {
        for (size_t i = 0; i < tb_weights_count(weights); i++)
            read_ends(tb_weights_at(weights, i));
        lay_out(weights);
        tb_weights_close(weights);
    } else if (err.message[0] == '\0') {
        abort(); /* every refusal says why */
    }
    run_pickle(data, size);
    return 0;
}
