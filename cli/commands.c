#include "cli/commands.h"

#include <assert.h>
#include <string.h>

#include "cli/codec_options.h"
#include "cli/models_options.h"
#include "cli/option_rows.h"
#include "cli/radio_options.h"
#include "cli/radio_plan.h"
#include "cli/rework_options.h"
#include "cli/settings.h"
#include "cli/view_options.h"
#include "cli/worker_options.h"
#include "timbre/request.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const tb_option global_options[] = {
    {.short_name = 'h', .help = "short help"},
    {.name = "help", .help = "the manual page"},
    {.name = "version", .help = "the version"},
    {.name = "quiet", .short_name = 'q', .help = "only results and errors"},
    {.name = "verbose", .short_name = 'v', .help = "say more about what is done"},
    {.name = "color",
     .setting = "ui.color",
     .value_name = "WHEN",
     .help = "colours in messages: auto, always, never"},
    {.name = "config",
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "settings file instead of the usual one"},
    {.name = "log",
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "append all messages to this file"},
};

static const tb_option generate_options[] = {
    {.name = "output",
     .short_name = 'o',
     .rule = {TB_VALUE_FILE},
     .value_name = "PATH",
     .help = "file or folder; - writes the sound to stdout"},
    {.name = "count",
     .short_name = 'n',
     .rule = {TB_VALUE_INTEGER, 1, 1000, NULL},
     .value_name = "N",
     .default_text = "1",
     .help = "takes to make: seeds s, s+1, ..."},
    {.name = "from",
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "make this take again; other options change it"},
    {.name = "vary",
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "a variation of this take; --amount says how far"},
    {.name = "play", .help = "play each take when it is done"},
    {.name = "force", .help = "overwrite, and write sound to a terminal"},
    {.name = "midi",
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "also write the arrangement as a MIDI file"},
    {.name = "image",
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "also write a neural model's picture, a PNG"},
    {.name = "dry-run", .help = "show what would be made, and make nothing"},
    OPTION_JSON,
    {.name = "events", .help = "JSON Lines on stdout while it works"},
    OPTION_PROGRESS,
    {.name = "timeout",
     .rule = {TB_VALUE_NUMBER, 0.001, 1e6, NULL},
     .value_name = "SEC",
     .help = "give up after this time (exit code 7)"},
    {.name = "no-worker", .help = "make it here, also where a worker runs"},
    {.name = "no-sidecar", .help = "do not write PATH.json beside the take"},
    OPTION_SOUNDFONT,
    OPTION_TOKENIZER,
    OPTION_THREADS,
    OPTION_MEMORY,
    OPTION_CPU,
    OPTION_DATA_DIR,
};

static const tb_option show_options[] = {OPTION_JSON, OPTION_TOKENIZER};

static const tb_option play_options[] = {
    {.name = "start",
     .rule = {TB_VALUE_NUMBER, 0, 1e6, NULL},
     .value_name = "SEC",
     .default_text = "0",
     .help = "begin here"},
    {.name = "loop", .help = "again and again, without a gap"},
    {.name = "volume", .setting = "play.volume", .value_name = "N", .help = "volume in percent"},
};

static const tb_option export_options[] = {
    {.name = "output",
     .short_name = 'o',
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "the file to write; its ending chooses the format"},
    {.name = "format",
     .short_name = 'f',
     .words = timbre_audio_formats,
     .value_name = "FORMAT",
     .default_text = "mp3",
     .help = "kind of file, where -o does not say it"},
    {.name = "title",
     .rule = {TB_VALUE_TEXT},
     .value_name = "TEXT",
     .help = "title for players; without it the one it has"},
    {.name = "force", .help = "overwrite"},
    OPTION_JSON,
    OPTION_DATA_DIR,
};

static const tb_option config_options[] = {
    {.name = "origin", .help = "list: also say where each value comes from"},
    OPTION_JSON,
};

static const tb_option doctor_options[] = {OPTION_JSON,    OPTION_SOUNDFONT, OPTION_TOKENIZER,
                                           OPTION_THREADS, OPTION_CPU,       OPTION_DATA_DIR};

static const tb_option version_options[] = {OPTION_JSON};

static const tb_option help_options[] = {
    {.name = "man",
     .rule = {TB_VALUE_TEXT},
     .value_name = "PAGE",
     .help = "print a page as mdoc source, such as timbre-generate.1"},
};

static const char *const shells[] = {"bash", "zsh", "fish", NULL};
static const char *const config_actions[] = {"list", "get", "set", "unset", "path", "edit", NULL};

static const char *const generate_text[] = {
    "Makes a piece of sound from a prompt and prints the path of the file. With PROMPT - the "
    "prompt is read from standard input. Nothing else is written to standard output: "
    "progress, warnings and hints go to standard error.",
    "Without --model the first installed model answers (see timbre models), and where there is "
    "none the sketch: it reads style, mood, instruments, tempo and key from the prompt, arranges "
    "them and plays the result through a SoundFont. "
    "It is a sketch and not the AI model, and says so. Words that it does not know are no "
    "error; they are named, and --verbose shows what it understood.",
    "The file carries its recipe: everything that is needed to make the same samples again. "
    "--from reads it and names each ingredient that differs on this machine.",
    "--model names an installed model, or a folder or file of a neural model of the Stable "
    "Diffusion 1.x family that "
    "paints "
    "spectrograms, such as Riffusion: weights as safetensors, or PyTorch's .bin and .ckpt, which "
    "are "
    "read without running anything in them. It makes up to 20.4 seconds. Its prompts may weigh "
    "words: "
    "(louder:1.3) [softer]. --scheduler pndm --steps 50 is Riffusion's own way.",
    "PATH may be a folder, or a name with {date} {time} {slug} {seed} {n} {model} in it; its "
    "ending chooses the format; --midi and --image take such a name too. In a folder given with -o "
    "the "
    "takes stand directly, without a folder for the day. A file that exists is not overwritten "
    "without --force. Names "
    "that Timbre chooses itself get a number instead.",
    "Where a worker of this user runs (timbre serve) it makes the take, as it has the model in "
    "memory; "
    "not with --no-worker, and not where -o or an option of the engine asks for something "
    "that it does not do.",
    "Options for a field of the request can be taken back: --no-loop with --from makes a take "
    "that is no loop.",
    NULL};

static const char *const show_text[] = {
    "Prints what an audio file is, and for a take the music and the recipe inside. Reads every "
    "format that libsndfile reads, and the sidecar of a take (FILE.json).",
    "A take that is shorter or longer than its recipe says is reported as damaged (exit code 8).",
    "For a model (a folder in the form of diffusers, or a file of weights) it prints what the "
    "model "
    "is, after checking the name, type and shape of every tensor.",
    NULL};

static const char *const play_text[] = {
    "Plays an audio file through the machine's sound output. In a terminal: space pauses, the "
    "left and right arrows move by 5 seconds (with shift by 1 second), q ends.",
    NULL};

static const char *const export_text[] = {
    "Writes a take, or any sound file, as another kind of file: wav, flac, ogg, opus or mp3, with "
    "16 "
    "bit samples. The recipe and the title go along, in each of them, so that generate --from "
    "takes "
    "the result. Prints the path of the file.",
    "FILE may be the number of a take in the history, '#12', or last. Without -o the file stands "
    "in "
    "the current folder and is named after --title, else after the take's title in the history, "
    "else after FILE. A "
    "file that exists is not overwritten without --force.",
    "Opus and MP3 do not have every rate. A sound with another one is brought to 48 kHz with "
    "libsamplerate's best quality, and a line says so. The file is read back before it appears: "
    "recipe and title are the same, and the length is, but for the padding of lossy formats.",
    NULL};

static const char *const config_text[] = {
    "Shows and changes the settings. The actions are list, get KEY, set KEY VALUE, unset KEY, "
    "path and edit; list is the one without a name. path prints the name of the user's file, "
    "edit opens it in an editor and checks it afterwards. Paths are stored whole.",
    "A flag beats the environment, the environment beats the user's file, that beats the "
    "system's file and that the built-in value. Changes keep the comments and the order of "
    "the file. The keys are described in timbre-config(5).",
    NULL};

static const char *const doctor_text[] = {
    "Checks everything that Timbre needs, one line each: ok, warn or fail, with what to do. "
    "The exit code is 1 when anything failed.",
    NULL};

static const char *const completion_text[] = {
    "Prints a script that teaches a shell to complete commands, options and values. For bash: "
    "source <(timbre completion bash) in ~/.bashrc. For zsh: write it to a file _timbre in a "
    "folder of $fpath. For fish: write it to ~/.config/fish/completions/timbre.fish.",
    NULL};

static const char *const version_text[] = {
    "Prints the version of the program and of its engine. The engine's version changes when "
    "the same request makes other samples. With --json also the versions of the libraries.",
    NULL};

static const char *const help_text[] = {
    "Shows the manual of a command or a topic: environment, files, exit-codes, formats or "
    "settings.",
    NULL};

static const tb_command table[] = {
    {.name = "generate",
     .aliases = {{"gen", NULL}},
     .summary = "make a take from a prompt",
     .operands = "PROMPT|-",
     .operand_kind = TB_OPERAND_TEXT,
     .max_operands = 1,
     .text = generate_text,
     .options = generate_options,
     .n_options = LENGTH(generate_options),
     .has_fields = true,
     .examples =
         {{"timbre generate \"lo-fi piano over gentle rain\"", "five seconds, as a WAV file"},
          {"timbre generate \"funk bassline\" -l 10 -s 42 -n 4 -o 'bass-{seed}.wav'",
           "four takes of ten seconds with seeds 42 to 45"},
          {"f=$(timbre generate -q \"church bells\") && timbre play \"$f\"",
           "only the path is printed"},
          {"timbre generate \"rain\" -o - -f wav | ffmpeg -i - out.m4a", "sound into a pipe"},
          {"echo \"techno and a fiddle\" | timbre generate - --json",
           "prompt from standard input, answer as JSON"},
          {"timbre generate --from take.flac --length 20", "the same take with one thing changed"}},
     .run = tb_cmd_generate},
    {.name = "riff",
     .aliases = {{"blend", NULL}},
     .summary = "make a sound that goes from one prompt to another",
     .operands = "PROMPT_A PROMPT_B",
     .operand_kind = TB_OPERAND_TEXT,
     .max_operands = 2,
     .text = riff_text,
     .options = generate_options,
     .n_options = LENGTH(generate_options),
     .has_fields = true,
     .examples = {{"timbre riff \"church bells\" \"electronic beats\"",
                   "five clips on the way, joined"},
                  {"timbre riff \"jazz trio\" \"typing\" --clips 12 --init song.mp3",
                   "twelve, in the shape of a song"},
                  {"timbre riff \"rain\" \"applause\" --alpha 0.5", "one clip half way"}},
     .run = tb_cmd_riff},
    {.name = "batch",
     .summary = "make takes from a list of prompts",
     .operands = "FILE",
     .operand_kind = TB_OPERAND_FILE,
     .max_operands = 1,
     .text = batch_text,
     .options = batch_options,
     .n_options = LENGTH(batch_options),
     .is_minor = true,
     .examples = {{"timbre batch prompts.json", "each prompt once, into the folder prompts"},
                  {"timbre batch prompts.json --seeds 4 --output takes", "with four seeds each"}},
     .run = tb_cmd_batch},
    {.name = "show",
     .aliases = {{"info", NULL}},
     .summary = "show what an audio file or a model is",
     .operands = "FILE|MODEL",
     .operand_kind = TB_OPERAND_FILE,
     .max_operands = 1,
     .text = show_text,
     .options = show_options,
     .n_options = LENGTH(show_options),
     .examples = {{"timbre show take.wav", "facts and recipe"},
                  {"timbre show models/riffusion-v1", "architecture, sizes, licence"},
                  {"timbre show take.wav --json", "the same for programs"}},
     .run = tb_cmd_show},
    {.name = "play",
     .summary = "play an audio file",
     .operands = "FILE",
     .operand_kind = TB_OPERAND_AUDIO,
     .max_operands = 1,
     .text = play_text,
     .options = play_options,
     .n_options = LENGTH(play_options),
     .examples = {{"timbre play take.wav", "to the end"},
                  {"timbre play take.wav --loop --volume 60", "until you press q"},
                  {"timbre play '#12'", "a take by its number in timbre takes"}},
     .run = tb_cmd_play},
    {.name = "radio",
     .summary = "play from prompt to prompt without end",
     .operands = "PROMPT...",
     .operand_kind = TB_OPERAND_TEXT,
     .max_operands = TB_RADIO_PROMPTS_MAX,
     .text = radio_text,
     .options = radio_options,
     .n_options = LENGTH(radio_options),
     .has_fields = true,
     .examples = {{"timbre radio \"rain on a roof\" \"church bells\"",
                   "from one to the other and back"},
                  {"timbre radio \"funk bassline -> jazz trio -> techno\" --step 0.125",
                   "three prompts, in smaller steps"},
                  {"timbre radio \"lo-fi piano\" -n 12 -o piano.wav --no-play",
                   "a minute of one prompt as a file"}},
     .run = tb_cmd_radio},
    {.name = "encode",
     .aliases = {{"audio-to-image", NULL}, {"audio-to-images-batch", "batch"}},
     .summary = "make a spectrogram image from a sound",
     .operands = "AUDIO",
     .operand_kind = TB_OPERAND_AUDIO,
     .max_operands = 1,
     .text = encode_text,
     .options = encode_options,
     .n_options = LENGTH(encode_options),
     .examples = {{"timbre encode song.flac", "song.png beside it"},
                  {"timbre encode song.mp3 -o picture.png --stereo",
                   "left in green, right in blue"},
                  {"timbre encode loops/ --batch -o images/ --jobs 4", "a whole folder"},
                  {"timbre audio-to-images-batch --audio-dir loops --output-dir images",
                   "the same in riffusion's words"}},
     .run = tb_cmd_encode},
    {.name = "decode",
     .aliases = {{"image-to-audio", NULL}},
     .summary = "make sound from a spectrogram image",
     .operands = "IMAGE",
     .operand_kind = TB_OPERAND_IMAGE,
     .max_operands = 1,
     .text = decode_text,
     .options = decode_options,
     .n_options = LENGTH(decode_options),
     .examples = {{"timbre decode song.png --play", "song.wav beside it, and listen"},
                  {"timbre decode song.png -o again.flac --iterations 64", "with more care"},
                  {"timbre decode painted.jpg --stereo --max-frequency 20000",
                   "an image that does not say how it is meant"}},
     .run = tb_cmd_decode},
    {.name = "sample-clips",
     .aliases = {{"sample-clips-batch", "batch"}},
     .summary = "cut clips from random places of a sound",
     .operands = "AUDIO",
     .operand_kind = TB_OPERAND_AUDIO,
     .max_operands = 1,
     .text = sample_clips_text,
     .options = sample_clips_options,
     .n_options = LENGTH(sample_clips_options),
     .examples = {{"timbre sample-clips song.mp3 -o clips -n 3", "three of 5.12 seconds"},
                  {"timbre sample-clips songs/ --batch -o clips -n 10 --seed 42",
                   "ten of each song, the same ones each time"},
                  {"timbre sample-clips-batch --audio-dir songs --output-dir clips",
                   "the same in riffusion's words, one of each"}},
     .is_minor = true,
     .run = tb_cmd_sample_clips},
    {.name = "print-exif",
     .summary = "print the spectrogram parameters in an image",
     .operands = "IMAGE",
     .operand_kind = TB_OPERAND_IMAGE,
     .max_operands = 1,
     .text = print_exif_text,
     .options = print_exif_options,
     .n_options = LENGTH(print_exif_options),
     .examples = {{"timbre print-exif song.png", "one a line, as riffusion prints them"},
                  {"timbre print-exif song.png --json", "the same for programs"}},
     .is_minor = true,
     .run = tb_cmd_print_exif},
    {.name = "spectrogram",
     .summary = "look at a sound",
     .operands = "AUDIO",
     .operand_kind = TB_OPERAND_AUDIO,
     .max_operands = 1,
     .text = spectrogram_text,
     .options = spectrogram_options,
     .n_options = LENGTH(spectrogram_options),
     .examples = {{"timbre spectrogram take.wav", "in the terminal"},
                  {"timbre spectrogram take.wav -o take.png", "as a picture with axes"},
                  {"timbre spectrogram song.mp3 --start 60 --length 5 --max-frequency 2000",
                   "five seconds of it, low notes"}},
     .run = tb_cmd_spectrogram},
    {.name = "models",
     .summary = "find, fetch and look after models",
     .operands = "[ACTION [NAME|PATH [OUT]]]",
     .operand_kind = TB_OPERAND_MODELS,
     .operand_choices = model_actions,
     .max_operands = 3,
     .text = models_text,
     .options = models_options,
     .n_options = LENGTH(models_options),
     .examples = {{"timbre models", "what is here, which one answers, and why"},
                  {"timbre models pull riffusion-v1", "2.13 GB, once; asks about the licence"},
                  {"timbre models pull riffusion-v1 --accept-license creativeml-openrail-m",
                   "the same in a script"},
                  {"timbre models verify --repair", "read every byte again"},
                  {"timbre models add ~/weights/mine.safetensors --name mine",
                   "then: timbre generate --model mine"},
                  {"timbre models convert model.ckpt model.safetensors --dtype fp16",
                   "half the size"}},
     .run = tb_cmd_models},
    {.name = "serve",
     .summary = "run the worker, which makes takes for other programs",
     .operands = "",
     .text = serve_text,
     .options = serve_options,
     .n_options = LENGTH(serve_options),
     .examples = {{"timbre serve", "for this machine, at 127.0.0.1:8000"},
                  {"timbre serve --listen 0.0.0.0:8000 --api-key-file key.txt",
                   "for other machines as well, who need the key"},
                  {"timbre serve --listen none", "only for this user's own commands"}},
     .run = tb_cmd_serve},
    {.name = "jobs",
     .summary = "what the worker does: list, watch, cancel",
     .operands = "[ACTION [ID...]]",
     .operand_kind = TB_OPERAND_CHOICE,
     .operand_choices = job_actions,
     .max_operands = 16,
     .text = jobs_text,
     .options = jobs_options,
     .n_options = LENGTH(jobs_options),
     .examples = {{"timbre jobs", "the newest, one a line"},
                  {"timbre jobs watch", "the newest, until it ends"},
                  {"timbre jobs cancel all", "what waits and what runs"}},
     .run = tb_cmd_jobs},
    {.name = "takes",
     .summary = "the history: list, search, star, remove",
     .operands = "[ACTION [N...]]",
     .operand_kind = TB_OPERAND_CHOICE,
     .operand_choices = take_actions,
     .max_operands = 16,
     .text = takes_text,
     .options = takes_options,
     .n_options = LENGTH(takes_options),
     .examples = {{"timbre takes", "the newest, one a line"},
                  {"timbre takes search rain piano", "those with both words"},
                  {"timbre takes star last", "keep the newest when old ones go"},
                  {"timbre takes path '#12'", "where the file of take 12 is"}},
     .run = tb_cmd_takes},
    {.name = "export",
     .summary = "write a take as another kind of file",
     .operands = "FILE|#N|last",
     .operand_kind = TB_OPERAND_AUDIO,
     .max_operands = 1,
     .text = export_text,
     .options = export_options,
     .n_options = LENGTH(export_options),
     .examples = {{"timbre export take.wav -o take.flac", "the same samples, half the size"},
                  {"timbre export last --format opus --title \"Rain at night\"",
                   "rain-at-night.opus, here"},
                  {"timbre export '#12' -o rain.mp3", "a take by its number in timbre takes"}},
     .run = tb_cmd_export},
    {.name = "chat",
     .summary = "prompts line by line, for pipes and screen readers",
     .operands = "",
     .text = chat_text,
     .options = chat_options,
     .n_options = LENGTH(chat_options),
     .has_fields = true,
     .examples = {{"timbre chat", "a prompt a line; /help shows the commands"},
                  {"cat prompts.txt | timbre chat --length 20", "a take of each line of a file"},
                  {"printf '/seed 42\\nrain\\n' | timbre chat --json", "for programs"}},
     .run = tb_cmd_chat},
    {.name = "config",
     .summary = "show and change the settings",
     .operands = "[ACTION [KEY [VALUE]]]",
     .operand_kind = TB_OPERAND_CONFIG,
     .operand_choices = config_actions,
     .max_operands = 3,
     .text = config_text,
     .options = config_options,
     .n_options = LENGTH(config_options),
     .survives_bad_settings = true,
     .examples = {{"timbre config set output.dir ~/Takes", "where takes go"},
                  {"timbre config list --origin", "every value and where it comes from"}},
     .run = tb_cmd_config},
    {.name = "doctor",
     .summary = "check that everything works, and say how to fix it",
     .operands = "",
     .text = doctor_text,
     .options = doctor_options,
     .n_options = LENGTH(doctor_options),
     .survives_bad_settings = true,
     .examples = {{"timbre doctor", "a line for each check"},
                  {"timbre doctor --json", "the same for programs"}},
     .run = tb_cmd_doctor},
    {.name = "completion",
     .summary = "print the completion script for a shell",
     .operands = "bash|zsh|fish",
     .operand_kind = TB_OPERAND_CHOICE,
     .operand_choices = shells,
     .max_operands = 1,
     .text = completion_text,
     .survives_bad_settings = true,
     .examples = {{"source <(timbre completion bash)", "for this shell"},
                  {"timbre completion fish > ~/.config/fish/completions/timbre.fish", "for good"}},
     .is_minor = true,
     .run = tb_cmd_completion},
    {.name = "version",
     .summary = "print the version",
     .operands = "",
     .text = version_text,
     .options = version_options,
     .n_options = LENGTH(version_options),
     .survives_bad_settings = true,
     .examples = {{"timbre version", "program and engine"},
                  {"timbre version --json", "and the libraries"}},
     .is_minor = true,
     .run = tb_cmd_version},
    {.name = "help",
     .summary = "show the manual of a command or a topic",
     .operands = "[COMMAND|TOPIC]",
     .operand_kind = TB_OPERAND_TOPIC,
     .max_operands = 1,
     .text = help_text,
     .options = help_options,
     .n_options = LENGTH(help_options),
     .survives_bad_settings = true,
     .examples = {{"timbre help generate", "the manual of generate"},
                  {"timbre help exit-codes", "what the exit codes mean"}},
     .run = tb_cmd_help},
};

const tb_command *tb_commands(size_t *n_commands)
{
    *n_commands = LENGTH(table);
    return table;
}

const tb_command *tb_command_find(const char *name)
{
    for (size_t i = 0; i < LENGTH(table); i++)
        if (strcmp(table[i].name, name) == 0 || tb_command_find_alias(&table[i], name) != NULL)
            return &table[i];
    return NULL;
}

const tb_alias *tb_command_find_alias(const tb_command *command, const char *name)
{
    for (size_t i = 0; i < TB_ALIASES_MAX && command->aliases[i].name != NULL; i++)
        if (strcmp(command->aliases[i].name, name) == 0)
            return &command->aliases[i];
    return NULL;
}

/* Rule and default of an option that stands for a setting are the setting's. */
static void borrow_rule(tb_option *option)
{
    size_t n;
    int i = tb_setting_find(option->setting);
    assert(i >= 0);
    const tb_setting *setting = &tb_settings_table(&n)[i];
    option->rule = setting->rule;
    option->default_text = setting->default_text[0] == '\0' ? NULL : setting->default_text;
}

/* The words are the engine's own; the first is what it does when none is given. */
static void borrow_words(tb_option *option)
{
    option->rule = (tb_value_rule){.kind = TB_VALUE_CHOICE, .choices = option->words()};
    if (option->default_text == NULL)
        option->default_text = option->rule.choices[0];
}

static void add(tb_option_list *out, const tb_option *options, size_t n)
{
    assert(out->n + n <= TB_OPTIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        tb_option *option = &out->items[out->n++];
        *option = options[i];
        if (option->setting != NULL)
            borrow_rule(option);
        if (option->words != NULL)
            borrow_words(option);
    }
}

/* The value itself is checked by timbre_request_set: only its kind matters here. */
static tb_option option_of_field(const timbre_field *field)
{
    bool is_choice = field->type == TIMBRE_FIELD_CHOICE;
    bool is_switch = field->type == TIMBRE_FIELD_BOOLEAN;
    return (tb_option){
        .name = field->flag,
        .short_name = field->short_flag,
        .rule = {.kind = is_switch                           ? TB_VALUE_SWITCH
                         : is_choice                         ? TB_VALUE_CHOICE
                         : field->is_path || field->is_input ? TB_VALUE_FILE
                                                             : TB_VALUE_TEXT,
                 .choices = field->choices},
        .value_name = field->value_name,
        .default_text = is_switch || field->default_text == NULL || field->default_text[0] == '\0'
                            ? NULL
                            : field->default_text,
        .help = field->help,
        .field = field->name,
    };
}

void tb_command_options(const tb_command *command, tb_option_list *out)
{
    out->n = 0;
    size_t n_fields;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    for (size_t i = 0; command != NULL && command->has_fields && i < n_fields; i++) {
        tb_option option;
        if (fields[i].flag == NULL)
            continue;
        option = option_of_field(&fields[i]);
        add(out, &option, 1);
    }
    if (command != NULL)
        add(out, command->options, command->n_options);
    add(out, global_options, LENGTH(global_options));
}
