/*
 * A picture on a spool, written by columns and read by rows or the other way round, in pieces that
 * memory holds however wide it is. Elements are 1, 2, 4 or 6 bytes and not looked at.
 */
#ifndef TB_SPECTROGRAM_TILES_H
#define TB_SPECTROGRAM_TILES_H

#include "engine/base/spool.h"

enum { TB_TILE_COLUMNS = 256, TB_TILE_ROWS = 64 };

typedef struct tb_tiles {
    tb_spool *spool; /* borrowed */
    int64_t offset;  /* where in the spool */
    int n_rows;
    int element_bytes;
} tb_tiles;

/* Columns [x, x + n) (n <= TB_TILE_COLUMNS, not across a multiple of it): data [n_rows][n]. */
TB_MUST_USE tb_status tb_tiles_write_columns(const tb_tiles *tiles, int64_t x, int n,
                                             const void *data, tb_error *err);
TB_MUST_USE tb_status tb_tiles_read_columns(const tb_tiles *tiles, int64_t x, int n, void *data,
                                            tb_error *err);
/* Rows [y, y + n) over columns [0, width): data [n][width]. */
TB_MUST_USE tb_status tb_tiles_write_rows(const tb_tiles *tiles, int y, int n, int64_t width,
                                          const void *data, tb_error *err);
TB_MUST_USE tb_status tb_tiles_read_rows(const tb_tiles *tiles, int y, int n, int64_t width,
                                         void *data, tb_error *err);

#endif
