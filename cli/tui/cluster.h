/*
 * Text as people see it: grapheme clusters (UAX #29, utf8proc) for the cursor, and pieces for the
 * screen. A piece is one spacing character with what combines with it, which every terminal draws
 * in the same number of cells; a cluster of several spacing characters (a family of emoji) is drawn
 * as its pieces side by side, so it may take more cells than some terminal would give it and never
 * breaks a row.
 */
#ifndef TB_CLI_TUI_CLUSTER_H
#define TB_CLI_TUI_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

enum { TB_PIECE_CODES_MAX = 5 /* ncurses' CCHARW_MAX */ };

typedef struct tb_piece {
    uint32_t code[TB_PIECE_CODES_MAX]; /* spacing character first, marks after it */
    int n_codes;
    int columns; /* 1 or 2 */
} tb_piece;

/* Bytes of the cluster that begins at text[0 .. n); 0 at the end. Invalid UTF-8 is taken byte by
 * byte. */
size_t tb_cluster_next(const char *text, size_t n);
/* Bytes of the cluster that ends at text[at]; 0 at the beginning. */
size_t tb_cluster_before(const char *text, size_t at);

/*
 * The next piece of text[0 .. n) and how many bytes it took, with those that are not drawn
 * (joiners, variation selectors, skin tones, marks without a letter); 0 at the end. Where nothing
 * drawable was left, n_codes is 0. Line breaks and tabs are blanks, other control characters and
 * invalid bytes U+FFFD, regional indicators their letters.
 */
size_t tb_piece_next(const char *text, size_t n, tb_piece *piece);

/* Columns of all pieces. */
int tb_text_columns(const char *text, size_t n);
/* Bytes of whole clusters that fill at most `columns`. */
size_t tb_text_fit(const char *text, size_t n, int columns);

#endif
