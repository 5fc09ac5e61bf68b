/*
 * Which models there are on this machine, what each lacks, and which one answers when none is
 * named.
 */
#ifndef TB_HUB_INSTALLED_H
#define TB_HUB_INSTALLED_H

#include "hub/hub.h"
#include "hub/registry.h"

typedef enum tb_installed_state {
    TB_INSTALLED_ABSENT,  /* known, nothing of it is here */
    TB_INSTALLED_PARTIAL, /* some files or the beginning of one: a pull goes on from there */
    TB_INSTALLED_WHOLE,
} tb_installed_state;

typedef enum tb_provenance {
    TB_PROVENANCE_KNOWN,   /* of the registry, whoever downloaded it */
    TB_PROVENANCE_PULLED,  /* fetched by name from the Hub */
    TB_PROVENANCE_ADDED,   /* a path that Timbre was told of */
    TB_PROVENANCE_SHIPPED, /* it came with the program: never the default, either */
    TB_PROVENANCE_CACHE,   /* downloaded by another program: usable by name, never the default,
                          because  nothing says that it paints spectrograms */
} tb_provenance;

typedef struct tb_installed {
    char *name;
    char *path;      /* what the engine opens; NULL unless WHOLE */
    char *tokenizer; /* folder of its vocabulary; NULL: the model's own */
    tb_installed_state state;
    tb_provenance provenance;
    const tb_known_model *known; /* NULL: not of the registry */
    char *licence;               /* id; "unknown" */
    int64_t len_bytes;           /* of its files that are here, parts included */
    size_t n_missing;
    char *missing; /* the first file that is not here; NULL */
    char *commit;  /* of the weights; NULL: an added path */
} tb_installed;

typedef struct tb_installed_list {
    tb_installed *items; /* known ones in the registry's order, then pulled and added ones (newest
                            first), those of other programs by name, the shipped one */
    size_t n;
} tb_installed_list;

/* Looks at names and sizes, opens no weights: some milliseconds. A damaged manifest or repository
 * is left out; *warnings (may be NULL) gets an owned text, a line each, or NULL. */
TB_MUST_USE tb_status tb_installed_list_read(const tb_hub *hub, tb_installed_list *out,
                                             char **warnings, tb_error *err);
/* How a model that is not whole becomes so, as a sentence's end. Owned; NULL for memory. */
char *tb_installed_remedy(const tb_installed *model) TB_MUST_USE;
/* MODEL_MISSING unless it is whole: what is missing, and the remedy. */
TB_MUST_USE tb_status tb_installed_require_whole(const tb_installed *model, tb_error *err);
void tb_installed_list_deinit(tb_installed_list *list);
/* Borrowed from the list; NULL: no such name. */
const tb_installed *tb_installed_find(const tb_installed_list *list, const char *name);
/* The first whole one that is not TB_PROVENANCE_CACHE; NULL: none, so the sketch answers. */
const tb_installed *tb_installed_default(const tb_installed_list *list);

/*
 * Tell Timbre of a model at a path that the caller has approved. files: absolute paths of all that
 * decide what it computes; each is hashed (`progress` may be NULL). EXISTS: the name is another
 * model's. BAD_INPUT: the name.
 */
struct tb_progress;
TB_MUST_USE tb_status tb_installed_add(const tb_hub *hub, const char *name, const char *path,
                                       const char *licence, const char *const *files,
                                       size_t n_files, const struct tb_progress *progress,
                                       tb_error *err);

#endif
