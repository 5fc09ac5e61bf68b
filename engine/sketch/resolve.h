/* From findings, what the words of a prompt were taken for, to the brief that they make together.
 */
#ifndef TB_SKETCH_RESOLVE_H
#define TB_SKETCH_RESOLVE_H

#include "engine/sketch/brief.h"
#include "engine/sketch/lexicon.h"
#include "engine/sketch/notation.h"

enum { TB_UNKNOWN_BYTES = 128 }; /* room to sort by; the brief keeps less */

typedef struct tb_finding {
    const tb_lexicon_entry *entry; /* NULL: a notation */
    tb_notation notation;
    const char *spelling; /* of the phrase in the lexicon; NULL for a notation */
    double scale;         /* "very" and the like; of a texture also "gentle", "heavy"; 1: plain */
    bool negated;
    bool alone;      /* nothing but this plays */
    bool featured;   /* "violin solo": alone when nothing else is named */
    int8_t level_db; /* "quiet drums" */
} tb_finding;

typedef struct tb_findings {
    tb_finding *items;
    int n;
    char (*unknown)[TB_UNKNOWN_BYTES]; /* words without a meaning, as typed */
    int n_unknown;
} tb_findings;

/* Fill *out. The result depends on the set of findings and unknown words, not on their order;
 * sorts both in place. */
void tb_findings_resolve(tb_findings *found, tb_brief *out);

#endif
