/* Any bytes as an image file (PNG or JPEG: the first bytes decide): opened, read row by row to its
 * end. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/spectrogram/image_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tb_status read_all(tb_image_reader *reader, tb_error *err)
{
    const tb_image_info *info = tb_image_get_info(reader);
    uint16_t *row = malloc((size_t)info->width * 3 * sizeof *row);
    tb_status st = row != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a row");
    for (int y = 0; st == TIMBRE_OK && y < info->height; y++)
        st = tb_image_read_row(reader, row, err);
    if (st == TIMBRE_OK)
        st = tb_image_finish(reader, err);
    free(row);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_PIXELS = 1 << 20 }; /* more only takes longer */
    tb_image_reader *reader;
    tb_error err = {0};
    tb_status st = tb_image_open_memory(data, size, &reader, &err);
    if (st == TIMBRE_OK) {
        const tb_image_info *info = tb_image_get_info(reader);
        if ((int64_t)info->width * info->height <= MAX_PIXELS)
            st = read_all(reader, &err);
        tb_image_close(reader);
    }
    if (st != TIMBRE_OK && err.message[0] == '\0')
        abort(); /* every refusal says why */
    return 0;
}
