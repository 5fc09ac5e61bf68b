/* A model or a weights file as one safetensors file. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/diffusion/schedule.h"
#include "engine/models/convert.h"
#include "engine/pipeline/engine.h"
#include "engine/pipeline/json.h"
#include "timbre/model.h"

static const struct {
    const char *name;
    tb_dtype dtype;
} dtypes[] = {{"keep", TB_DTYPE_COUNT}, {"fp16", TB_DTYPE_F16}, {"fp32", TB_DTYPE_F32}};

typedef struct {
    const char *in, *out;
    timbre_convert_options options;
    tb_progress progress;
    tb_dtype dtype;
    tb_convert_source source;
    tb_safetensors_plan plan;
    json_t *beside; /* owned: files that the model needs beside the new one */
    char source_sha256[TB_SHA256_HEX_BYTES]; /* of a model; else "" */
    char sha256[TB_SHA256_HEX_BYTES];        /* of what was written */
} conversion;

/* ---- what is asked ---- */

static tb_status choose_dtype(conversion *c, tb_error *err)
{
    const char *name = c->options.dtype == NULL ? "keep" : c->options.dtype;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            c->dtype = dtypes[i].dtype;
            return TIMBRE_OK;
        }
    return tb_fail(err, TIMBRE_BAD_INPUT, "dtype '%.40s' is none of keep, fp16, fp32", name);
}

static tb_status check_ending(const char *out, tb_error *err)
{
    static const char ending[] = ".safetensors";
    const char *name = tb_path_name(out);
    size_t len = strlen(name), len_ending = sizeof ending - 1;
    if (len > len_ending && strcmp(name + len - len_ending, ending) == 0)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.300s' is no name that ends in %s", out,
                           ending);
    tb_fix(err, "models are converted to this format alone: name the new file so");
    return st;
}

/* Known before gigabytes are read; asked once more when the file gets its name. */
static tb_status check_target(const conversion *c, tb_error *err)
{
    struct stat info;
    tb_status st;
    if (tb_convert_is_reading(&c->source, c->out)) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.300s' is among the files that are converted",
                     c->out);
        tb_fix(err, "name another file");
    } else if (lstat(c->out, &info) == 0 && S_ISDIR(info.st_mode)) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.300s' is a folder, not a file to be written",
                     c->out);
    } else if (!c->options.replace && lstat(c->out, &info) == 0) {
        st = tb_fail(err, TIMBRE_EXISTS, "'%.300s' exists already", c->out);
        tb_fix(err, "choose another name, or overwrite it with --force");
    } else
        st = TIMBRE_OK;
    return st;
}

static tb_status check_space(const conversion *c, tb_error *err)
{
    struct statvfs disk;
    char *folder = tb_path_folder(c->out);
    if (folder == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = TIMBRE_OK;
    if (statvfs(folder, &disk) == 0) { /* where it is no answer, writing gives one */
        double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
        if (free_bytes < (double)c->plan.n_bytes) {
            st = tb_fail(err, TIMBRE_NO_SPACE, "'%.300s' needs %.1f MB, the disk has %.1f MB free",
                         c->out, (double)c->plan.n_bytes / 1e6, free_bytes / 1e6);
            tb_fix(err, "make room there, or name a file on another disk");
        }
    }
    free(folder);
    return st;
}

/* ---- the file ---- */

/* "pt" is what transformers asks for; the rest says where the tensors are from. */
static json_t *metadata_of(const conversion *c)
{
    char name[TB_MODEL_ID_MAX_BYTES + 1];
    timbre_model_name(c->in, name, sizeof name);
    json_t *metadata = json_pack("{s:s}", "format", "pt"), *source = json_string(name);
    int failed = json_object_set_new(metadata, "timbre_source",
                                     source != NULL ? source : json_string("?"));
    if (c->source_sha256[0] != '\0')
        failed |= json_object_set_new(metadata, "timbre_source_sha256",
                                      json_string(c->source_sha256));
    if (failed == 0)
        return metadata;
    json_decref(metadata);
    return NULL;
}

static tb_status make_plan(conversion *c, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (c->source.model != NULL)
        st = tb_model_sha256(c->source.model, &c->progress, c->source_sha256, err);
    if (st != TIMBRE_OK)
        return st;
    json_t *metadata = metadata_of(c);
    if (metadata == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the metadata");
    st = tb_safetensors_plan_init(&c->plan, c->source.tensors, c->source.n, metadata, err);
    json_decref(metadata);
    return st == TIMBRE_OK ? check_space(c, err) : st;
}

/* ---- what is said of it ---- */

/* A single file is used with Riffusion's schedule, unless one lies beside it. */
static tb_status find_schedule(const conversion *c, bool *is_own, tb_error *err)
{
    tb_schedule own, plain;
    tb_status st = tb_schedule_read(tb_model_scheduler_json(c->source.model), &own, err);
    if (st == TIMBRE_OK)
        st = tb_schedule_read(NULL, &plain, err);
    if (st == TIMBRE_OK)
        *is_own = own.n_train != plain.n_train || own.beta_start != plain.beta_start ||
                  own.beta_end != plain.beta_end ||
                  own.is_scaled_linear != plain.is_scaled_linear ||
                  own.prediction != plain.prediction || own.spacing != plain.spacing ||
                  own.steps_offset != plain.steps_offset ||
                  own.has_alpha_one != plain.has_alpha_one ||
                  own.has_alpha_one_ddim != plain.has_alpha_one_ddim;
    return st;
}

static tb_status list_beside(conversion *c, tb_error *err)
{
    bool has_own_schedule = false;
    if ((c->beside = json_array()) == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the names of a model's files");
    if (c->source.model == NULL)
        return TIMBRE_OK;
    tb_status st = find_schedule(c, &has_own_schedule, err);
    if (st != TIMBRE_OK)
        return st;
    return tb_convert_list_beside(c->source.model, c->out, has_own_schedule, c->beside, err);
}

/* "unet/config.json, tokenizer: ...". Owned; NULL for memory. */
static char *format_beside(const json_t *beside)
{
    tb_str text = {0};
    for (size_t i = 0; i < json_array_size(beside); i++)
        tb_str_appendf(&text, "%s%s", i == 0 ? "" : ", ",
                       json_string_value(json_array_get(beside, i)));
    tb_str_append(&text,
                  ": a single file has no place for these, and the model cannot be used before the "
                  "original's are put into the new file's folder");
    return tb_str_take(&text);
}

/* Sentences for people. */
static json_t *notes_of(const conversion *c)
{
    json_t *notes = json_array();
    int failed = 0;
    if (c->source.n_rounded > 0) {
        char *text = tb_strf("%lld fp64 tensors were rounded to fp32",
                             (long long)c->source.n_rounded);
        failed |= json_array_append_new(notes, text == NULL ? NULL : json_string(text));
        free(text);
    }
    if (json_array_size(c->beside) > 0) {
        char *text = format_beside(c->beside);
        failed |= json_array_append_new(notes, text == NULL ? NULL : json_string(text));
        free(text);
    }
    if (failed == 0)
        return notes;
    json_decref(notes);
    return NULL;
}

static json_t *bytes_by_type(const tb_safetensors_plan *plan)
{
    json_t *types = json_object();
    for (int i = 0; i < TB_DTYPE_COUNT; i++)
        if (plan->n_bytes_of[i] > 0 &&
            json_object_set_new(types, tb_dtype_name((tb_dtype)i),
                                json_integer((json_int_t)plan->n_bytes_of[i])) != 0) {
            json_decref(types);
            return NULL;
        }
    return types;
}

static tb_status make_report(const conversion *c, char **report, tb_error *err)
{
    json_t *path = json_string(c->out);
    json_t *json = json_pack(
        "{s:o, s:I, s:s, s:I, s:o, s:{s:I, s:I}, s:s, s:o, s:O, s:o}", "path",
        path != NULL ? path : json_string("(a path that is not UTF-8)"), "bytes",
        (json_int_t)c->plan.n_bytes, "sha256", c->sha256, "tensors", (json_int_t)c->plan.n, "dtype",
        bytes_by_type(&c->plan), "left_out", "tensors", (json_int_t)c->source.n_left_out, "bytes",
        (json_int_t)c->source.n_left_out_bytes, "form",
        c->source.model != NULL ? "single file" : "tensors", "source_sha256",
        c->source_sha256[0] != '\0' ? json_string(c->source_sha256) : json_null(), "beside",
        c->beside, "notes", notes_of(c));
    *report = tb_json_format(json);
    json_decref(json);
    return *report != NULL
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the report of a conversion");
}

/* ---- all ---- */

/* The report is there before the file is. */
static tb_status write_file(conversion *c, char **report, tb_error *err)
{
    tb_file_writer w = {.fd = -1};
    tb_status st = tb_file_begin(&w, c->out, err);
    if (st == TIMBRE_OK)
        st = tb_safetensors_append(&c->plan, &w, &c->progress, c->sha256, err);
    if (st == TIMBRE_OK)
        st = tb_file_sync(&w, err);
    if (st == TIMBRE_OK)
        st = tb_convert_check_unchanged(&c->source, err);
    if (st == TIMBRE_OK)
        st = make_report(c, report, err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&w, c->options.replace != 0, err);
    tb_file_abort(&w);
    return st;
}

static tb_status convert(conversion *c, char **report, tb_error *err)
{
    tb_status st = choose_dtype(c, err);
    if (st == TIMBRE_OK)
        st = check_ending(c->out, err);
    if (st == TIMBRE_OK)
        st = tb_convert_open(c->in, c->dtype, &c->source, err);
    if (st == TIMBRE_OK)
        st = check_target(c, err);
    if (st == TIMBRE_OK)
        st = list_beside(c, err);
    if (st == TIMBRE_OK)
        st = make_plan(c, err);
    return st == TIMBRE_OK ? write_file(c, report, err) : st;
}

timbre_status timbre_model_convert(const char *in, const char *out,
                                   const timbre_convert_options *options, char **report_json,
                                   timbre_error *err)
{
    conversion c = {.in = in, .out = out};
    char *report = NULL;
    if (options != NULL)
        tb_copy_options(&c.options, sizeof c.options, options, options->struct_size);
    c.progress = (tb_progress){
        .fn = c.options.progress, .user = c.options.progress_user, .cancel = c.options.cancel};
    tb_status st = convert(&c, &report, err);
    if (report_json != NULL)
        *report_json = st == TIMBRE_OK ? report : NULL;
    if (st != TIMBRE_OK || report_json == NULL)
        free(report);
    json_decref(c.beside);
    tb_safetensors_plan_deinit(&c.plan);
    tb_convert_close(&c.source);
    return st;
}
