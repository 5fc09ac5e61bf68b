#include "engine/spectrogram/glyphs.h"

#include <string.h>
#include <utf8proc.h>

enum { FIRST = 32, LAST = 126 };

/* Rows from the top; bit 4 is the leftmost dot. */
static const uint8_t glyphs[LAST - FIRST + 1][TB_GLYPH_HEIGHT] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0},        /* space */
    {4, 4, 4, 4, 4, 0, 4, 0, 0},        /* ! */
    {10, 10, 10, 0, 0, 0, 0, 0, 0},     /* " */
    {10, 10, 31, 10, 31, 10, 10, 0, 0}, /* # */
    {4, 15, 20, 14, 5, 30, 4, 0, 0},    /* $ */
    {24, 25, 2, 4, 8, 19, 3, 0, 0},     /* % */
    {12, 18, 20, 8, 21, 18, 13, 0, 0},  /* & */
    {4, 4, 4, 0, 0, 0, 0, 0, 0},        /* ' */
    {2, 4, 8, 8, 8, 4, 2, 0, 0},        /* ( */
    {8, 4, 2, 2, 2, 4, 8, 0, 0},        /* ) */
    {0, 4, 21, 14, 21, 4, 0, 0, 0},     /* asterisk */
    {0, 4, 4, 31, 4, 4, 0, 0, 0},       /* + */
    {0, 0, 0, 0, 0, 12, 12, 4, 8},      /* , */
    {0, 0, 0, 31, 0, 0, 0, 0, 0},       /* - */
    {0, 0, 0, 0, 0, 12, 12, 0, 0},      /* . */
    {1, 1, 2, 4, 8, 16, 16, 0, 0},      /* slash */
    {14, 17, 19, 21, 25, 17, 14, 0, 0}, /* 0 */
    {4, 12, 4, 4, 4, 4, 14, 0, 0},      /* 1 */
    {14, 17, 1, 6, 8, 16, 31, 0, 0},    /* 2 */
    {14, 17, 1, 6, 1, 17, 14, 0, 0},    /* 3 */
    {2, 6, 10, 18, 31, 2, 2, 0, 0},     /* 4 */
    {31, 16, 30, 1, 1, 17, 14, 0, 0},   /* 5 */
    {6, 8, 16, 30, 17, 17, 14, 0, 0},   /* 6 */
    {31, 1, 2, 2, 4, 4, 4, 0, 0},       /* 7 */
    {14, 17, 17, 14, 17, 17, 14, 0, 0}, /* 8 */
    {14, 17, 17, 15, 1, 2, 12, 0, 0},   /* 9 */
    {0, 12, 12, 0, 12, 12, 0, 0, 0},    /* : */
    {0, 0, 12, 12, 0, 12, 12, 4, 8},    /* ; */
    {2, 4, 8, 16, 8, 4, 2, 0, 0},       /* < */
    {0, 0, 31, 0, 31, 0, 0, 0, 0},      /* = */
    {8, 4, 2, 1, 2, 4, 8, 0, 0},        /* > */
    {14, 17, 1, 2, 4, 0, 4, 0, 0},      /* ? */
    {14, 17, 19, 21, 23, 16, 14, 0, 0}, /* @ */
    {4, 10, 17, 17, 31, 17, 17, 0, 0},  /* A */
    {30, 17, 17, 30, 17, 17, 30, 0, 0}, /* B */
    {14, 17, 16, 16, 16, 17, 14, 0, 0}, /* C */
    {28, 18, 17, 17, 17, 18, 28, 0, 0}, /* D */
    {31, 16, 16, 30, 16, 16, 31, 0, 0}, /* E */
    {31, 16, 16, 30, 16, 16, 16, 0, 0}, /* F */
    {14, 17, 16, 23, 17, 17, 14, 0, 0}, /* G */
    {17, 17, 17, 31, 17, 17, 17, 0, 0}, /* H */
    {14, 4, 4, 4, 4, 4, 14, 0, 0},      /* I */
    {7, 2, 2, 2, 2, 18, 12, 0, 0},      /* J */
    {17, 18, 20, 24, 20, 18, 17, 0, 0}, /* K */
    {16, 16, 16, 16, 16, 16, 31, 0, 0}, /* L */
    {17, 27, 21, 21, 17, 17, 17, 0, 0}, /* M */
    {17, 25, 25, 21, 19, 19, 17, 0, 0}, /* N */
    {14, 17, 17, 17, 17, 17, 14, 0, 0}, /* O */
    {30, 17, 17, 30, 16, 16, 16, 0, 0}, /* P */
    {14, 17, 17, 17, 21, 18, 13, 0, 0}, /* Q */
    {30, 17, 17, 30, 20, 18, 17, 0, 0}, /* R */
    {14, 17, 16, 14, 1, 17, 14, 0, 0},  /* S */
    {31, 4, 4, 4, 4, 4, 4, 0, 0},       /* T */
    {17, 17, 17, 17, 17, 17, 14, 0, 0}, /* U */
    {17, 17, 17, 17, 10, 10, 4, 0, 0},  /* V */
    {17, 17, 17, 21, 21, 27, 17, 0, 0}, /* W */
    {17, 17, 10, 4, 10, 17, 17, 0, 0},  /* X */
    {17, 17, 10, 4, 4, 4, 4, 0, 0},     /* Y */
    {31, 1, 2, 4, 8, 16, 31, 0, 0},     /* Z */
    {14, 8, 8, 8, 8, 8, 14, 0, 0},      /* [ */
    {16, 16, 8, 4, 2, 1, 1, 0, 0},      /* backslash */
    {14, 2, 2, 2, 2, 2, 14, 0, 0},      /* ] */
    {4, 10, 17, 0, 0, 0, 0, 0, 0},      /* ^ */
    {0, 0, 0, 0, 0, 0, 0, 31, 0},       /* _ */
    {8, 4, 0, 0, 0, 0, 0, 0, 0},        /* ` */
    {0, 0, 14, 1, 15, 17, 15, 0, 0},    /* a */
    {16, 16, 30, 17, 17, 17, 30, 0, 0}, /* b */
    {0, 0, 14, 17, 16, 17, 14, 0, 0},   /* c */
    {1, 1, 15, 17, 17, 17, 15, 0, 0},   /* d */
    {0, 0, 14, 17, 31, 16, 14, 0, 0},   /* e */
    {6, 8, 28, 8, 8, 8, 8, 0, 0},       /* f */
    {0, 0, 15, 17, 17, 17, 15, 1, 14},  /* g */
    {16, 16, 30, 17, 17, 17, 17, 0, 0}, /* h */
    {4, 0, 12, 4, 4, 4, 14, 0, 0},      /* i */
    {2, 0, 6, 2, 2, 2, 2, 18, 12},      /* j */
    {16, 16, 18, 20, 24, 20, 18, 0, 0}, /* k */
    {12, 4, 4, 4, 4, 4, 14, 0, 0},      /* l */
    {0, 0, 26, 21, 21, 21, 21, 0, 0},   /* m */
    {0, 0, 30, 17, 17, 17, 17, 0, 0},   /* n */
    {0, 0, 14, 17, 17, 17, 14, 0, 0},   /* o */
    {0, 0, 30, 17, 17, 17, 30, 16, 16}, /* p */
    {0, 0, 15, 17, 17, 17, 15, 1, 1},   /* q */
    {0, 0, 22, 25, 16, 16, 16, 0, 0},   /* r */
    {0, 0, 15, 16, 14, 1, 30, 0, 0},    /* s */
    {8, 8, 28, 8, 8, 9, 6, 0, 0},       /* t */
    {0, 0, 17, 17, 17, 17, 15, 0, 0},   /* u */
    {0, 0, 17, 17, 17, 10, 4, 0, 0},    /* v */
    {0, 0, 17, 17, 21, 21, 10, 0, 0},   /* w */
    {0, 0, 17, 10, 4, 10, 17, 0, 0},    /* x */
    {0, 0, 17, 17, 17, 17, 15, 1, 14},  /* y */
    {0, 0, 31, 2, 4, 8, 31, 0, 0},      /* z */
    {6, 4, 4, 8, 4, 4, 6, 0, 0},        /* { */
    {4, 4, 4, 4, 4, 4, 4, 4, 0},        /* | */
    {12, 4, 4, 2, 4, 4, 12, 0, 0},      /* } */
    {0, 0, 8, 21, 2, 0, 0, 0, 0},       /* ~ */
};

/* Chequered: an empty one looks like the letter O. */
static const uint8_t box[TB_GLYPH_HEIGHT] = {21, 10, 21, 10, 21, 10, 21};

static bool dot(const uint8_t *rows, int x, int y)
{
    return x >= 0 && x < TB_GLYPH_WIDTH && y >= 0 && y < TB_GLYPH_HEIGHT &&
           (rows[y] >> (TB_GLYPH_WIDTH - 1 - x) & 1) != 0;
}

/* Scale2x (Mazzoleni 2001): a quarter of a dot takes the value of its two outer neighbours where
 * they agree and the others differ. */
static bool quarter(const uint8_t *rows, int x, int y, int side_x, int side_y)
{
    bool beside = dot(rows, x + side_x, y), above = dot(rows, x, y + side_y);
    bool other_beside = dot(rows, x - side_x, y), other_above = dot(rows, x, y - side_y);
    bool is_corner = beside == above && beside != other_above && above != other_beside;
    return is_corner ? beside : dot(rows, x, y);
}

bool tb_glyph_dot(uint32_t code, int scale, int x, int y)
{
    const uint8_t *rows = code >= FIRST && code <= LAST ? glyphs[code - FIRST] : box;
    if (scale % 2 != 0)
        return dot(rows, x / scale, y / scale);
    int half = scale / 2;
    return quarter(rows, x / scale, y / scale, x / half % 2 == 0 ? -1 : 1,
                   y / half % 2 == 0 ? -1 : 1);
}

/* One code point and its bytes; U+FFFD for a byte that is no UTF-8. */
static uint32_t decode(const char *text, size_t *len_bytes)
{
    utf8proc_int32_t code;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text,
                                            (utf8proc_ssize_t)strnlen(text, 4), &code);
    *len_bytes = len > 0 ? (size_t)len : text[0] != '\0';
    return len > 0 ? (uint32_t)code : text[0] != '\0' ? 0xfffd : 0;
}

static bool is_mark(uint32_t code)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME;
}

/* The letter below its accents: what its decomposition (NFKD) begins with. */
static uint32_t base_of(uint32_t code)
{
    utf8proc_int32_t parts[32];
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)code, parts, 32,
                                                 UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, NULL);
    return n > 0 && n <= 32 ? (uint32_t)parts[0] : code;
}

uint32_t tb_glyph_next(const char *text, size_t *len_bytes)
{
    uint32_t code = decode(text, len_bytes);
    size_t len;
    while (*len_bytes > 0 && is_mark(decode(text + *len_bytes, &len)))
        *len_bytes += len;
    return code < 0x80 ? code : base_of(code);
}

int tb_glyph_count(const char *text)
{
    int n = 0;
    for (size_t len; tb_glyph_next(text, &len) != 0; text += len)
        n++;
    return n;
}
