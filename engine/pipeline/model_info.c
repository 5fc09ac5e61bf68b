/* What a model on disk is, for people and programs. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/pipeline/json.h"
#include "engine/pipeline/riffusion.h"
#include "timbre/model.h"

static bool is_folder_of_model(const char *path)
{
    static const char *const marks[] = {"model_index.json", "unet/config.json"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char *mark = tb_strf("%s/%s", path, marks[i]);
        bool is_there = mark != NULL && access(mark, F_OK) == 0;
        free(mark);
        if (is_there)
            return true;
    }
    return false;
}

/* safetensors: 8 bytes of length, then JSON; PyTorch: a zip container, or a pickle. */
static bool begins_as_weights(const char *path)
{
    unsigned char head[9] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
    if (fd >= 0)
        (void)close(fd);
    return n == (ssize_t)sizeof head &&
           (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "\x80\x02", 2) == 0 ||
            (head[8] == '{' && head[6] == 0 && head[7] == 0));
}

int timbre_model_is_at(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return 0;
    if (S_ISDIR(info.st_mode))
        return is_folder_of_model(path);
    return S_ISREG(info.st_mode) && begins_as_weights(path);
}

/* Memory for five seconds, Riffusion's own length. */
static tb_status add_memory(tb_model *model, json_t *facts, tb_error *err)
{
    tb_riffusion r = {.model = model};
    tb_riffusion_size size;
    tb_riffusion_plan plan = {
        .size = &size, .n_texts = 2, .n_sides = 2, .n_clips = 1, .n_chunks = 1};
    tb_riffusion_need need;
    const tb_kernels *kernels = NULL;
    tb_status st = tb_riffusion_read_params(tb_model_timbre_json(model), &r.vocode.params, err);
    if (st == TIMBRE_OK)
        st = tb_kernels_choose(NULL, &kernels, err);
    if (st == TIMBRE_OK)
        st = tb_riffusion_get_size(&r, 5, &size, err);
    if (st == TIMBRE_OK)
        st = tb_riffusion_measure(model, &plan, kernels, NULL, &need, err);
    if (st != TIMBRE_OK)
        return st;
    json_int_t encoder = need.encoder, unet = need.unet, decoder = need.decoder;
    json_t *memory = json_pack("{s:I, s:I, s:I, s:I, s:I}", "weights_bytes",
                               encoder + unet + decoder, "denoise_bytes", (json_int_t)need.denoise,
                               "decode_bytes", (json_int_t)need.decode, "peak_bytes",
                               (json_int_t)need.peak, "low_peak_bytes", (json_int_t)need.low_peak);
    return json_object_set_new(facts, "memory_for_5_seconds", memory) == 0
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the model's facts");
}

/* What a request that asks for nothing gets with this model; its timbre.json is checked by that. */
static tb_status add_defaults(const char *path, json_t *facts, tb_error *err)
{
    static const char *const fields[][2] = {{"prompt", "x"}, {"seed", "0"}};
    timbre_request *request = NULL;
    tb_status st = timbre_request_new(&request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set(request, "model_id", path, err);
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof fields / sizeof *fields; i++)
        st = timbre_request_set(request, fields[i][0], fields[i][1], err);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(request, err);
    json_t *defaults = NULL;
    if (st == TIMBRE_OK)
        defaults = json_pack("{s:s, s:I, s:f}", "scheduler",
                             timbre_request_text(request, "scheduler"), "steps",
                             (json_int_t)timbre_request_integer(request, "steps"), "cfg_scale",
                             timbre_request_number(request, "cfg_scale"));
    timbre_request_free(request);
    if (st == TIMBRE_OK && json_object_set_new(facts, "defaults", defaults) != 0)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the model's facts");
    return st;
}

/* A model without a name of its own has that of its folder or file. */
static tb_status add_name(const char *path, json_t *facts, tb_error *err)
{
    char name[TB_MODEL_ID_MAX_BYTES + 1];
    if (json_is_string(json_object_get(facts, "name")))
        return TIMBRE_OK;
    timbre_model_name(path, name, sizeof name);
    json_t *text = json_string(name);
    return json_object_set_new(facts, "name", text != NULL ? text : json_string("?")) == 0
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the model's facts");
}

timbre_status timbre_model_describe(const char *path, const char *tokenizer, char **json,
                                    timbre_error *err)
{
    tb_model *model = NULL;
    *json = NULL;
    bool has_tokenizer = tokenizer != NULL && tokenizer[0] != '\0';
    tb_status st = tb_model_open(path, has_tokenizer ? tokenizer : NULL, &model, err);
    tb_schedule schedule;
    if (st == TIMBRE_OK)
        st = tb_model_check_rest(model, err);
    if (st == TIMBRE_OK)
        st = tb_schedule_read(tb_model_scheduler_json(model), &schedule, err);
    json_t *facts = st == TIMBRE_OK ? tb_model_describe(model) : NULL;
    if (facts != NULL)
        st = add_name(path, facts, err);
    if (st == TIMBRE_OK && facts != NULL)
        st = add_defaults(path, facts, err);
    if (st == TIMBRE_OK && facts != NULL)
        st = add_memory(model, facts, err);
    if (st == TIMBRE_OK && (facts == NULL || (*json = tb_json_format(facts)) == NULL))
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the model's facts");
    json_decref(facts);
    tb_model_close(model);
    return st;
}
