/* What a model needs besides its networks, checked before anything is loaded. */
#include "engine/models/model_inside.h"

void tb_model_check_prediction(tb_json_reader *r)
{
    static const char *const words[] = {"epsilon", "v_prediction", "sample"};
    static const char key[] = "prediction_type";
    if (tb_json_has(r, key))
        (void)tb_json_choice(r, key, words, sizeof words / sizeof *words, 0);
}

static tb_status check_vocabulary(const tb_model *model, const tb_tokenizer *tokenizer,
                                  tb_error *err)
{
    int n = tb_tokenizer_vocab_size(tokenizer);
    if (n <= model->text.vocab_size)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_FILE,
                   "'%s' has a vocabulary of %d tokens and the text encoder one of %d",
                   model->tokenizer_dir, n, model->text.vocab_size);
}

tb_status tb_model_open_tokenizer(const tb_model *model, tb_tokenizer **out, tb_error *err)
{
    tb_tokenizer *tokenizer = NULL;
    *out = NULL;
    tb_status st = tb_tokenizer_open(model->tokenizer_dir, &tokenizer, err);
    if (st == TIMBRE_OK)
        st = check_vocabulary(model, tokenizer, err);
    if (st == TIMBRE_OK)
        *out = tokenizer;
    else
        tb_tokenizer_free(tokenizer);
    return st;
}

tb_status tb_model_check_rest(const tb_model *model, tb_error *err)
{
    tb_tokenizer *tokenizer = NULL;
    tb_status st = tb_model_open_tokenizer(model, &tokenizer, err);
    tb_tokenizer_free(tokenizer);
    return st;
}
