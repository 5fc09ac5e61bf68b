/* The table, and finding things in it. What each row does stands in operations_*.c. */
#include "cli/tui/operations.h"

#include <stdio.h>
#include <string.h>

#include "cli/tui/keymap.h"
#include "cli/tui/operation_list.h"
#include "cli/tui/studio.h"

/* clang-format off */
/* The rest is the function, without its tb_do_, and what further fields the row has. */
#define ROW(name, words, place, key_names, ...) \
    {.id = (name), .title = (words), .where = (place), .keys = (key_names), .run = tb_do_##__VA_ARGS__}

static const tb_operation table[] = {
    ROW("help", "All keys and commands", TB_WHERE_ANY, "f1", help, .hint = "help", .slash = "help", .shell = "timbre help"),
    ROW("palette", "Command palette", TB_WHERE_ANY, "ctrl-p", palette, .hint = "palette", .is_quiet = true),
    ROW("settings", "Settings of the next take", TB_WHERE_ANY, "ctrl-s", settings, .slash = "settings", .shell = "timbre config"),
    ROW("play-pause", "Pause or go on", TB_WHERE_ANY, "ctrl-t", pause, .hint = "pause", .why_not = tb_why_no_sound, .shell = "timbre play"),
    ROW("search-history", "Search old prompts", TB_WHERE_ANY, "ctrl-r", search_history),
    ROW("editor", "Write the prompt in $EDITOR", TB_WHERE_ANY, "ctrl-g", editor),
    ROW("next-area", "To the takes, or back to the prompt", TB_WHERE_ANY, "tab shift-tab", next_area, .hint = "takes", .is_quiet = true),
    ROW("back", "Close, or go to the other area", TB_WHERE_ANY, "escape", back, .is_quiet = true),
    ROW("redraw", "Draw the screen anew", TB_WHERE_ANY, "ctrl-l", redraw),
    ROW("interrupt", "Clear the prompt, cancel the take, then quit", TB_WHERE_ANY, "ctrl-c", interrupt, .is_quiet = true),
    ROW("suspend", "Suspend: fg brings it back", TB_WHERE_ANY, "ctrl-z", suspend),
    ROW("download", "Download a neural model", TB_WHERE_ANY, "f2", download, .slash = "pull", .shell = "timbre models pull riffusion-v1"),
    ROW("cancel", "Cancel the take that is being made", TB_WHERE_ANY, NULL, cancel, .slash = "cancel", .why_not = tb_why_nothing_runs, .shell = "timbre jobs cancel"),
    ROW("log", "Show the log", TB_WHERE_ANY, "f8", log, .slash = "log"),
    ROW("doctor", "Check everything", TB_WHERE_ANY, NULL, doctor, .slash = "doctor", .shell = "timbre doctor"),
    ROW("models", "Models of the worker", TB_WHERE_ANY, NULL, download, .slash = "models", .shell = "timbre models"),
    ROW("retry", "Try to reach the worker now", TB_WHERE_ANY, NULL, retry, .slash = "retry"),
    ROW("worker", "Use the worker at an address", TB_WHERE_ANY, NULL, worker, .slash = "worker", .argument = "URL", .shell = "TIMBRE_WORKER_URL=URL timbre"),
    ROW("local", "Use this computer's own worker", TB_WHERE_ANY, NULL, local, .slash = "local"),
    ROW("count", "Make several takes", TB_WHERE_ANY, NULL, count, .slash = "count", .argument = "N PROMPT", .shell = "timbre generate PROMPT --count N"),
    ROW("with", "One take with other settings", TB_WHERE_ANY, NULL, with, .slash = "with", .argument = "NAME=VALUE ... PROMPT", .shell = "timbre generate PROMPT --NAME VALUE"),
    ROW("radio", "Radio: from prompt to prompt; again: its end", TB_WHERE_ANY, NULL, radio, .slash = "radio", .argument = "A -> B", .shell = "timbre radio 'A -> B'"),
    ROW("preset-save", "Keep the settings under a name", TB_WHERE_ANY, NULL, preset_save, .slash = "save", .argument = "NAME"),
    ROW("preset-use", "Settings kept under a name", TB_WHERE_ANY, NULL, preset_use, .slash = "use", .argument = "NAME"),
    ROW("reset", "Settings as they were at the start", TB_WHERE_ANY, NULL, reset, .slash = "reset"),
    ROW("mouse", "Mouse on or off", TB_WHERE_ANY, NULL, mouse, .slash = "mouse", .argument = "on|off", .shell = "timbre config set ui.mouse false"),
    ROW("theme", "Light or dark background", TB_WHERE_ANY, NULL, theme, .slash = "theme", .argument = "light|dark"),
    ROW("keys", "All keys and commands", TB_WHERE_ANY, NULL, help, .slash = "keys", .is_quiet = true),
    ROW("quit", "Quit", TB_WHERE_ANY, NULL, quit, .slash = "quit"),

    ROW("submit", "Generate", TB_WHERE_PROMPT, "enter", submit, .hint = "generate", .is_quiet = true, .shell = "timbre generate PROMPT"),
    ROW("new-line", "New line", TB_WHERE_PROMPT, "alt-enter ctrl-j shift-enter", edit, .value = TB_EDIT_NEW_LINE, .hint = "newline", .is_quiet = true),
    ROW("older", "Row above; older prompt at the first", TB_WHERE_PROMPT, "up", edit, .value = TB_EDIT_UP, .is_quiet = true),
    ROW("newer", "Row below; newer prompt at the last", TB_WHERE_PROMPT, "down", edit, .value = TB_EDIT_DOWN, .is_quiet = true),
    ROW("end-of-input", "Quit, when the prompt is empty", TB_WHERE_PROMPT, "ctrl-d", end_of_input, .is_quiet = true),
    ROW("left", "Left", TB_WHERE_PROMPT, "left ctrl-b", edit, .value = TB_EDIT_LEFT, .is_quiet = true),
    ROW("right", "Right", TB_WHERE_PROMPT, "right ctrl-f", edit, .value = TB_EDIT_RIGHT, .is_quiet = true),
    ROW("word-left", "A word to the left", TB_WHERE_PROMPT, "ctrl-left alt-b alt-left", edit, .value = TB_EDIT_WORD_LEFT, .is_quiet = true),
    ROW("word-right", "A word to the right", TB_WHERE_PROMPT, "ctrl-right alt-f alt-right", edit, .value = TB_EDIT_WORD_RIGHT, .is_quiet = true),
    ROW("line-start", "Beginning of the line", TB_WHERE_PROMPT, "home ctrl-a", edit, .value = TB_EDIT_LINE_START, .is_quiet = true),
    ROW("line-end", "End of the line", TB_WHERE_PROMPT, "end ctrl-e", edit, .value = TB_EDIT_LINE_END, .is_quiet = true),
    ROW("delete-before", "Delete to the left", TB_WHERE_PROMPT, "backspace", edit, .value = TB_EDIT_DELETE_BEFORE, .is_quiet = true),
    ROW("delete-after", "Delete to the right", TB_WHERE_PROMPT, "delete", edit, .value = TB_EDIT_DELETE_AFTER, .is_quiet = true),
    ROW("kill-word-before", "Cut the word before", TB_WHERE_PROMPT, "ctrl-w alt-backspace", edit, .value = TB_EDIT_KILL_WORD_BEFORE, .is_quiet = true),
    ROW("kill-word-after", "Cut the word after", TB_WHERE_PROMPT, "alt-d", edit, .value = TB_EDIT_KILL_WORD_AFTER, .is_quiet = true),
    ROW("kill-to-start", "Cut to the beginning of the line", TB_WHERE_PROMPT, "ctrl-u", edit, .value = TB_EDIT_KILL_TO_START, .is_quiet = true),
    ROW("kill-to-end", "Cut to the end of the line", TB_WHERE_PROMPT, "ctrl-k", edit, .value = TB_EDIT_KILL_TO_END, .is_quiet = true),
    ROW("yank", "Put back what was cut", TB_WHERE_PROMPT, "ctrl-y", edit, .value = TB_EDIT_YANK, .is_quiet = true),
    ROW("undo-text", "Undo", TB_WHERE_PROMPT, "ctrl-_", edit, .value = TB_EDIT_UNDO, .is_quiet = true),
    ROW("redo-text", "Redo", TB_WHERE_PROMPT, "alt-_", edit, .value = TB_EDIT_REDO, .is_quiet = true),

    ROW("play", "Play the take", TB_WHERE_TAKES, "enter", play, .hint = "play", .slash = "play", .argument = "#N", .why_not = tb_why_no_take, .shell = "timbre play '#N'"),
    ROW("take-pause", "Pause or go on", TB_WHERE_TAKES, "space", pause, .why_not = tb_why_no_sound, .is_quiet = true),
    ROW("seek-back", "Back 5 s", TB_WHERE_TAKES, "left", seek, .value = -5, .why_not = tb_why_no_sound),
    ROW("seek-on", "On 5 s", TB_WHERE_TAKES, "right", seek, .value = 5, .hint = "seek", .why_not = tb_why_no_sound),
    ROW("seek-back-little", "Back 1 s", TB_WHERE_TAKES, "shift-left", seek, .value = -1, .why_not = tb_why_no_sound, .is_quiet = true),
    ROW("seek-on-little", "On 1 s", TB_WHERE_TAKES, "shift-right", seek, .value = 1, .why_not = tb_why_no_sound, .is_quiet = true),
    ROW("take-up", "The take above", TB_WHERE_TAKES, "up k", move, .value = -1, .is_quiet = true),
    ROW("take-down", "The take below", TB_WHERE_TAKES, "down j", move, .value = 1, .is_quiet = true),
    ROW("page-up", "Half a page up", TB_WHERE_TAKES, "ctrl-u page-up", move, .value = -10, .is_quiet = true),
    ROW("page-down", "Half a page down", TB_WHERE_TAKES, "ctrl-d page-down", move, .value = 10, .is_quiet = true),
    ROW("first-take", "The first take", TB_WHERE_TAKES, "g home", first, .is_quiet = true),
    ROW("last-take", "The newest take", TB_WHERE_TAKES, "G end", last, .is_quiet = true),
    ROW("search", "Search takes by words, !word leaves out", TB_WHERE_TAKES, "/", search, .slash = "search", .argument = "WORDS", .shell = "timbre takes search WORDS"),
    ROW("filter-all", "All takes", TB_WHERE_TAKES, "1", filter, .value = TB_FILTER_ALL, .shell = "timbre takes"),
    ROW("filter-stars", "Favourites", TB_WHERE_TAKES, "2", filter, .value = TB_FILTER_STARRED, .shell = "timbre takes list --starred"),
    ROW("filter-failed", "Failed and cancelled takes", TB_WHERE_TAKES, "3", filter, .value = TB_FILTER_FAILED),
    ROW("filter-session", "Takes since the start", TB_WHERE_TAKES, "4", filter, .value = TB_FILTER_RUN),
    ROW("again", "Again, with a new seed", TB_WHERE_TAKES, "r", again, .value = TB_AGAIN_NEW_SEED, .hint = "again", .slash = "again", .why_not = tb_why_no_take, .shell = "timbre generate --from '#N' --seed random"),
    ROW("repeat", "Again, with the same seed", TB_WHERE_TAKES, "R", again, .value = TB_AGAIN_SAME_SEED, .slash = "repeat", .why_not = tb_why_no_take, .shell = "timbre generate --from '#N'"),
    ROW("edit", "Words and settings back into the prompt", TB_WHERE_TAKES, "e", again, .value = TB_AGAIN_EDIT, .hint = "edit", .why_not = tb_why_no_take),
    ROW("view", "Spectrogram", TB_WHERE_TAKES, "v", view, .hint = "view", .slash = "spectrogram", .why_not = tb_why_no_sound_file, .shell = "timbre spectrogram '#N'"),
    ROW("compare", "Compare: mark A, mark B, then switch", TB_WHERE_TAKES, "c", compare, .why_not = tb_why_no_sound_file),
    ROW("export", "Export as wav, flac, ogg, opus or mp3", TB_WHERE_TAKES, "x", export, .slash = "export", .argument = "FORMAT|FILE", .why_not = tb_why_no_sound_file, .shell = "timbre export '#N' -o FILE"),
    ROW("export-stars", "Export all favourites", TB_WHERE_TAKES, NULL, export_stars),
    ROW("favourite", "Favourite, or not", TB_WHERE_TAKES, "f", star, .slash = "star", .why_not = tb_why_no_sound_file, .shell = "timbre takes star '#N'"),
    ROW("rename", "Give it a title", TB_WHERE_TAKES, "t", rename, .slash = "rename", .argument = "TITLE", .why_not = tb_why_no_sound_file),
    ROW("delete", "Delete; u brings it back", TB_WHERE_TAKES, "d delete", delete, .slash = "delete", .why_not = tb_why_no_take, .shell = "timbre takes rm '#N'"),
    ROW("undelete", "Bring back what was deleted last", TB_WHERE_TAKES, "u", undelete, .slash = "undelete", .why_not = tb_why_nothing_deleted, .shell = "timbre takes restore '#N'"),
    ROW("copy-path", "Copy its path", TB_WHERE_TAKES, "y", copy_path, .why_not = tb_why_no_sound_file, .shell = "timbre takes path '#N'"),
    ROW("copy-command", "Copy the shell command that makes it", TB_WHERE_TAKES, "Y", copy_command, .why_not = tb_why_no_sound_file),
    ROW("details", "Everything about it", TB_WHERE_TAKES, "i", details, .why_not = tb_why_no_take, .shell = "timbre show '#N'"),
    ROW("reveal", "Show the file in its folder", TB_WHERE_TAKES, "o", reveal, .why_not = tb_why_no_sound_file),
    ROW("louder", "Louder", TB_WHERE_TAKES, "+ =", volume, .value = 5, .slash = "louder"),
    ROW("softer", "Softer", TB_WHERE_TAKES, "minus", volume, .value = -5, .slash = "softer"),
    ROW("mute", "Mute, or not", TB_WHERE_TAKES, "m", mute, .slash = "mute"),
    ROW("repeat-sound", "Play it round and round, or once", TB_WHERE_TAKES, "l", loop, .slash = "round"),
    ROW("take-preset", "Keep the settings under a name", TB_WHERE_TAKES, "w", preset_save, .is_quiet = true),
    ROW("last-again", "The last operation again", TB_WHERE_TAKES, ".", again_operation, .is_quiet = true),
    ROW("takes-help", "All keys and commands", TB_WHERE_TAKES, "?", help, .is_quiet = true),
    ROW("takes-quit", "Quit", TB_WHERE_TAKES, "q", quit, .is_quiet = true),

    ROW("view-pause", "Pause or go on", TB_WHERE_VIEW, "space", pause, .hint = "pause", .why_not = tb_why_no_sound, .is_quiet = true),
    ROW("view-back", "Back 1 s", TB_WHERE_VIEW, "left", seek, .value = -1, .is_quiet = true),
    ROW("view-on", "On 1 s", TB_WHERE_VIEW, "right", seek, .value = 1, .hint = "seek", .is_quiet = true),
    ROW("zoom-in", "Closer", TB_WHERE_VIEW, "z", zoom, .value = 1, .hint = "zoom", .is_quiet = true),
    ROW("zoom-out", "Wider", TB_WHERE_VIEW, "Z", zoom, .value = -1, .is_quiet = true),
    ROW("range-less", "Less range of loudness", TB_WHERE_VIEW, "[", range, .value = -10, .is_quiet = true),
    ROW("range-more", "More range of loudness", TB_WHERE_VIEW, "]", range, .value = 10, .hint = "range", .is_quiet = true),
    ROW("colors", "Other colours", TB_WHERE_VIEW, "c", colors, .hint = "colours", .is_quiet = true),
    ROW("mel", "Mel or linear frequencies", TB_WHERE_VIEW, "m", scale, .hint = "mel", .is_quiet = true),
    ROW("save-picture", "Save as PNG", TB_WHERE_VIEW, "s", save_picture, .hint = "save PNG", .is_quiet = true, .shell = "timbre spectrogram '#N' -o FILE.png"),
    ROW("view-loop", "Round and round, or once", TB_WHERE_VIEW, "l", loop, .is_quiet = true),
};
/* clang-format on */
enum { N_OPERATIONS = sizeof table / sizeof *table };

const tb_operation *tb_operations(size_t *n)
{
    *n = N_OPERATIONS;
    return table;
}

int tb_operation_find(const char *id)
{
    for (int i = 0; i < N_OPERATIONS; i++)
        if (strcmp(table[i].id, id) == 0)
            return i;
    return -1;
}

int tb_operation_find_slash(const char *name)
{
    for (int i = 0; i < N_OPERATIONS; i++)
        if (table[i].slash != NULL && strcmp(table[i].slash, name) == 0)
            return i;
    return -1;
}

const char *tb_where_title(unsigned where)
{
    return where == TB_WHERE_ANY      ? "Everywhere"
           : where == TB_WHERE_PROMPT ? "In the prompt"
           : where == TB_WHERE_TAKES  ? "In the list of takes"
                                      : "In the spectrogram";
}

void tb_operation_run(tb_studio *studio, int operation, const char *argument)
{
    const tb_operation *self = &table[operation];
    const char *why_not = self->why_not != NULL ? self->why_not(studio) : NULL;
    studio->is_dirty = true;
    if (why_not != NULL) {
        tb_studio_toast(studio, TB_ROLE_WARN, "%s: %s", self->title, why_not);
        return;
    }
    if (self->where == TB_WHERE_TAKES && self->run != tb_do_again_operation)
        studio->last_operation = operation;
    self->run(studio, self, argument);
}

static void print_row(FILE *out, const tb_keymap *map, int i)
{
    char keys[128];
    const tb_operation *o = &table[i];
    tb_keymap_labels(map, i, keys, sizeof keys);
    fprintf(out, "| %s | ", keys);
    if (o->slash != NULL)
        fprintf(out, "`/%s%s%s`", o->slash, o->argument != NULL ? " " : "",
                o->argument != NULL ? o->argument : "");
    fprintf(out, " | %s | ", o->title);
    if (o->shell != NULL)
        fprintf(out, "`%s`", o->shell);
    fprintf(out, " | `%s` |\n", o->id);
}

void tb_operations_print(FILE *out)
{
    static const unsigned places[] = {TB_WHERE_ANY, TB_WHERE_PROMPT, TB_WHERE_TAKES, TB_WHERE_VIEW};
    tb_keymap map;
    tb_keymap_init(&map);
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        fprintf(out,
                "\n### %s\n\n| keys | command | what it does | from a shell | name |\n"
                "|---|---|---|---|---|\n",
                tb_where_title(places[p]));
        for (int i = 0; i < N_OPERATIONS; i++)
            if (table[i].where == places[p])
                print_row(out, &map, i);
    }
}
