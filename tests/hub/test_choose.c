/* Which files of a repository are fetched: by lists of files as repositories have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/choose.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void add(tb_remote_tree *tree, const char *path)
{
    const char *etag = "0123456789abcdef0123456789abcdef01234567";
    assert_int_equal(tb_remote_tree_add(tree, path, etag, 1, NULL), TIMBRE_OK);
}

/* All that every model of the family has, without weights. */
static void add_parts(tb_remote_tree *tree)
{
    static const char *const paths[] = {
        "model_index.json",         "scheduler/scheduler_config.json",
        "text_encoder/config.json", "unet/config.json",
        "vae/config.json",          "tokenizer/vocab.json",
        "tokenizer/merges.txt"};
    for (size_t i = 0; i < COUNT(paths); i++)
        add(tree, paths[i]);
}

static void add_weights(tb_remote_tree *tree, const char *ending)
{
    const char *text = strstr(ending, ".bin") != NULL ? "pytorch_model" : "model";
    const char *const names[][2] = {{"text_encoder", text},
                                    {"unet", "diffusion_pytorch_model"},
                                    {"vae", "diffusion_pytorch_model"}};
    for (size_t i = 0; i < COUNT(names); i++) {
        char *path = tb_strf("%s/%s%s", names[i][0], names[i][1], ending);
        add(tree, path);
        free(path);
    }
}

static bool is_chosen(const tb_remote_tree *tree, const tb_choice *choice, const char *path)
{
    const tb_remote_entry *entry = tb_remote_tree_find(tree, path);
    assert_non_null(entry);
    return choice->is_chosen[entry - tree->entries];
}

/* One choice of weights for each network: half precision before full, safetensors before pickles,
 * in whatever order they are listed. */
static void test_one_of_each(void **state)
{
    (void)state;
    static const char *const endings[] = {".bin", ".fp16.bin", ".safetensors", ".fp16.safetensors"};
    tb_remote_tree tree = {0};
    add_parts(&tree);
    size_t n_parts = tree.n;
    for (size_t i = 0; i < COUNT(endings); i++) {
        tb_choice choice;
        size_t n = 0;
        add_weights(&tree, endings[i]);
        assert_int_equal(tb_choose(&tree, "o/n", NULL, NULL, &choice, NULL), TIMBRE_OK);
        for (size_t k = 0; k < tree.n; k++)
            n += choice.is_chosen[k];
        assert_int_equal(n, n_parts + 3);
        for (size_t k = tree.n - 3; k < tree.n; k++)
            assert_true(choice.is_chosen[k]);
        tb_choice_deinit(&choice);
    }
    tb_remote_tree_deinit(&tree);
}

static void test_what_is_left_out(void **state)
{
    (void)state;
    static const char *const out[] = {
        "riffusion-model-v1.ckpt", "safety_checker/pytorch_model.bin", "unet_traced/unet_traced.pt",
        "unet/diffusion_pytorch_model.non_ema.bin", "seed_images/notes.txt"};
    static const char *const in[] = {"README.md", "seed_images/og_beat.png",
                                     "tokenizer/tokenizer_config.json"};
    tb_remote_tree tree = {0};
    tb_choice choice;
    add_parts(&tree);
    add_weights(&tree, ".bin");
    for (size_t i = 0; i < COUNT(out); i++)
        add(&tree, out[i]);
    for (size_t i = 0; i < COUNT(in); i++)
        add(&tree, in[i]);
    assert_int_equal(tb_choose(&tree, "o/n", NULL, NULL, &choice, NULL), TIMBRE_OK);
    for (size_t i = 0; i < COUNT(out); i++)
        assert_false(is_chosen(&tree, &choice, out[i]));
    for (size_t i = 0; i < COUNT(in); i++)
        assert_true(is_chosen(&tree, &choice, in[i]));
    tb_choice_deinit(&choice);
    tb_remote_tree_deinit(&tree);
}

static bool is_unet_pickle(const tb_remote_entry *entry, void *user)
{
    (void)user;
    return strcmp(entry->path, "unet/diffusion_pytorch_model.bin") == 0;
}

/* What another program has brought already is not fetched again in another form. */
static void test_here_is_preferred(void **state)
{
    (void)state;
    tb_remote_tree tree = {0};
    tb_choice choice;
    add_parts(&tree);
    add_weights(&tree, ".fp16.safetensors");
    add_weights(&tree, ".bin");
    assert_int_equal(tb_choose(&tree, "o/n", is_unet_pickle, NULL, &choice, NULL), TIMBRE_OK);
    assert_true(is_chosen(&tree, &choice, "unet/diffusion_pytorch_model.bin"));
    assert_false(is_chosen(&tree, &choice, "unet/diffusion_pytorch_model.fp16.safetensors"));
    assert_true(is_chosen(&tree, &choice, "vae/diffusion_pytorch_model.fp16.safetensors"));
    tb_choice_deinit(&choice);
    tb_remote_tree_deinit(&tree);
}

static bool is_here_but_half(const tb_remote_entry *entry, void *user)
{
    (void)user;
    return strncmp(entry->path, "unet/", 5) == 0 && strstr(entry->path, "fp16") == NULL;
}

static bool is_of_shards(const tb_remote_entry *entry, void *user)
{
    return strncmp(entry->path, "unet/", 5) == 0 && strstr(entry->path, user) != NULL;
}

/* Shards that are all here are preferred, too; a list with one of them missing is not. */
static void test_shards_here_are_preferred(void **state)
{
    (void)state;
    char all[] = ".safetensors", first[] = "00001-of", list[] = "index";
    tb_remote_tree tree = {0};
    add_parts(&tree);
    add_weights(&tree, ".fp16.bin");
    add_weights(&tree, ".safetensors.index.json");
    add_weights(&tree, "-00001-of-00002.safetensors");
    add_weights(&tree, "-00002-of-00002.safetensors");
    add_weights(&tree, ".fp16.safetensors");
    char *const users[] = {all, first, list};
    for (size_t i = 0; i < COUNT(users); i++) {
        tb_choice choice;
        bool (*is_here)(const tb_remote_entry *, void *) = i == 0 ? is_here_but_half : is_of_shards;
        assert_int_equal(tb_choose(&tree, "o/n", is_here, users[i], &choice, NULL), TIMBRE_OK);
        assert_true((choice.shards[1] != NULL) == (i == 0));
        assert_true(is_chosen(&tree, &choice, "unet/diffusion_pytorch_model.fp16.safetensors") ==
                    (i != 0));
        assert_null(choice.shards[2]);
        tb_choice_deinit(&choice);
    }
    tb_remote_tree_deinit(&tree);
}

/* The refusal names the part that is missing and the weights that there are. */
static void test_missing_parts(void **state)
{
    (void)state;
    tb_remote_tree tree = {0};
    tb_choice choice;
    tb_error err = {0};
    add(&tree, "model-fp16.safetensors");
    assert_int_equal(tb_choose(&tree, "o/n", NULL, NULL, &choice, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "'model_index.json'"));
    assert_non_null(strstr(err.message, "model-fp16.safetensors"));
    add_parts(&tree);
    assert_int_equal(tb_choose(&tree, "o/n", NULL, NULL, &choice, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "text_encoder/model.safetensors"));
    tb_remote_tree_deinit(&tree);
}

static tb_status read_shards(const tb_remote_tree *tree, const char *json, tb_choice *choice)
{
    return tb_choose_shards(tree, choice->shards[1], json, strlen(json), choice, NULL);
}

static void test_shards(void **state)
{
    (void)state;
    static const char *const paths[] = {"text_encoder/model.safetensors",
                                        "vae/diffusion_pytorch_model.safetensors",
                                        "unet/diffusion_pytorch_model.safetensors.index.json",
                                        "unet/a-1.safetensors",
                                        "unet/a-2.safetensors",
                                        "unet/b.safetensors"};
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"weight_map\":{}}",
        "{\"weight_map\":{\"x\":1}}",
        "{\"weight_map\":{\"x\":\"gone.safetensors\"}}",
        "{\"weight_map\":{\"x\":\"../vae/diffusion_pytorch_model.safetensors\"}}"};
    const char *good = "{\"weight_map\":{\"x\":\"a-1.safetensors\",\"y\":\"a-2.safetensors\","
                       "\"z\":\"a-1.safetensors\"}}";
    tb_remote_tree tree = {0};
    tb_choice choice;
    add_parts(&tree);
    for (size_t i = 0; i < COUNT(paths); i++)
        add(&tree, paths[i]);
    assert_int_equal(tb_choose(&tree, "o/n", NULL, NULL, &choice, NULL), TIMBRE_OK);
    assert_null(choice.shards[0]);
    assert_non_null(choice.shards[1]);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(read_shards(&tree, bad[i], &choice), TIMBRE_BAD_FILE);
    assert_int_equal(read_shards(&tree, good, &choice), TIMBRE_OK);
    assert_true(is_chosen(&tree, &choice, "unet/a-1.safetensors"));
    assert_true(is_chosen(&tree, &choice, "unet/a-2.safetensors"));
    assert_false(is_chosen(&tree, &choice, "unet/b.safetensors"));
    tb_choice_deinit(&choice);
    tb_remote_tree_deinit(&tree);
}

static void test_classes(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        tb_status st;
    } cases[] = {
        {"{\"_class_name\":\"StableDiffusionPipeline\"}", TIMBRE_OK},
        {"{\"_class_name\":\"StableDiffusionXLPipeline\"}", TIMBRE_BAD_FILE},
        {"{\"_class_name\":\"StableDiffusion3Pipeline\"}", TIMBRE_BAD_FILE},
        {"{\"_class_name\":\"FluxPipeline\"}", TIMBRE_BAD_FILE},
        {"{\"_class_name\":7}", TIMBRE_BAD_FILE},
        {"{}", TIMBRE_BAD_FILE},
        {"", TIMBRE_BAD_FILE},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(tb_choose_check_class(cases[i].json, strlen(cases[i].json), "o/n", NULL),
                         cases[i].st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_each),       cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_here_is_preferred), cmocka_unit_test(test_shards_here_are_preferred),
        cmocka_unit_test(test_missing_parts),     cmocka_unit_test(test_shards),
        cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
