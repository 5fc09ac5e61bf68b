#include "engine/models/vae.h"

#include <assert.h>
#include <math.h>

#include "engine/base/math.h"
#include "engine/models/vae_blocks.h"
#include "engine/nn/elementwise.h"

/* Half of the autoencoder on its way. Progress counts products, for the largest pictures take most
 * of the time. */
typedef struct forward {
    tb_nn *nn;
    const tb_vae_config *config;
    const tb_vae_half *half;
    int next_resnet;
    double cost_done, cost_total;
    tb_picture p;
} forward;

static void run_resnet(forward *pass)
{
    const tb_resnet *resnet = &pass->half->resnets[pass->next_resnet++];
    pass->cost_done += tb_resnet_cost(resnet) * (double)tb_picture_positions(&pass->p);
    tb_resnet_forward(pass->nn, resnet, &pass->p, NULL, false);
    tb_part_report(pass->nn, pass->cost_done / pass->cost_total);
}

static void run_resnets(forward *pass, int n)
{
    for (int i = 0; i < n; i++)
        run_resnet(pass);
}

static void run_middle(forward *pass)
{
    run_resnet(pass);
    tb_vae_attention_forward(pass->nn, &pass->half->attention, &pass->p);
    run_resnet(pass);
}

/* Products of n resnets from `first` on, for a picture of h * w. */
static double cost_of(const tb_vae_half *half, int first, int n, int h, int w)
{
    double cost = 0;
    for (int i = first; i < first + n; i++)
        cost += tb_resnet_cost(&half->resnets[i]) * h * w;
    return cost;
}

static void begin_pass(forward *pass, const float *in, int h, int w)
{
    const tb_conv *conv = &pass->half->conv_in;
    tb_picture p = {.n = 1, .h = h, .w = w};
    pass->p = tb_picture_take(pass->nn, &p, conv->matrix.n_out);
    tb_conv2d(pass->nn, pass->p.x, in, 1, h, w, conv, NULL);
}

static void end_pass(forward *pass, float *out)
{
    tb_picture *p = &pass->p;
    tb_group_norm(pass->nn, p->x, p->x, 1, tb_picture_positions(p), &pass->half->norm_out, true);
    tb_conv2d(pass->nn, out, p->x, 1, p->h, p->w, &pass->half->conv_out, NULL);
    tb_nn_give(pass->nn, p->x);
}

/* x = post_quant_conv(latents / scaling factor) */
static void unscale(forward *pass, const float *latents, int n_positions, float *x)
{
    int n_channels = pass->config->latent_channels;
    float *z = tb_nn_take(pass->nn, (size_t)n_positions * (size_t)n_channels);
    if (tb_nn_begin(pass->nn, 0))
        for (int64_t i = 0; i < (int64_t)n_positions * n_channels; i++)
            z[i] = latents[i] / (float)pass->config->scaling_factor;
    tb_linear(pass->nn, x, z, n_positions, &pass->half->quant, NULL);
    tb_nn_give(pass->nn, z);
}

static double decoder_cost(const tb_vae *vae, int h, int w)
{
    int n_layers = vae->config.layers_per_block + 1;
    double cost = cost_of(&vae->decoder, 0, 2, h, w);
    for (int i = 0; i < vae->config.n_blocks; i++)
        cost += cost_of(&vae->decoder, 2 + i * n_layers, n_layers, h << i, w << i);
    return cost;
}

void tb_vae_decode(tb_nn *nn, const tb_vae *vae, const float *latents, int h, int w, float *image)
{
    const tb_vae_config *config = &vae->config;
    forward pass = {.nn = nn, .config = config, .half = &vae->decoder};
    assert(vae->parts & TB_VAE_DECODER);
    pass.cost_total = decoder_cost(vae, h, w);
    float *z = tb_nn_take(nn, (size_t)h * (size_t)w * (size_t)config->latent_channels);
    unscale(&pass, latents, h * w, z);
    begin_pass(&pass, z, h, w);
    tb_nn_give(nn, z);
    run_middle(&pass);
    for (int i = 0; i < config->n_blocks; i++) {
        run_resnets(&pass, config->layers_per_block + 1);
        if (i + 1 < config->n_blocks)
            tb_picture_upsample(nn, &pass.p, 2 * pass.p.h, 2 * pass.p.w, &vae->decoder.samplers[i]);
    }
    end_pass(&pass, image);
}

static double encoder_cost(const tb_vae *vae, int h, int w)
{
    int n_layers = vae->config.layers_per_block, n_blocks = vae->config.n_blocks;
    double cost = cost_of(&vae->encoder, n_blocks * n_layers, 2, h >> (n_blocks - 1),
                          w >> (n_blocks - 1));
    for (int i = 0; i < n_blocks; i++)
        cost += cost_of(&vae->encoder, i * n_layers, n_layers, h >> i, w >> i);
    return cost;
}

void tb_vae_encode(tb_nn *nn, const tb_vae *vae, const float *image, int height, int width,
                   float *moments)
{
    const tb_vae_config *config = &vae->config;
    forward pass = {.nn = nn, .config = config, .half = &vae->encoder};
    assert(vae->parts & TB_VAE_ENCODER);
    pass.cost_total = encoder_cost(vae, height, width);
    begin_pass(&pass, image, height, width);
    for (int i = 0; i < config->n_blocks; i++) {
        run_resnets(&pass, config->layers_per_block);
        if (i + 1 < config->n_blocks)
            tb_picture_conv(nn, &pass.p, &vae->encoder.samplers[i], false);
    }
    run_middle(&pass);
    int64_t n_positions = tb_picture_positions(&pass.p);
    float *raw = tb_nn_take(nn, (size_t)n_positions * 2 * (size_t)config->latent_channels);
    end_pass(&pass, raw);
    tb_linear(nn, moments, raw, n_positions, &vae->encoder.quant, NULL);
    tb_nn_give(nn, raw);
}

static float clamp(float x, float low, float high)
{
    return !(x > low) ? low : x > high ? high : x; /* NaN: low */
}

void tb_vae_sample(const tb_vae_config *config, const float *moments, const float *noise, int h,
                   int w, float *latents)
{
    size_t c = (size_t)config->latent_channels;
    float factor = (float)config->scaling_factor;
    for (size_t i = 0; i < (size_t)h * (size_t)w; i++) {
        const float *means = moments + 2 * c * i, *log_variances = means + c;
        for (size_t j = 0; j < c; j++) {
            float deviation = (float)tb_exp(0.5 * clamp(log_variances[j], -30, 20));
            float z = noise != NULL ? means[j] + deviation * noise[c * i + j] : means[j];
            latents[c * i + j] = z * factor;
        }
    }
}

void tb_vae_to_pixels(const float *image, int64_t n, uint8_t *pixels)
{
    for (int64_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)rintf(clamp(image[i] / 2 + 0.5f, 0, 1) * 255);
}
