/*
 * Which files of a diffusers repository the engine reads: its configs, one choice of weights for
 * each network (half precision and safetensors first), the vocabulary and what describes it.
 */
#ifndef TB_HUB_CHOOSE_H
#define TB_HUB_CHOOSE_H

#include "hub/remote.h"

enum { TB_CHOICE_NETWORKS = 3 };

typedef struct tb_choice {
    bool *is_chosen; /* of each entry of the list; owned */
    /* Lists of shards that still have to be read (tb_choose_shards): entries of the list; NULL. */
    const tb_remote_entry *shards[TB_CHOICE_NETWORKS];
} tb_choice;

/* Whether the cache has the whole file; one that is here is preferred to one to be fetched. */
typedef bool (*tb_is_here_fn)(const tb_remote_entry *entry, void *user);

/* BAD_FILE: no diffusers model, naming what is missing and which weights there are. */
TB_MUST_USE tb_status tb_choose(const tb_remote_tree *tree, const char *repo, tb_is_here_fn is_here,
                                void *user, tb_choice *out, tb_error *err);
void tb_choice_deinit(tb_choice *choice);

/* Choose the files that a list of shards at `index` names. BAD_FILE: damaged, or they are not in
 * the repository. */
TB_MUST_USE tb_status tb_choose_shards(const tb_remote_tree *tree, const tb_remote_entry *index,
                                       const char *json, size_t len_bytes, tb_choice *choice,
                                       tb_error *err);

/* Refuse a model_index.json whose class is of another family: BAD_FILE with its name. */
TB_MUST_USE tb_status tb_choose_check_class(const char *json, size_t len_bytes, const char *repo,
                                            tb_error *err);

#endif
