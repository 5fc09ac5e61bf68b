/* Options, actions and manual text of `timbre serve`, `jobs` and `takes`. Included by the table of
 * commands alone. */
#ifndef TB_CLI_WORKER_OPTIONS_H
#define TB_CLI_WORKER_OPTIONS_H

#include "cli/option_rows.h"

static const char *const log_formats[] = {"text", "json", NULL};

static const tb_option serve_options[] = {
    {.name = "listen",
     .setting = "worker.listen",
     .value_name = "ADDR",
     .help = "HOST:PORT; several times; none: only its socket"},
    OPTION_API_KEY_FILE,
    {.name = "allow-host",
     .rule = {TB_VALUE_TEXT},
     .value_name = "NAME",
     .help = "another name that it is reached by; several times"},
    {.name = "allow-origin",
     .rule = {TB_VALUE_TEXT},
     .value_name = "URL",
     .help = "pages from here may ask it; several times"},
    {.name = "insecure-no-auth", .help = "answer other machines without a key"},
    {.name = "on-demand", .help = "only its socket, and end when nobody needs it"},
    {.name = "model",
     .rule = {TB_VALUE_TEXT},
     .value_name = "ID",
     .help = "the model where a request names none"},
    {.name = "warm", .help = "load the model at the start"},
    {.name = "queue", .setting = "worker.queue", .value_name = "N", .help = "jobs that may wait"},
    {.name = "keep-loaded",
     .setting = "worker.keep_loaded",
     .value_name = "SEC",
     .help = "an idle model stays in memory so long"},
    {.name = "shutdown-grace",
     .rule = {TB_VALUE_NUMBER, 0, 1e6, NULL},
     .value_name = "SEC",
     .help = "wait so long for the running job when it ends"},
    {.name = "idle-exit",
     .rule = {TB_VALUE_NUMBER, 0, 1e6, NULL},
     .value_name = "SEC",
     .help = "with --on-demand: end so long after the last client"},
    {.name = "watchdog",
     .rule = {TB_VALUE_NUMBER, 0, 1e6, NULL},
     .value_name = "SEC",
     .help = "a take without progress so long is given up"},
    {.name = "retention-days",
     .setting = "worker.retention_days",
     .value_name = "N",
     .help = "then takes without a star go to the trash; 0: never"},
    {.name = "retention-gb",
     .setting = "worker.retention_gb",
     .value_name = "N",
     .help = "above it the oldest without a star go; 0: no limit"},
    {.name = "reserve-mb",
     .setting = "worker.reserve_mb",
     .value_name = "N",
     .help = "with less free on the disk nothing is begun"},
    {.name = "trash-days",
     .setting = "worker.trash_days",
     .value_name = "N",
     .help = "removed takes are kept so long"},
    {.name = "log-format",
     .rule = {TB_VALUE_CHOICE, .choices = log_formats},
     .value_name = "FORMAT",
     .default_text = "text",
     .help = "of the messages: text, or JSON Lines"},
    OPTION_SOUNDFONT,
    OPTION_TOKENIZER,
    OPTION_THREADS,
    OPTION_MEMORY,
    OPTION_CPU,
    OPTION_DATA_DIR,
};

static const char *const serve_text[] = {
    "Runs a worker: it makes takes for other programs, one after another, and keeps what was made "
    "in a history. It answers HTTP with JSON at the addresses of --listen and, for this user "
    "alone, on a Unix socket. The commands jobs, takes and generate find it there.",
    "Addresses that other machines reach need a key in --api-key-file, or --insecure-no-auth. "
    "A first Ctrl-C ends it after the running take, or after --shutdown-grace; what waits "
    "is made after the next start.",
    "--listen, --allow-host and --allow-origin may be given up to seven times.", NULL};

static const char *const job_states[] = {"queued", "running",   "succeeded",
                                         "failed", "cancelled", NULL};
static const char *const job_actions[] = {"list", "watch", "cancel", NULL};

static const tb_option jobs_options[] = {
    {.name = "state",
     .rule = {TB_VALUE_CHOICE, .choices = job_states},
     .value_name = "STATE",
     .help = "list only these"},
    {.name = "limit",
     .rule = {TB_VALUE_INTEGER, 1, 1000, NULL},
     .value_name = "N",
     .default_text = "20",
     .help = "list at most so many"},
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_WORKER,
    OPTION_API_KEY_FILE,
    OPTION_DATA_DIR,
};

static const char *const jobs_text[] = {
    "Shows and steers what the worker does. The actions are list, watch [ID] and cancel ID; list "
    "is the one without a name. An id may be shortened as long as it is the only one that begins "
    "so; last is the newest job, and cancel all ends all that wait or run.",
    "watch shows the progress until the job ends; its exit code is the one that generate would "
    "have had. Ctrl-C ends the watching and not the job.",
    NULL};

static const char *const take_actions[] = {"list",    "search", "star",  "unstar", "rm",
                                           "restore", "path",   "title", NULL};

static const tb_option takes_options[] = {
    {.name = "starred", .help = "only those with a star"},
    {.name = "trash", .help = "those that were removed"},
    {.name = "limit",
     .rule = {TB_VALUE_INTEGER, 1, 1000, NULL},
     .value_name = "N",
     .default_text = "20",
     .help = "at most so many"},
    OPTION_JSON,
    OPTION_WORKER,
    OPTION_API_KEY_FILE,
    OPTION_DATA_DIR,
};

static const char *const takes_text[] = {
    "Shows the history of takes, the newest first, and changes it: search WORD..., star N, unstar "
    "N, rm N, restore N, path N and title N TEXT; list is the action without a name. N is the "
    "number of a take, with or without #, or last.",
    "#N (in quotes: a shell may take it for a comment) and last also stand for the file of a take "
    "in play, show, spectrogram, encode, sample-clips and generate --from.",
    "rm puts a take into the trash, where restore finds it for 30 days. Where no worker runs, one "
    "is started; it ends by itself.",
    NULL};

static const tb_option chat_options[] = {OPTION_JSON, OPTION_WORKER, OPTION_API_KEY_FILE,
                                         OPTION_DATA_DIR};

static const char *const chat_text[] = {
    "Reads prompts, one a line, and prints the path of each take that the worker makes of them. "
    "For screen readers, pipes and terminals that cannot draw: progress is told in sentences, and "
    "nothing moves the cursor. In a terminal that can do so the line is edited as in a shell, and "
    "arrow up finds earlier prompts.",
    "A line that begins with / is a command: /help shows them all. Options are the settings to "
    "begin with; a command of the same name changes one (/length 20), shows it (/length) or takes "
    "it back (/length off).",
    "Ctrl-C cancels the take that is being made, or ends the program where nothing was typed. It "
    "also ends with its input; then the exit code is 1 when the last take failed and the input "
    "was no terminal. With --json each take is one JSON object in a line, and what commands show "
    "goes to standard error. Where no worker runs, one is started; it ends by itself.",
    NULL};

#endif
