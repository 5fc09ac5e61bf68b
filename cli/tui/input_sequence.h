/* One whole escape sequence of a terminal: where it ends, and the event that it is. Private to the
 * decoder. */
#ifndef TB_CLI_TUI_INPUT_SEQUENCE_H
#define TB_CLI_TUI_INPUT_SEQUENCE_H

#include "cli/tui/input.h"

enum { ESC = 0x1B, TB_SEQUENCE_PARAMS_MAX = 16 };

/* A control sequence: CSI parameters and what ends it. */
typedef struct tb_sequence {
    char lead;                           /* '<', '?', '>' or 0 */
    long params[TB_SEQUENCE_PARAMS_MAX]; /* -1: left out */
    long subs[TB_SEQUENCE_PARAMS_MAX];   /* after a colon; -1: none */
    int n_params;
    char intermediate, final;
} tb_sequence;

/* Bytes of "ESC [ ... final"; 0: more are needed. What is no control sequence ends before the byte
 * that does not belong to it. */
size_t tb_sequence_scan_csi(const char *s, size_t n, bool *is_broken);
/* Whether ESC and this begin an OSC, DCS, APC, PM or SOS. */
bool tb_sequence_begins_string(char c);
/* Bytes of such a sequence up to BEL or ST; 0: more are needed. */
size_t tb_sequence_scan_string(const char *s, size_t n);
/* s[0 .. n): a whole control sequence. */
void tb_sequence_parse(const char *s, size_t n, tb_sequence *out);

tb_input tb_input_of_key(uint32_t code, uint32_t mods);
/* Of a character or control character, as keys are bound; see tb_key. */
tb_input tb_input_of_code(uint32_t code, uint32_t mods);
/* The key of a letter that ends "ESC [" or "ESC O"; TB_KEY_NONE. */
uint32_t tb_sequence_letter_key(char final);
/* NONE for one that means nothing here. */
tb_input tb_sequence_csi_event(const tb_sequence *q);
/* What an OSC, DCS or APC says; *text has what the event points to. */
tb_input tb_sequence_string_event(const char *s, size_t n, tb_str *text);

#endif
