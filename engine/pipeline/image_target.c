#include "engine/pipeline/image_target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/target.h"

static const char *ending(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot == NULL || strchr(dot, '/') != NULL ? "" : dot + 1;
}

bool tb_image_target_is_jpeg(const char *path)
{
    return strcasecmp(ending(path), "jpg") == 0 || strcasecmp(ending(path), "jpeg") == 0;
}

tb_status tb_image_target_check(const char *path, bool replace, tb_error *err)
{
    if (path == NULL || path[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "no output file is given");
    if (strcasecmp(ending(path), "png") != 0 && !tb_image_target_is_jpeg(path)) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' does not end in .png, .jpg or .jpeg",
                               path);
        tb_fix(err, "choose a name that ends in .png");
        return st;
    }
    return tb_target_check(path, replace, err);
}

static tb_status append(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    return tb_file_append(user, data, len_bytes, err);
}

tb_status tb_image_target_begin(tb_image_target *target, const char *path,
                                const tb_image_spec *spec, tb_error *err)
{
    *target = (tb_image_target){.file.fd = -1, .spec = *spec};
    target->row = malloc((size_t)spec->width * 3);
    if (target->row == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a row of %d pixels", spec->width);
    tb_status st = tb_sha256_init(&target->rows, err);
    if (st == TIMBRE_OK)
        st = tb_file_begin(&target->file, path, err);
    if (st == TIMBRE_OK)
        st = tb_image_writer_new(spec, append, &target->file, &target->writer, err);
    return st;
}

tb_status tb_image_target_write_row(tb_image_target *target, const uint8_t *rgb, tb_error *err)
{
    tb_status st = tb_sha256_add(&target->rows, rgb, (size_t)target->spec.width * 3, err);
    return st == TIMBRE_OK ? tb_image_write_row(target->writer, rgb, err) : st;
}

/* SHA-256 of the pixels in the file; also that its end is sound. */
static tb_status hash_file(tb_image_target *target, tb_image_reader *reader, char *hex,
                           tb_error *err)
{
    size_t n_samples = (size_t)target->spec.width * 3;
    tb_sha256 hash = {0};
    uint16_t *wide = malloc(n_samples * sizeof *wide);
    tb_status st = wide == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a row")
                                : tb_sha256_init(&hash, err);
    for (int y = 0; st == TIMBRE_OK && y < target->spec.height; y++) {
        st = tb_image_read_row(reader, wide, err);
        for (size_t i = 0; i < n_samples; i++)
            target->row[i] = (uint8_t)(wide[i] / 257);
        if (st == TIMBRE_OK)
            st = tb_sha256_add(&hash, target->row, n_samples, err);
    }
    if (st == TIMBRE_OK)
        st = tb_image_finish(reader, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    tb_sha256_deinit(&hash);
    free(wide);
    return st;
}

static tb_status read_back(tb_image_target *target, tb_error *err)
{
    char was[TB_SHA256_HEX_BYTES], is[TB_SHA256_HEX_BYTES];
    tb_image_reader *reader = NULL;
    tb_status st = tb_sha256_finish(&target->rows, was, err);
    if (st == TIMBRE_OK)
        st = tb_image_open(tb_file_read_path(&target->file), &reader, err);
    if (st == TIMBRE_OK) {
        const tb_image_info *info = tb_image_get_info(reader);
        if (info->width != target->spec.width || info->height != target->spec.height)
            st = tb_fail(err, TIMBRE_VERIFY_FAILED, "the image read back is %d x %d, not %d x %d",
                         info->width, info->height, target->spec.width, target->spec.height);
    }
    if (st == TIMBRE_OK)
        st = hash_file(target, reader, is, err);
    if (st == TIMBRE_OK && !target->spec.is_jpeg && strcmp(was, is) != 0)
        st = tb_fail(err, TIMBRE_VERIFY_FAILED, "the pixels read back differ from those written");
    tb_image_close(reader);
    return st;
}

tb_status tb_image_target_commit(tb_image_target *target, bool replace, tb_error *err)
{
    tb_status st = tb_image_writer_finish(target->writer, err);
    if (st == TIMBRE_OK)
        st = tb_file_sync(&target->file, err);
    if (st == TIMBRE_OK)
        st = read_back(target, err);
    return st == TIMBRE_OK ? tb_file_commit(&target->file, replace, err) : st;
}

void tb_image_target_abort(tb_image_target *target)
{
    tb_image_writer_free(target->writer);
    tb_file_abort(&target->file);
    tb_sha256_deinit(&target->rows);
    free(target->row);
    target->writer = NULL;
    target->row = NULL;
}
