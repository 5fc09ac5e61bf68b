#include "engine/models/names_ldm.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct {
    const char *from, *to;
} swap;

/* A resnet's layers. */
static const swap unet_resnet_swaps[] = {
    {"in_layers.0.", "norm1."},
    {"in_layers.2.", "conv1."},
    {"emb_layers.1.", "time_emb_proj."},
    {"out_layers.0.", "norm2."},
    {"out_layers.3.", "conv2."},
    {"skip_connection.", "conv_shortcut."},
    {NULL, NULL},
};
static const swap vae_resnet_swaps[] = {{"nin_shortcut.", "conv_shortcut."}, {NULL, NULL}};

/* The VAE's attention: the original's, then diffusers' before 0.15. */
static const swap attention_swaps[] = {
    {"norm.", "group_norm."},    {"q.", "to_q."},     {"k.", "to_k."},   {"v.", "to_v."},
    {"proj_out.", "to_out.0."},  {"query.", "to_q."}, {"key.", "to_k."}, {"value.", "to_v."},
    {"proj_attn.", "to_out.0."}, {NULL, NULL},
};

typedef enum { PLACE_NONE, PLACE_INPUT, PLACE_OUTPUT, PLACE_SAME, PLACE_REVERSED } place_kind;

/* '#' in `from` is an index; in `to`, '@' is the block and '#' the layer that it means. What
 * follows is the tail, which has its own swaps. The first rule that fits counts, in both
 * directions. */
typedef struct {
    tb_network network;
    const char *from, *to;
    place_kind place;
    const swap *tails;
} rule;

#define UNET TB_NETWORK_UNET
#define VAE  TB_NETWORK_VAE
static const rule rules[] = {
    {UNET, "time_embed.0.", "time_embedding.linear_1.", PLACE_NONE, NULL},
    {UNET, "time_embed.2.", "time_embedding.linear_2.", PLACE_NONE, NULL},
    {UNET, "out.0.", "conv_norm_out.", PLACE_NONE, NULL},
    {UNET, "out.2.", "conv_out.", PLACE_NONE, NULL},
    {UNET, "middle_block.0.", "mid_block.resnets.0.", PLACE_NONE, unet_resnet_swaps},
    {UNET, "middle_block.1.", "mid_block.attentions.0.", PLACE_NONE, NULL},
    {UNET, "middle_block.2.", "mid_block.resnets.1.", PLACE_NONE, unet_resnet_swaps},
    {UNET, "input_blocks.0.0.", "conv_in.", PLACE_NONE, NULL},
    {UNET, "input_blocks.#.0.op.", "down_blocks.@.downsamplers.0.conv.", PLACE_INPUT, NULL},
    {UNET, "input_blocks.#.0.", "down_blocks.@.resnets.#.", PLACE_INPUT, unet_resnet_swaps},
    {UNET, "input_blocks.#.1.", "down_blocks.@.attentions.#.", PLACE_INPUT, NULL},
    {UNET, "output_blocks.#.1.conv.", "up_blocks.@.upsamplers.0.conv.", PLACE_OUTPUT, NULL},
    {UNET, "output_blocks.#.2.conv.", "up_blocks.@.upsamplers.0.conv.", PLACE_OUTPUT, NULL},
    {UNET, "output_blocks.#.0.", "up_blocks.@.resnets.#.", PLACE_OUTPUT, unet_resnet_swaps},
    {UNET, "output_blocks.#.1.", "up_blocks.@.attentions.#.", PLACE_OUTPUT, NULL},
    {VAE, "encoder.norm_out.", "encoder.conv_norm_out.", PLACE_NONE, NULL},
    {VAE, "decoder.norm_out.", "decoder.conv_norm_out.", PLACE_NONE, NULL},
    {VAE, "encoder.mid.block_1.", "encoder.mid_block.resnets.0.", PLACE_NONE, vae_resnet_swaps},
    {VAE, "encoder.mid.block_2.", "encoder.mid_block.resnets.1.", PLACE_NONE, vae_resnet_swaps},
    {VAE, "encoder.mid.attn_1.", "encoder.mid_block.attentions.0.", PLACE_NONE, attention_swaps},
    {VAE, "decoder.mid.block_1.", "decoder.mid_block.resnets.0.", PLACE_NONE, vae_resnet_swaps},
    {VAE, "decoder.mid.block_2.", "decoder.mid_block.resnets.1.", PLACE_NONE, vae_resnet_swaps},
    {VAE, "decoder.mid.attn_1.", "decoder.mid_block.attentions.0.", PLACE_NONE, attention_swaps},
    {VAE, "encoder.down.#.block.#.", "encoder.down_blocks.@.resnets.#.", PLACE_SAME,
     vae_resnet_swaps},
    {VAE, "encoder.down.#.downsample.", "encoder.down_blocks.@.downsamplers.0.", PLACE_SAME, NULL},
    {VAE, "decoder.up.#.block.#.", "decoder.up_blocks.@.resnets.#.", PLACE_REVERSED,
     vae_resnet_swaps},
    {VAE, "decoder.up.#.upsample.", "decoder.up_blocks.@.upsamplers.0.", PLACE_REVERSED, NULL},
    {VAE, "encoder.mid_block.attentions.0.", "encoder.mid_block.attentions.0.", PLACE_NONE,
     attention_swaps},
    {VAE, "decoder.mid_block.attentions.0.", "decoder.mid_block.attentions.0.", PLACE_NONE,
     attention_swaps},
};
#undef UNET
#undef VAE

/* An index below TB_LDM_MAX_INDEX without leading zeros; -1: none. */
static int take_index(const char **text)
{
    const char *p = *text;
    if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
        return -1;
    int n = 0;
    for (; isdigit((unsigned char)*p) && n < TB_LDM_MAX_INDEX; p++)
        n = 10 * n + (*p - '0');
    *text = p;
    return n < TB_LDM_MAX_INDEX ? n : -1;
}

/* Whether name begins as `from`; its indices then, and what follows in *tail. */
static bool match(const char *from, const char *name, int index[2], const char **tail)
{
    int n = 0;
    index[0] = index[1] = 0;
    for (; *from != '\0'; from++) {
        if (*from != '#' && *from != '@') {
            if (*name++ != *from)
                return false;
            continue;
        }
        int i = take_index(&name);
        if (i < 0 || n == 2)
            return false;
        index[n++] = i;
    }
    *tail = name;
    return true;
}

void tb_ldm_layout_add(tb_ldm_layout *layout, const char *name)
{
    int index[2];
    const char *tail;
    if (match("input_blocks.#.0.op.", name, index, &tail))
        layout->ends_input[index[0]] = true;
    if (match("output_blocks.#.1.conv.", name, index, &tail) ||
        match("output_blocks.#.2.conv.", name, index, &tail))
        layout->ends_output[index[0]] = true;
    if (match("decoder.up.#.", name, index, &tail) && index[0] >= layout->n_decoder_blocks)
        layout->n_decoder_blocks = index[0] + 1;
}

void tb_ldm_layout_settle(tb_ldm_layout *layout)
{
    tb_ldm_place in = {0, 0}, out = {0, 0};
    for (int i = 1; i < TB_LDM_MAX_INDEX; i++) { /* input_blocks.0 is conv_in */
        layout->input[i] = in;
        in = layout->ends_input[i] ? (tb_ldm_place){in.block + 1, 0}
                                   : (tb_ldm_place){in.block, in.layer + 1};
    }
    for (int i = 0; i < TB_LDM_MAX_INDEX; i++) {
        layout->output[i] = out;
        out = layout->ends_output[i] ? (tb_ldm_place){out.block + 1, 0}
                                     : (tb_ldm_place){out.block, out.layer + 1};
    }
}

static tb_ldm_place place_of(const tb_ldm_layout *layout, place_kind kind, const int index[2])
{
    switch (kind) {
    case PLACE_INPUT:
        return layout->input[index[0]];
    case PLACE_OUTPUT:
        return layout->output[index[0]];
    case PLACE_REVERSED:
        return (tb_ldm_place){layout->n_decoder_blocks - 1 - index[0], index[1]};
    default:
        return (tb_ldm_place){index[0], index[1]};
    }
}

static size_t format_place(const char *to, tb_ldm_place place, char *out, size_t cap)
{
    size_t len = 0;
    for (; *to != '\0' && len < cap; to++) {
        if (*to == '@' || *to == '#')
            len += (size_t)snprintf(out + len, cap - len, "%d",
                                    *to == '@' ? place.block : place.layer);
        else
            len += (size_t)snprintf(out + len, cap - len, "%c", *to);
    }
    return len;
}

static bool apply(const tb_ldm_layout *layout, const rule *r, const int index[2], const char *tail,
                  char *out)
{
    size_t cap = TB_TENSOR_NAME_MAX_BYTES;
    const char *to = "";
    for (const swap *s = r->tails; s != NULL && s->from != NULL; s++) {
        size_t len = strlen(s->from);
        if (strncmp(tail, s->from, len) == 0) {
            to = s->to;
            tail += len;
            break;
        }
    }
    size_t at = format_place(r->to, place_of(layout, r->place, index), out, cap);
    return at < cap && (size_t)snprintf(out + at, cap - at, "%s%s", to, tail) < cap - at;
}

static bool begins_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

bool tb_ldm_translate(const tb_ldm_layout *layout, tb_network network, const char *name,
                      char out[TB_TENSOR_NAME_MAX_BYTES])
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        int index[2];
        const char *tail;
        if (rules[i].network == network && match(rules[i].from, name, index, &tail))
            return apply(layout, &rules[i], index, tail, out);
    }
    bool is_bare = network == TB_NETWORK_TEXT && !begins_with(name, "text_model.");
    int len = snprintf(out, TB_TENSOR_NAME_MAX_BYTES, "%s%s", is_bare ? "text_model." : "", name);
    return len >= 0 && len < TB_TENSOR_NAME_MAX_BYTES;
}

/* ---- from today's names to the original's ---- */

static void raise_to(int *n, int least)
{
    if (*n < least)
        *n = least;
}

void tb_ldm_blocks_add(tb_ldm_blocks *blocks, const char *name)
{
    int index[2];
    const char *tail;
    if (match("down_blocks.@.resnets.#.", name, index, &tail))
        raise_to(&blocks->n_down[index[0]], index[1] + 1);
    if (match("down_blocks.@.downsamplers.0.", name, index, &tail))
        blocks->has_sampler[index[0]] = true;
    if (match("up_blocks.@.resnets.#.", name, index, &tail))
        raise_to(&blocks->n_up[index[0]], index[1] + 1);
    if (match("up_blocks.@.attentions.#.", name, index, &tail))
        blocks->has_attention_up[index[0]] = true;
    if (match("decoder.up_blocks.@.", name, index, &tail))
        raise_to(&blocks->n_decoder, index[0] + 1);
}

/* The number in the flat list of the original's UNet; a layer past the last is a block's sampler:
 * one of its own on the way down, behind the last layer on the way up. */
static int input_of(const tb_ldm_blocks *blocks, int block, int layer)
{
    int at = 1; /* input_blocks.0 is conv_in */
    for (int i = 0; i < block; i++)
        at += blocks->n_down[i] + blocks->has_sampler[i];
    return at + layer;
}

static int output_of(const tb_ldm_blocks *blocks, int block, int layer)
{
    int at = 0;
    for (int i = 0; i < block; i++)
        at += blocks->n_up[i];
    return at + layer;
}

/* What an index of the rule's `from` is. */
static void place_back(const tb_ldm_blocks *blocks, const rule *r, int index[2])
{
    bool has_layer = strchr(r->to, '#') != NULL;
    int block = index[0], layer = index[1];
    switch (r->place) {
    case PLACE_INPUT:
        index[0] = input_of(blocks, block, has_layer ? layer : blocks->n_down[block]);
        break;
    case PLACE_OUTPUT:
        index[0] = output_of(blocks, block, has_layer ? layer : blocks->n_up[block] - 1);
        break;
    case PLACE_REVERSED:
        index[0] = blocks->n_decoder - 1 - block;
        break;
    default:
        break;
    }
}

/* Two rules have an up-sampler: behind an attention it is the third of its list. */
static bool fits_back(const tb_ldm_blocks *blocks, const rule *r, int block)
{
    bool is_third = strcmp(r->from, "output_blocks.#.2.conv.") == 0;
    bool is_second = strcmp(r->from, "output_blocks.#.1.conv.") == 0;
    return (!is_second && !is_third) || blocks->has_attention_up[block] == is_third;
}

static size_t format_index(const char *from, const int index[2], char *out, size_t cap)
{
    size_t len = 0;
    for (int n = 0; *from != '\0' && len < cap; from++) {
        if (*from == '#' && n < 2)
            len += (size_t)snprintf(out + len, cap - len, "%d", index[n++]);
        else
            len += (size_t)snprintf(out + len, cap - len, "%c", *from);
    }
    return len;
}

static const char *const prefixes[TB_NETWORK_COUNT] = {
    [TB_NETWORK_TEXT] = "cond_stage_model.transformer.",
    [TB_NETWORK_UNET] = "model.diffusion_model.",
    [TB_NETWORK_VAE] = "first_stage_model.",
};

static bool apply_back(const rule *r, const int index[2], const char *tail, char *out)
{
    size_t cap = TB_TENSOR_NAME_MAX_BYTES;
    const char *from = "";
    for (const swap *s = r->tails; s != NULL && s->from != NULL; s++) {
        size_t len = strlen(s->to);
        if (strncmp(tail, s->to, len) == 0) {
            from = s->from;
            tail += len;
            break;
        }
    }
    size_t at = (size_t)snprintf(out, cap, "%s", prefixes[r->network]);
    at += format_index(r->from, index, out + at, cap - at);
    return at < cap && (size_t)snprintf(out + at, cap - at, "%s%s", from, tail) < cap - at;
}

bool tb_ldm_original(const tb_ldm_blocks *blocks, tb_network network, const char *name,
                     char out[TB_TENSOR_NAME_MAX_BYTES])
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        int index[2];
        const char *tail;
        if (rules[i].network != network || !match(rules[i].to, name, index, &tail) ||
            !fits_back(blocks, &rules[i], index[0]))
            continue;
        place_back(blocks, &rules[i], index);
        return apply_back(&rules[i], index, tail, out);
    }
    int len = snprintf(out, TB_TENSOR_NAME_MAX_BYTES, "%s%s", prefixes[network], name);
    return len >= 0 && len < TB_TENSOR_NAME_MAX_BYTES;
}

/* ---- what a checkpoint has ---- */

const char *tb_ldm_name_inside(tb_network network, const char *name)
{
    return begins_with(name, prefixes[network]) ? name + strlen(prefixes[network]) : NULL;
}

static bool begins_with_any(const char *name, const char *const *starts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (begins_with(name, starts[i]))
            return true;
    return false;
}

bool tb_ldm_is_skipped(const char *name)
{
    static const char *const starts[] = {
        "model_ema.",
        "optimizer",
        "lr_scheduler",
        "callbacks",
        "loops",
        "safety_checker",
        /* buffers of the noise schedule, which the scheduler's config gives */
        "betas",
        "alphas_cumprod",
        "sqrt_",
        "log_one_minus_",
        "posterior_",
        "lvlb_weights",
        "logvar",
        "scale_factor",
        "denoiser.",
        "cond_stage_model.logit_scale",
        "cond_stage_model.text_projection",
        "embedding_manager.",
        /* counters of a training */
        "global_step",
        "epoch",
        "hparams",
    };
    return begins_with_any(name, starts, COUNT(starts));
}

bool tb_ldm_is_skipped_inside(const char *name)
{
    static const char *const starts[] = {
        "logit_scale",   "text_projection", "visual_projection",
        "vision_model.", "loss.",           "model_ema.",
    };
    static const char position_ids[] = "position_ids"; /* a buffer 0, 1, 2, ... */
    size_t len = strlen(name), len_end = sizeof position_ids - 1;
    return begins_with_any(name, starts, COUNT(starts)) ||
           (len >= len_end && strcmp(name + len - len_end, position_ids) == 0);
}
