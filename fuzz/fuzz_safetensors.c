/* Any bytes as a safetensors file, with "{" first as the index of a model in shards: opened, and
 * every element of its tensors read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/inside.h"
#include "engine/tensor/shards.h"
#include "engine/tensor/weights_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_index(const uint8_t *data, size_t size)
{
    tb_shard_index index;
    tb_error err = {0};
    if (tb_shard_index_parse((const char *)data, size, &index, &err) != TIMBRE_OK) {
        if (err.message[0] == '\0')
            abort(); /* every refusal says why */
        return;
    }
    for (size_t i = 0; i < index.n_shards; i++)
        if (!tb_path_is_plain_name(index.shards[i]) || strchr(index.shards[i], '/') != NULL)
            abort();
    tb_shard_index_deinit(&index);
}

static void read_whole(const tb_tensor *tensor)
{
    float *out = malloc((size_t)(tensor->n_elements + 1) * sizeof *out);
    if (out != NULL)
        tb_tensor_read(tensor, 0, tensor->n_elements, out);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tb_weights *weights;
    tb_error err = {0};
    if (size > 0 && data[0] == '{')
        read_index(data, size);
    if (tb_weights_open_bytes(data, size, &weights, &err) == TIMBRE_OK) {
        for (size_t i = 0; i < tb_weights_count(weights); i++)
            read_whole(tb_weights_at(weights, i));
        tb_weights_close(weights);
    } else if (err.message[0] == '\0') {
        abort();
    }
    return 0;
}
