/* Single-file checkpoints of strangers: names of the original code that lie about blocks, that meet
 * in one tensor, or that are of more than one model. Each case changes the header of a good file in
 * one place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/str.h"
#include "tests/models/copies.h"
#include "tests/support/folder.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define UNET         "\"model.diffusion_model."
#define VAE          "\"first_stage_model."
#define TEXT         "\"cond_stage_model.transformer.text_model."
#define NORM         UNET "input_blocks.1.0.in_layers.0.weight\"" /* of 8 values */
#define DIGITS_40    "1234567890123456789012345678901234567890"
#define LETTERS_50   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* s/x.ckpt: safetensors, in whose header the one `from` becomes `to`. */
static void change_header(const char *from, const char *to)
{
    enum { HEAD = 8, MAX_BYTES = 16 << 20 };
    char *bytes = NULL;
    size_t len = 0;
    tb_error err = {0};
    tb_str out = {0};
    copy_single("true");
    assert_int_equal(tb_file_read("s/x.ckpt", MAX_BYTES, &bytes, &len, &err), TIMBRE_OK);
    uint64_t n = 0;
    for (int i = HEAD; i-- > 0;)
        n = n << 8 | (unsigned char)bytes[i];
    char *header = bytes + HEAD, kept = header[n];
    header[n] = '\0';
    char *at = strstr(header, from);
    if (at == NULL)
        fail_msg("the header has no %s", from);
    header[n] = kept;
    uint64_t n_changed = n - strlen(from) + strlen(to);
    for (int i = 0; i < HEAD; i++)
        tb_str_append_bytes(&out, &(char){(char)(n_changed >> (8 * i))}, 1);
    tb_str_append_bytes(&out, header, (size_t)(at - header));
    tb_str_append(&out, to);
    at += strlen(from);
    tb_str_append_bytes(&out, at, (size_t)(bytes + len - at));
    assert_false(out.failed);
    assert_int_equal(tb_file_write("s/x.ckpt", out.bytes, out.len, true, &err), TIMBRE_OK);
    tb_str_deinit(&out);
    free(bytes);
}

static const struct {
    const char *from, *to, *says;
} wrong[] = {
    /* blocks that there are not, numbers that no int holds */
    {NORM, UNET "input_blocks.9.0.in_layers.0.weight\"", "unet: tensor '"},
    {NORM, UNET "input_blocks.1000000000.0.op.weight\"", "unet: tensor '"},
    {NORM, UNET "input_blocks.2147483648.0.in_layers.0.weight\"", "unet: tensor '"},
    {NORM, UNET "input_blocks." DIGITS_40 ".0.op.weight\"", "unet: tensor '"},
    {NORM, UNET "output_blocks.4294967296.1.conv.weight\"", "unet: tensor '"},
    {NORM, UNET "output_blocks.-1.0.in_layers.0.weight\"", "unet: tensor '"},
    {NORM, UNET "input_blocks.01.0.in_layers.0.weight\"", "unet: tensor '"},
    {VAE "decoder.up.3.block.0.norm1.weight\"", VAE "decoder.up.1000000000.block.0.norm1.weight\"",
     "vae: tensor '"},
    {VAE "decoder.up.3.block.0.norm1.weight\"", VAE "decoder.up.3.block.1000000000.norm1.weight\"",
     "vae: tensor '"},
    {VAE "decoder.up.0.block.0.norm1.weight\"", VAE "decoder.up.63.block.0.norm1.weight\"",
     "vae: tensor '"}, /* all the others change their places */
    {TEXT "encoder.layers.0.layer_norm1.weight\"", TEXT "encoder.layers.9.layer_norm1.weight\"",
     "text_encoder: tensor '"},
    {TEXT "encoder.layers.0.layer_norm1.weight\"",
     TEXT "encoder.layers." DIGITS_40 ".layer_norm1.weight\"", "text_encoder: tensor '"},
    /* a down-sampler where there is none moves all blocks behind it */
    {NORM, UNET "input_blocks.1.0.op.weight\"", "unet: "},
    {NORM, UNET "output_blocks.0.2.conv.weight\"", "unet: "},
    /* no name, one that is nothing behind its prefix, one that grows too long when translated */
    {NORM, "\"\"", "possible are 1 to"},
    {NORM, UNET "\"", "unet: tensor '"},
    {NORM,
     TEXT LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50
         LETTERS_50 LETTERS_50 "\"",
     "bytes"},
    /* two names that mean one tensor */
    {NORM, UNET "down_blocks.0.resnets.0.norm1.bias\"", "are both 'down_blocks.0.resnets.0.norm1"},
    {NORM, UNET "input_blocks.1.0.in_layers.0.bias\"", "x.ckpt"},
    {NORM, TEXT "encoder.layers.0.layer_norm1.bias\"", "duplicate"},
    /* more than one model in the file */
    {NORM, "\"unet.down_blocks.0.resnets.0.norm1.weight\"",
     "is of none of a checkpoint's networks"},
    {NORM, "\"control_model.input_blocks.1.0.in_layers.0.weight\"", "is of none of a checkpoint"},
    {NORM, "\"conditioner.embedders.1.model.ln_final.weight\"", "is of none of a checkpoint"},
    {NORM, TEXT "final_layer_norm.weight.extra\"", "text_encoder: tensor '"},
    /* left over from training: the tensor is lost */
    {NORM, "\"model_ema.diffusion_modelinput_blocks10in_layers0weight\"",
     "'down_blocks.0.resnets.0.norm1.weight' is missing"},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        change_header(wrong[i].from, wrong[i].to);
        assert_wrong("s/x.ckpt", &(wrong_model){wrong[i].to, TIMBRE_BAD_FILE, wrong[i].says});
    }
}

/* The same edit with a name that means the same: only the names above are what was wrong. */
static void test_edits_are_right(void **state)
{
    (void)state;
    static const char *const same[] = {NORM, UNET "down_blocks.0.resnets.0.norm1.weight\"",
                                       UNET "input_blocks.1.0.norm1.weight\""};
    for (size_t i = 0; i < COUNT(same); i++) {
        change_header(NORM, same[i]);
        tb_model_close(open_ok("s/x.ckpt", NULL));
    }
}

/* PyTorch's form: names inside of the pickle, replaced by others of the same length. */
static void test_pickles(void **state)
{
    (void)state;
#define SWAP(from, to)                                                                             \
    "cp \"$DATA/forms/single/tiny.ckpt\" x.ckpt; chmod u+w x.ckpt; LC_ALL=C sed -i 's/" from       \
    "/" to "/' x.ckpt"
    static const wrong_model pickles[] = {
        {SWAP("state_dict", "state_dicX"), TIMBRE_BAD_FILE, "has no tensors at its top"},
        /* what was a tensor is something that another function would make */
        {SWAP("_rebuild_tensor_v2", "_rebuild_tensor_v9"), TIMBRE_BAD_FILE, "x.ckpt"},
        {SWAP("FloatStorage", "QuickStorage"), TIMBRE_BAD_FILE, "' is missing"},
        {SWAP("input_blocks.1.0.in_layers.0.weight", "input_blocks.1000000000.0.op.weight"),
         TIMBRE_BAD_FILE, "unet: tensor '"},
        {SWAP("input_blocks.1.0.in_layers.0.weight",
              "input_blocks.1.0.in_layers.0.w\\n\\n\\n\\n\\n"),
         TIMBRE_BAD_FILE, "control character"},
        {SWAP("model.diffusion_model.input_blocks.0.0.bias",
              "first_stage_model.encoder.conv_in.bias.bias"),
         TIMBRE_BAD_FILE, "conv_in.bias"},
    };
    for (size_t i = 0; i < COUNT(pickles); i++) {
        copy_single(pickles[i].line);
        assert_wrong("s/x.ckpt", &pickles[i]);
    }
    copy_single(SWAP("state_dict", "state_dict"));
    tb_model_close(open_ok("s/x.ckpt", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_edits_are_right),
        cmocka_unit_test(test_pickles),
    };
    return cmocka_run_group_tests_name("single_hostile", tests, enter_folder, leave_folder);
}
