/* The first byte chooses what the others are: a network's config.json, or the names of tensors one
 * a line. What is let through keeps the limits that the networks build on. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/config.h"
#include "engine/models/json_config.h"
#include "engine/models/names_ldm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const json_t *json, tb_error *err)
{
    tb_text_config c;
    if (tb_text_config_read(json, "config.json", &c, err) != TIMBRE_OK)
        return;
    require(c.vocab_size >= 3 && c.vocab_size <= 1 << 18);
    require(c.width >= 1 && c.width <= 8192 && c.n_heads >= 1 && c.width % c.n_heads == 0);
    require(c.n_layers >= 1 && c.n_layers <= 64 && c.mlp_width >= 1 && c.mlp_width <= 32768);
    require(c.n_positions >= 3 && c.n_positions <= 4096 && c.eps > 0 && c.eps < 1);
}

static void check_blocks(const int *channels, int n_blocks, int n_groups)
{
    require(n_blocks >= 1 && n_blocks <= TB_MODEL_MAX_BLOCKS && n_groups >= 1);
    for (int i = 0; i < n_blocks; i++)
        require(channels[i] >= 1 && channels[i] <= 8192 && channels[i] % n_groups == 0);
}

static void check_unet(const json_t *json, tb_error *err)
{
    tb_unet_config c;
    if (tb_unet_config_read(json, "config.json", &c, err) != TIMBRE_OK)
        return;
    check_blocks(c.block_channels, c.n_blocks, c.n_groups);
    int last = c.n_blocks - 1;
    for (int i = 0; i <= last; i++) {
        require(c.layers_per_block[i] >= 1 && c.layers_per_block[i] <= 16 && c.n_heads[i] >= 1);
        if (c.has_attention_down[i] || c.has_attention_up[last - i] || i == last)
            require(c.block_channels[i] % c.n_heads[i] == 0);
    }
    require(c.in_channels >= 1 && c.in_channels <= 64 && c.out_channels >= 1);
    require(c.cross_width >= 1 && c.cross_width <= 8192 && c.block_channels[0] % 2 == 0);
}

static void check_vae(const json_t *json, tb_error *err)
{
    tb_vae_config c;
    if (tb_vae_config_read(json, "config.json", &c, err) != TIMBRE_OK)
        return;
    check_blocks(c.block_channels, c.n_blocks, c.n_groups);
    require(c.latent_channels >= 1 && c.latent_channels <= 64 && c.scaling_factor > 0);
    require(c.layers_per_block >= 1 && c.layers_per_block <= 16 && tb_vae_factor(&c) <= 128);
}

static void check_config(uint8_t kind, const char *bytes, size_t len)
{
    static void (*const checks[])(const json_t *, tb_error *) = {check_text, check_unet, check_vae};
    tb_error err = {0};
    json_t *json = NULL;
    tb_status st = tb_json_config_parse(bytes, len, "config.json", &json, &err);
    require((st == TIMBRE_OK) == (json != NULL));
    if (json != NULL)
        checks[kind % 3](json, &err);
    require(err.code == TIMBRE_OK || strstr(err.message, "config.json") != NULL);
    json_decref(json);
}

/* Any names, whatever indices they have, end within their bounds. */
static void check_names(char *names)
{
    tb_ldm_layout layout = {0};
    char *rest = NULL, *copy = strdup(names);
    require(copy != NULL);
    for (char *name = strtok_r(copy, "\n", &rest); name != NULL; name = strtok_r(NULL, "\n", &rest))
        tb_ldm_layout_add(&layout, name);
    free(copy);
    tb_ldm_layout_settle(&layout);
    for (char *name = strtok_r(names, "\n", &rest); name != NULL;
         name = strtok_r(NULL, "\n", &rest))
        for (int network = 0; network < TB_NETWORK_COUNT; network++) {
            char once[TB_TENSOR_NAME_MAX_BYTES];
            (void)tb_ldm_name_inside((tb_network)network, name);
            if (tb_ldm_translate(&layout, (tb_network)network, name, once))
                require(memchr(once, '\0', sizeof once) != NULL);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *bytes = malloc(size);
    require(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    bytes[size - 1] = '\0';
    if (data[0] == 'n')
        check_names(bytes);
    else
        check_config(data[0], bytes, size - 1);
    free(bytes);
    return 0;
}
