/* What of a picture is made anew: a mask, a span of time and a band of pitch, as far as given. */
#include <math.h>
#include <string.h>

#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"

enum { WHITE = 255 };

static void set_span(tb_riffusion_mask *mask, const tb_riffusion *r, const char *text)
{
    double from, to;
    double columns = (double)r->vocode.params.sample_rate_hz / mask->work->rework.hop;
    if (tb_rework_parse_range("repaint", text, "s", &from, &to, NULL) != TIMBRE_OK)
        return; /* it was checked */
    double last = mask->right;
    mask->left = (int)fmin(rint(from * columns), last);
    mask->right = (int)fmin(rint(to * columns), last);
}

/* Rows whose bands are loudest within the range. */
static void set_band(tb_riffusion_mask *mask, const tb_riffusion *r, const char *text)
{
    double from, to;
    tb_mel_spec spec = tb_spectrogram_mel_spec(&r->vocode.params);
    if (tb_rework_parse_range("repaint_band", text, "Hz", &from, &to, NULL) != TIMBRE_OK)
        return;
    int n = spec.n_mels;
    while (mask->top < n && tb_mel_peak_hz(&spec, n - 1 - mask->top) > to)
        mask->top++;
    while (mask->bottom > mask->top && tb_mel_peak_hz(&spec, n - mask->bottom) < from)
        mask->bottom--;
}

void tb_riffusion_mask_init(tb_riffusion_mask *mask, const tb_riffusion *r,
                            const tb_riffusion_work *w, int clip)
{
    const timbre_request *request = w->job->request;
    *mask = (tb_riffusion_mask){.work = w,
                                .clip = clip,
                                .right = w->rework.n_columns,
                                .bottom = r->vocode.params.num_frequencies};
    if (timbre_request_has(request, "repaint"))
        set_span(mask, r, timbre_request_text(request, "repaint"));
    if (timbre_request_has(request, "repaint_band"))
        set_band(mask, r, timbre_request_text(request, "repaint_band"));
}

int tb_riffusion_mask_at(const tb_riffusion_mask *mask, double x, double y)
{
    const tb_riffusion_work *w = mask->work;
    double column = x + tb_rework_column(&w->rework, mask->clip);
    if (column < mask->left || column >= mask->right || y < mask->top || y >= mask->bottom)
        return 0;
    if (w->mask.pixels == NULL)
        return WHITE;
    /* the nearest pixel of a mask of any size */
    int i = (int)(column * w->mask.width / w->rework.n_columns);
    int k = (int)(y * w->mask.height / w->size.height);
    return w->mask.pixels[(size_t)k * (size_t)w->mask.width + (size_t)i];
}

void tb_riffusion_mask_latents(const tb_riffusion_mask *mask, float *keep)
{
    const tb_riffusion_size *size = &mask->work->size;
    double side = (double)size->width / size->w;
    for (int i = 0; i < size->h; i++)
        for (int k = 0; k < size->w; k++) {
            int v = tb_riffusion_mask_at(mask, (k + 0.5) * side, (i + 0.5) * side);
            keep[i * size->w + k] = 1 - (float)v / WHITE;
        }
}

void tb_riffusion_mask_paste(const tb_riffusion_mask *mask, uint8_t *rgb)
{
    const tb_raster *init = &mask->work->init;
    const tb_riffusion_size *size = &mask->work->size;
    int column = tb_rework_column(&mask->work->rework, mask->clip);
    for (int y = 0; y < size->height; y++)
        for (int x = 0; x < size->width; x++) {
            int v = tb_riffusion_mask_at(mask, x + 0.5, y + 0.5);
            size_t at = (size_t)y * (size_t)init->width + (size_t)(column + x);
            uint8_t *pixel = rgb + 3 * ((size_t)y * (size_t)size->width + (size_t)x);
            for (int c = 0; c < 3; c++) {
                int old = init->pixels[init->n_channels == 3 ? 3 * at + (size_t)c : at];
                pixel[c] = (uint8_t)((v * pixel[c] + (WHITE - v) * old + WHITE / 2) / WHITE);
            }
        }
}
