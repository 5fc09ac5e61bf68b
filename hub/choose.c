/* Which files of a repository: see the header. */
#include "hub/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "engine/base/path.h"

typedef struct {
    const char *folder, *safetensors, *pickle;
} network;

static const network networks[TB_CHOICE_NETWORKS] = {
    {"text_encoder", "model", "pytorch_model"},
    {"unet", "diffusion_pytorch_model", "diffusion_pytorch_model"},
    {"vae", "diffusion_pytorch_model", "diffusion_pytorch_model"},
};

/* The first that is there is fetched; the engine opens each of them. */
static const char *const endings[] = {
    ".fp16.safetensors",       ".safetensors", ".safetensors.index.fp16.json",
    ".safetensors.index.json", ".fp16.bin",    ".bin",
    ".bin.index.json",
};

typedef struct {
    const char *path;
    bool is_needed;
} part;

static const part parts[] = {
    {"model_index.json", true},
    {"scheduler/scheduler_config.json", true},
    {"text_encoder/config.json", true},
    {"unet/config.json", true},
    {"vae/config.json", true},
    {"tokenizer/vocab.json", true},
    {"tokenizer/merges.txt", true},
    {"tokenizer/tokenizer_config.json", false},
    {"tokenizer/special_tokens_map.json", false},
    {"README.md", false},
    {"timbre.json", false},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* As the engine looks for them: full precision first, where both are there. */
#define WEIGHTS(safetensors, pickle)                                                               \
    {                                                                                              \
        {safetensors ".safetensors",                                                               \
         safetensors ".safetensors.index.json",                                                    \
         safetensors ".fp16.safetensors",                                                          \
         safetensors ".safetensors.index.fp16.json",                                               \
         pickle ".bin",                                                                            \
         pickle ".bin.index.json",                                                                 \
         pickle ".fp16.bin"},                                                                      \
            TB_FAMILY_PATHS_MAX, false                                                             \
    }

static const tb_family_part weights_on_disk[TB_CHOICE_NETWORKS] = {
    WEIGHTS("text_encoder/model", "text_encoder/pytorch_model"),
    WEIGHTS("unet/diffusion_pytorch_model", "unet/diffusion_pytorch_model"),
    WEIGHTS("vae/diffusion_pytorch_model", "vae/diffusion_pytorch_model"),
};

tb_family_part tb_choose_part(size_t i)
{
    if (i < COUNT(parts))
        return (tb_family_part){{parts[i].path}, 1, !parts[i].is_needed};
    i -= COUNT(parts);
    return i < TB_CHOICE_NETWORKS ? weights_on_disk[i] : (tb_family_part){.n_paths = 0};
}

static bool has_ending(const char *text, const char *ending)
{
    size_t n = strlen(text), n_ending = strlen(ending);
    return n >= n_ending && strcmp(text + n - n_ending, ending) == 0;
}

static void choose_entry(const tb_remote_tree *tree, const tb_remote_entry *entry,
                         tb_choice *choice)
{
    choice->is_chosen[entry - tree->entries] = true;
}

/* Names of weights at hand, so that whoever reads the refusal sees what the repository is. */
static tb_status refuse(const tb_remote_tree *tree, const char *repo, const char *missing,
                        tb_error *err)
{
    tb_str names = {0};
    int n_names = 0;
    for (size_t i = 0; i < tree->n && n_names < 4; i++) {
        const char *path = tree->entries[i].path;
        if (!has_ending(path, ".safetensors") && !has_ending(path, ".bin") &&
            !has_ending(path, ".ckpt") && !has_ending(path, ".gguf"))
            continue;
        tb_str_appendf(&names, "%s%.60s", n_names++ > 0 ? ", " : "", path);
    }
    tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is no diffusers model: no '%s'; weights: %s",
                           repo, missing, n_names > 0 ? tb_str_text(&names) : "none");
    tb_fix(err, "name a repository with model_index.json, text_encoder, unet and vae, or fetch one "
                "file by hand and tell of it with timbre models add PATH");
    tb_str_deinit(&names);
    return st;
}

static const tb_remote_entry *find_weights(const tb_remote_tree *tree, const network *net,
                                           const char *ending)
{
    char *path = tb_strf("%s/%s%s", net->folder,
                         strstr(ending, ".bin") != NULL ? net->pickle : net->safetensors, ending);
    const tb_remote_entry *entry = path != NULL ? tb_remote_tree_find(tree, path) : NULL;
    free(path);
    return entry;
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Whether a list of shards is here, and every shard that by its name is of this list. The list
 * itself is read later: what it names besides is fetched then. */
static bool are_shards_here(const tb_remote_tree *tree, const tb_remote_entry *index,
                            tb_is_here_fn is_here, void *user)
{
    const char *stem_end = strchr(strrchr(index->path, '/'), '.');
    bool is_half = strstr(stem_end, ".fp16") != NULL;
    const char *ending = begins_with(stem_end, ".bin") ? ".bin" : ".safetensors";
    size_t n_stem = (size_t)(stem_end - index->path), n_shards = 0;
    bool are_here = is_here(index, user);
    for (size_t i = 0; i < tree->n && are_here; i++) {
        const tb_remote_entry *e = &tree->entries[i];
        if (strncmp(e->path, index->path, n_stem) != 0 || strstr(e->path, "-of-") == NULL ||
            !has_ending(e->path, ending) || (strstr(e->path, ".fp16") != NULL) != is_half)
            continue;
        are_here = is_here(e, user);
        n_shards++;
    }
    return are_here && n_shards > 0;
}

static tb_status choose_weights(const tb_remote_tree *tree, const char *repo, size_t i_network,
                                tb_is_here_fn is_here, void *user, tb_choice *choice, tb_error *err)
{
    const network *net = &networks[i_network];
    const tb_remote_entry *first = NULL, *here = NULL;
    for (size_t i = 0; i < COUNT(endings) && here == NULL; i++) {
        const tb_remote_entry *entry = find_weights(tree, net, endings[i]);
        if (entry == NULL)
            continue;
        if (first == NULL)
            first = entry;
        if (is_here == NULL)
            continue;
        bool is_list = has_ending(entry->path, ".json");
        if (is_list ? are_shards_here(tree, entry, is_here, user) : is_here(entry, user))
            here = entry;
    }
    const tb_remote_entry *entry = here != NULL ? here : first;
    if (entry == NULL) {
        char missing[64];
        (void)snprintf(missing, sizeof missing, "%s/%s.safetensors", net->folder, net->safetensors);
        return refuse(tree, repo, missing, err);
    }
    choose_entry(tree, entry, choice);
    if (has_ending(entry->path, ".json"))
        choice->shards[i_network] = entry;
    return TIMBRE_OK;
}

tb_status tb_choose(const tb_remote_tree *tree, const char *repo, tb_is_here_fn is_here, void *user,
                    tb_choice *out, tb_error *err)
{
    *out = (tb_choice){.is_chosen = calloc(tree->n + 1, sizeof(bool))};
    if (out->is_chosen == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a choice of files");
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; i < COUNT(parts) && st == TIMBRE_OK; i++) {
        const tb_remote_entry *entry = tb_remote_tree_find(tree, parts[i].path);
        if (entry != NULL)
            choose_entry(tree, entry, out);
        else if (parts[i].is_needed)
            st = refuse(tree, repo, parts[i].path, err);
    }
    for (size_t i = 0; i < TB_CHOICE_NETWORKS && st == TIMBRE_OK; i++)
        st = choose_weights(tree, repo, i, is_here, user, out, err);
    for (size_t i = 0; i < tree->n; i++) {
        const char *path = tree->entries[i].path;
        if (begins_with(path, "seed_images/") && has_ending(path, ".png"))
            out->is_chosen[i] = true;
    }
    if (st != TIMBRE_OK)
        tb_choice_deinit(out);
    return st;
}

void tb_choice_deinit(tb_choice *choice)
{
    free(choice->is_chosen);
    *choice = (tb_choice){0};
}

tb_status tb_choose_shards(const tb_remote_tree *tree, const tb_remote_entry *index,
                           const char *json, size_t len_bytes, tb_choice *choice, tb_error *err)
{
    json_error_t at;
    json_t *root = json_loadb(json, len_bytes, 0, &at);
    json_t *map = json_object_get(root, "weight_map");
    char *folder = tb_path_folder(index->path);
    tb_status st = TIMBRE_OK;
    if (folder == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a list of shards");
    else if (!json_is_object(map) || json_object_size(map) == 0)
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is no list of shards", index->path);
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value)
    {
        const char *name = json_string_value(value);
        char *path = st == TIMBRE_OK && name != NULL ? tb_strf("%s/%s", folder, name) : NULL;
        const tb_remote_entry *entry = path != NULL ? tb_remote_tree_find(tree, path) : NULL;
        if (entry != NULL)
            choose_entry(tree, entry, choice);
        else if (st == TIMBRE_OK)
            st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' names '%.80s', which is not in the repository",
                         index->path, name != NULL ? name : "");
        free(path);
    }
    free(folder);
    json_decref(root);
    return st;
}

/* Pipelines whose networks are those of Stable Diffusion 1.x: others take other inputs. */
static bool is_of_the_family(const char *class_name)
{
    static const char *const names[] = {"StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline",
                                        "StableDiffusionInpaintPipelineLegacy",
                                        "RiffusionPipeline"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], class_name) == 0)
            return true;
    return false;
}

tb_status tb_choose_check_class(const char *json, size_t len_bytes, const char *repo, tb_error *err)
{
    json_error_t at;
    json_t *root = json_loadb(json, len_bytes, 0, &at);
    const char *name = json_string_value(json_object_get(root, "_class_name"));
    tb_status st = TIMBRE_OK;
    if (name == NULL)
        st = tb_fail(err, TIMBRE_BAD_FILE, "'model_index.json' of '%s' names no class", repo);
    else if (!is_of_the_family(name))
        st = tb_fail(err, TIMBRE_BAD_FILE,
                     "'%s' is a %.60s; this engine runs StableDiffusionPipeline models", repo,
                     name);
    json_decref(root);
    return st;
}
