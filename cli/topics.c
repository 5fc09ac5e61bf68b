#include "cli/topics.h"

#include <ctype.h>
#include <string.h>

#include "cli/settings.h"
#include "timbre/status.h"

typedef struct {
    const char *tag, *text;
} row;

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void add_rows(tb_page *page, const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tb_page_add(page, TB_BLOCK_ITEM, rows[i].tag, rows[i].text);
}

static void build_environment(tb_page *page)
{
    static const row others[] = {
        {"TIMBRE_CONFIG", "Settings file instead of the user's."},
        {"TIMBRE_DATA_DIR", "Folder for Timbre's own data."},
        {"NO_COLOR", "No colour in messages, unless asked for by a flag."},
        {"EDITOR, VISUAL", "Editor of timbre config edit; VISUAL comes first."},
        {"XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_CONFIG_DIRS",
         "Places of settings and data, on macOS too."},
        {"HF_HUB_CACHE, HF_HOME", "Where models lie: HF_HUB_CACHE (or the older "
                                  "HUGGINGFACE_HUB_CACHE), else hub in HF_HOME, "
                                  "else ~/.cache/huggingface/hub."},
        {"HF_TOKEN, HF_TOKEN_PATH",
         "Access token of the Hub (or the older HUGGING_FACE_HUB_TOKEN), or the file that holds it "
         "(default HF_HOME/token), for models that ask for one."},
        {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "With 1 no token is sent."},
        {"HF_ENDPOINT", "Another hub than https://huggingface.co."},
        {"HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE", "With 1 nothing is asked of the network."},
        {"http_proxy, https_proxy, no_proxy", "Proxies for fetching models, and hosts without."},
        {"TIMBRE_HUB_RETRY_S",
         "Pause before a fetch is tried again, doubled each time (default 1)."},
        {"TIMBRE_HUB_STALL_S",
         "A connection that brings almost nothing for so long is cut (default 30)."},
        {"PAGER", "Shows the text of a licence; without it less."},
        {"SDL_AUDIODRIVER", "Sound driver of timbre play, for SDL2."},
    };
    size_t n;
    const tb_setting *settings = tb_settings_table(&n);
    for (size_t i = 0; i < n; i++)
        if (settings[i].env != NULL)
            tb_page_add(page, TB_BLOCK_ITEM, settings[i].env,
                        tb_page_format(page, "The setting %s.%s: %s.", settings[i].section,
                                       settings[i].name, settings[i].help));
    add_rows(page, others, LENGTH(others));
}

static void build_files(tb_page *page)
{
    static const row rows[] = {
        {"~/.config/timbre/config.ini", "The user's settings."},
        {"/etc/xdg/timbre/config.ini", "The system's settings."},
        {"~/Music/Timbre", "Takes, in a folder for each day."},
        {"TAKE.wav.json",
         "The sidecar of TAKE.wav: id, time, recipe, what was understood, timings."},
        {"~/.cache/huggingface/hub", "Models, shared with other programs; see timbre models path."},
        {"~/.local/share/timbre/models",
         "What Timbre fetched, file by file with SHA-256, and the licences that you accepted."},
        {"~/.local/share/timbre/inbox", "Notes about takes, for the history."},
    };
    add_rows(page, rows, LENGTH(rows));
}

static void build_exit_codes(tb_page *page)
{
    static const struct {
        int code;
        const char *text;
    } codes[] = {
#define CODE_ROW(id, wire, exit_code, http, text) {exit_code, text},
        TIMBRE_STATUS_LIST(CODE_ROW)
#undef CODE_ROW
            {129, "ended by SIGHUP; nothing half-written is left"},
        {131, "ended by SIGQUIT; nothing half-written is left"},
        {143, "ended by SIGTERM; nothing half-written is left"},
    };
    for (int code = 0; code <= 143; code++) {
        const char *text = NULL;
        for (size_t i = 0; i < LENGTH(codes); i++)
            if (codes[i].code == code)
                text = text == NULL ? codes[i].text
                                    : tb_page_format(page, "%s; %s", text, codes[i].text);
        if (text != NULL)
            tb_page_add(page, TB_BLOCK_ITEM, tb_page_format(page, "%d", code),
                        tb_page_format(page, "%c%s.", toupper((unsigned char)text[0]), text + 1));
    }
}

static void build_formats(tb_page *page)
{
    static const row rows[] = {
        {"wav", "16 bit PCM at 44.1 kHz. The recipe stands in a chunk tmbr and, shortened, in a "
                "comment."},
        {"flac", "The same samples at about half the size. The recipe stands in a Vorbis comment."},
        {"png, jpg",
         "A spectrogram image of encode; riffusion's parameters stand in its EXIF block."},
        {"sidecar", "JSON beside the take, PATH.json; see timbre help files."},
        {"--json", "One object with schema 1: takes, each with path, id, seed, sha256, sidecar, "
                   "metadata and recipe; or error with code, exit_code, message and fix."},
        {"--batch --json",
         "One object a line with schema 1 for each file: input, state (made, there or "
         "failed), path or paths, and error."},
        {"--events", "One object a line with schema 1 and event: stage, progress, done or error."},
        {"mid", "A Standard MIDI File of the arrangement, with --midi."},
    };
    add_rows(page, rows, LENGTH(rows));
}

static void build_settings(tb_page *page)
{
    size_t n;
    const tb_setting *settings = tb_settings_table(&n);
    tb_page_add(
        page, TB_BLOCK_TEXT, "",
        "The file holds sections in brackets and lines name = value. A line that begins with # "
        "or ; is a comment. An empty value stands for the built-in one. Unknown keys are "
        "reported and ignored; a wrong value is an error that names file and line.");
    for (size_t i = 0; i < n; i++) {
        const tb_setting *s = &settings[i];
        const char *text = s->help;
        if (s->rule.choices != NULL)
            for (size_t c = 0; s->rule.choices[c] != NULL; c++)
                text = tb_page_format(page, "%s%s %s", text, c == 0 ? "; one of" : ",",
                                      s->rule.choices[c]);
        if (s->rule.kind == TB_VALUE_INTEGER)
            text = tb_page_format(page, "%s; %.0f to %.0f", text, s->rule.min, s->rule.max);
        if (s->default_text[0] != '\0')
            text = tb_page_format(page, "%s (default %s)", text, s->default_text);
        tb_page_add(page, TB_BLOCK_ITEM, tb_page_format(page, "%s.%s", s->section, s->name),
                    tb_page_format(page, "%c%s.", toupper((unsigned char)text[0]), text + 1));
    }
}

static const tb_topic table[] = {
    {"environment", "variables that timbre reads", build_environment},
    {"files", "where things are", build_files},
    {"exit-codes", "what the exit codes mean", build_exit_codes},
    {"formats", "files and JSON that timbre writes", build_formats},
    {"settings", "the keys of the settings file", build_settings},
};

const tb_topic *tb_topics(size_t *n_topics)
{
    *n_topics = LENGTH(table);
    return table;
}

const tb_topic *tb_topic_find(const char *name)
{
    for (size_t i = 0; i < LENGTH(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
