/*
 * The prompt reader: what people type becomes the brief they mean, however they spell and order it.
 * Briefs are compared as one line of text, so that a row of a table reads like the prompt itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "engine/sketch/lexicon.h"
#include "engine/sketch/prompt.h"

static tb_lexicon *lexicon_of(void **state)
{
    return *state;
}

static int setup(void **state)
{
    tb_error err = {0};
    tb_lexicon *lexicon = NULL;
    if (tb_lexicon_new(&lexicon, &err) != TIMBRE_OK)
        fprintf(stderr, "%s\n", err.message);
    *state = lexicon;
    return lexicon == NULL;
}

static int teardown(void **state)
{
    tb_lexicon_free(*state);
    return 0;
}

static tb_brief read_brief(const tb_lexicon *lexicon, const char *prompt, const char *negative)
{
    tb_brief brief;
    tb_error err = {0};
    memset(&brief, 0xA5, sizeof brief); /* every field must be written */
    assert_int_equal(tb_prompt_read(lexicon, prompt, negative, &brief, &err), TIMBRE_OK);
    return brief;
}

static void append_music(tb_str *s, const tb_brief *b)
{
    if (b->style >= 0)
        tb_str_appendf(s, " | %s", tb_style_name((tb_style)b->style));
    if (b->tempo_bpm > 0)
        tb_str_appendf(s, " | %g bpm", b->tempo_bpm);
    if (b->tempo_hint_bpm > 0)
        tb_str_appendf(s, " | about %g", b->tempo_hint_bpm);
    if (b->key_root >= 0 || b->mode >= 0)
        tb_str_appendf(s, " | %s%s%s", b->key_root < 0 ? "" : tb_pitch_class_name(b->key_root),
                       b->key_root >= 0 && b->mode >= 0 ? " " : "",
                       b->mode < 0 ? "" : tb_mode_name((tb_mode)b->mode));
    if (b->beats_per_bar > 0)
        tb_str_appendf(s, " | %d/%d", b->beats_per_bar, b->beat_unit);
}

/* " | lo-fi | 84 bpm | A minor | piano | rain 0.5 | no drums": what was asked, in this order. */
static char *summary(const tb_brief *b)
{
    tb_str s = {0};
    int n_excluded = 0;
    append_music(&s, b);
    for (int i = 0; i < b->n_instruments; i++)
        tb_str_appendf(&s, " | %s", tb_instrument_get(b->instruments[i])->name);
    for (int i = 0; i < TB_TEXTURE_COUNT; i++)
        if (b->texture_level[i] > 0)
            tb_str_appendf(&s, " | %s %g", tb_texture_name((tb_texture)i), b->texture_level[i]);
    for (int i = 0; i < TB_INSTRUMENT_COUNT; i++)
        n_excluded += b->excluded[i];
    for (int i = 0; i < TB_INSTRUMENT_COUNT && n_excluded < 20; i++)
        if (b->excluded[i])
            tb_str_appendf(&s, " | no %s", tb_instrument_get((tb_instrument_id)i)->name);
    tb_str_append(&s, n_excluded >= 20 ? " | alone" : "");
    return tb_str_take(&s);
}

typedef struct row {
    const char *prompt, *negative, *expected;
} row;

static void check_rows(const tb_lexicon *lexicon, const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tb_brief b = read_brief(lexicon, rows[i].prompt, rows[i].negative);
        char *got = summary(&b);
        if (strcmp(got, rows[i].expected) != 0)
            fail_msg("'%s' gives '%s', not '%s'", rows[i].prompt, got, rows[i].expected);
        free(got);
    }
}

#define CHECK_ROWS(rows) check_rows(lexicon_of(state), rows, sizeof(rows) / sizeof *(rows))

static void what_people_type_is_understood(void **state)
{
    static const row rows[] = {
        {"lo-fi piano over gentle rain, 84 bpm, A minor", "",
         " | lo-fi | 84 bpm | A minor | piano | rain 0.5"},
        {"funk bassline with a jazzy saxophone solo", "", " | funk | electric bass | saxophone"},
        {"church bells", "", " | bells"},
        {"acoustic folk fiddle solo", "", " | classical | about 104 | fiddle"},
        {"rock and roll electric guitar solo", "", " | rock | about 165 | electric guitar"},
        {"piano lofi hip hop chill", "", " | lo-fi | about 88 | piano"},
        {"typing", "", ""},
        {"arabic gospel vocals", "", " | jazz | about 90 | organ | choir"},
        {"jamaican rap", "", " | lo-fi | about 90"},
        {"techno dj and a trumpet", "", " | house | about 132 | trumpet"},
        {"sunrise dj set eating peaches", "", " | house | about 125"},
        {"detroit rap", "", " | lo-fi | about 90"},
        {"swing jazz trumpet", "", " | jazz | about 140 | trumpet"},
        {"slow sad violin in D minor", "", " | D minor | violin"},
        {"drum & bass", "", " | funk | about 174"},
        {"drum'n'bass with 808s", "", " | funk | about 174 | synth bass"},
        {"R&B with a Rhodes", "", " | lo-fi | about 85 | electric piano"},
        {"viennese waltz", "", " | classical | about 150 | 3/4"},
        {"jazz waltz on the clarinet", "", " | jazz | about 140 | 3/4 | clarinet"},
        {"bossa nova guitar", "", " | bossa nova | nylon guitar"},
        {"jazz guitar", "", " | jazz | jazz guitar"},
        {"metal guitar, heavy metal", "", " | rock | about 160 | distorted guitar"},
        {"jazz bass", "", " | jazz | upright bass"},
        {"techno bass", "", " | house | about 132 | synth bass"},
        {"guitar and electric guitar", "", " | electric guitar"},
        {"lo-fi house", "", " | lo-fi"},
        {"string quartet", "", " | classical | about 90 | violin | cello | alone"},
        {"ambient pads, ocean waves, light breeze", "",
         " | ambient | synth pad | wind 0.25 | waves 1"},
        {"dusty record, heavy rain", "", " | rain 1.5 | vinyl crackle 0.7"},
        {"gentle piano, storm", "", " | piano | rain 1.5"},
        {"meditation with koto and pan flute", "", " | ambient | about 60 | pan flute | koto"},
        {"celtic harp", "", " | classical | about 116 | harp | fiddle"},
        {"reggae in G with steel drums", "", " | bossa nova | about 76 | G | steel drums"},
        {"Hello, mouse! Peaches on grass", "", ""},
        {"caf\303\251 jazz, b\303\266ssa", "", " | jazz"},
        {"\357\275\220\357\275\211\357\275\201\357\275\216\357\275\217", "", " | piano"},
    };
    CHECK_ROWS(rows);
}

static void keys_tempi_and_metres_in_their_many_forms(void **state)
{
    static const row rows[] = {
        {"84 bpm", "", " | 84 bpm"},
        {"84bpm", "", " | 84 bpm"},
        {"at 84 beats per minute", "", " | 84 bpm"},
        {"tempo 120", "", " | 120 bpm"},
        {"BPM: 140", "", " | 140 bpm"},
        {"tempo of around 92.5 bpm", "", " | 92.5 bpm"},
        {"30 bpm", "", " | 30 bpm"},
        {"300 bpm", "", " | 300 bpm"},
        {"29 bpm, 301 bpm, 99999999999999 bpm", "", ""},
        {"120 bpm, 90 bpm", "", " | 90 bpm"},
        {"A minor", "", " | A minor"},
        {"in F# major", "", " | F# major"},
        {"Bb", "", " | A#"},
        {"B\342\231\255 minor", "", " | A# minor"},
        {"f\342\231\257 minor", "", " | F# minor"},
        {"c sharp minor", "", " | C# minor"},
        {"E-flat major", "", " | D# major"},
        {"E flat", "", " | D#"},
        {"Am", "", " | A minor"},
        {"piano in Gm", "", " | G minor | piano"},
        {"C#m", "", " | C# minor"},
        {"Dmaj", "", " | D major"},
        {"D dorian", "", " | D dorian"},
        {"key of G", "", " | G"},
        {"in the key of e phrygian", "", " | E phrygian"},
        {"key: A", "", " | A"},
        {"violin in A", "", " | A | violin"},
        {"minor", "", " | minor"},
        {"A natural minor", "", " | A minor"},
        {"Cb major, B major", "", " | B major"},
        {"D, D minor, key of D", "", " | D minor"},
        {"a piano", "", " | piano"},
        {"piano in a room", "", " | piano"},
        {"I am a piano", "", " | piano"},
        {"I Am A PIANO", "", " | piano"},
        {"am I a dj", "", " | house"},
        {"plan b", "", ""},
        {"3/4", "", " | 3/4"},
        {"6/8", "", " | 6/8"},
        {"in 5/4", "", " | 5/4"},
        {"7/8 time", "", " | 7/8"},
        {"waltz in 6/8", "", " | classical | about 150 | 6/8"},
        {"13/4, 1/4, 3/5, 0/0", "", ""},
    };
    CHECK_ROWS(rows);
}

static void what_is_not_wanted_is_left_out(void **state)
{
    static const row rows[] = {
        {"jazz, no drums", "", " | jazz | no drums"},
        {"jazz without any loud drums", "", " | jazz | no drums"},
        {"no annoying drums", "", " | no drums"},
        {"drumless ambient", "", " | ambient | no drums"},
        {"piano without drums or bells", "", " | piano | no bells | no drums"},
        {"no drums, bells", "", " | bells | no drums"},
        {"no drums piano", "", " | piano | no drums"},
        {"not sad piano", "", " | piano"},
        {"jazz piano and drums", "drums", " | jazz | piano | no drums"},
        {"jazz with rain", "rain, no drums", " | jazz | no drums"},
        {"rock, jazz", "rock", " | jazz"},
        {"rock, guitar", "electric guitar", " | rock | nylon guitar | no electric guitar"},
        {"piano", "84 bpm, A minor", " | piano"},
        {"solo piano", "", " | piano | alone"},
        {"solo acoustic guitar, rain", "", " | acoustic guitar | rain 1 | alone"},
        {"piano solo", "", " | piano | alone"},
        {"a cappella", "", " | choir | alone"},
        {"piano", NULL, " | piano"},
    };
    CHECK_ROWS(rows);
}

static void moods_move_the_feel(void **state)
{
    const tb_lexicon *x = lexicon_of(state);
    tb_brief none = read_brief(x, "piano", "");
    tb_brief sad = read_brief(x, "sad slow piano", "");
    tb_brief happy = read_brief(x, "happy fast piano", "");
    tb_brief both = read_brief(x, "happy sad piano", "");
    tb_brief very = read_brief(x, "very slow, very happy", "");
    tb_brief not_sad = read_brief(x, "piano", "sad");
    assert_true(none.energy == -1 && none.brightness == -1 && none.tempo_bias == 0);
    assert_true(sad.brightness < 0.3 && sad.energy < 0.5 && sad.tempo_bias < -0.2);
    assert_true(happy.brightness > 0.7 && happy.energy > 0.5 && happy.tempo_bias > 0.4);
    assert_true(both.brightness > sad.brightness && both.brightness < happy.brightness);
    assert_true(very.tempo_bias < -0.8 && very.brightness >= happy.brightness);
    assert_true(very.brightness <= 1 && very.tempo_bias >= -1);
    assert_true(not_sad.brightness > 0.5);
}

static bool lists_understood(const tb_brief *b, const char *word, const char *meaning)
{
    for (int i = 0; i < b->n_understood; i++)
        if (strcmp(b->understood[i].word, word) == 0 &&
            strcmp(b->understood[i].meaning, meaning) == 0)
            return true;
    return false;
}

static void the_lists_say_what_was_taken_for_what(void **state)
{
    tb_brief b = read_brief(lexicon_of(state),
                            "Jazzy zyxwvut LOFI pinao with the sad guitar, 900 bpm"
                            ", 84 bpm, \360\237\216\271, no drums",
                            "");
    assert_true(lists_understood(&b, "lo-fi", "style lo-fi"));
    assert_true(lists_understood(&b, "jazzy", "style jazz, overruled"));
    assert_true(lists_understood(&b, "piano", "instrument piano"));
    assert_true(lists_understood(&b, "guitar", "instrument jazz guitar"));
    assert_true(lists_understood(&b, "sad", "mood sad"));
    assert_true(lists_understood(&b, "84 bpm", "tempo 84 bpm"));
    assert_true(lists_understood(&b, "drums", "no instrument drums"));
    assert_int_equal(b.n_understood, 7);
    assert_int_equal(b.n_unknown, 3);
    assert_string_equal(b.unknown[0], "900 bpm");
    assert_string_equal(b.unknown[1], "zyxwvut");
    assert_string_equal(b.unknown[2], "\360\237\216\271");
}

static void assert_same_brief(const tb_lexicon *x, const char *a, const char *b)
{
    tb_brief one = read_brief(x, a, ""), two = read_brief(x, b, "");
    if (memcmp(&one, &two, sizeof one) != 0) {
        char *first = summary(&one), *second = summary(&two);
        fail_msg("'%s' and '%s' differ: '%s', '%s'", a, b, first, second);
    }
}

/* Join parts in a random order. */
static void shuffle_into(char *out, size_t cap, const char *const *parts, int n, const char *glue,
                         tb_random *random)
{
    int order[16];
    size_t len = 0;
    for (int i = 0; i < n; i++) {
        int k = tb_random_range(random, 0, i);
        order[i] = order[k];
        order[k] = i;
    }
    for (int i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i > 0 ? glue : "", parts[order[i]]);
}

static void order_of_words_does_not_matter(void **state)
{
    static const char *const phrases[] = {"lo-fi hip hop",   "jazz piano", "gentle rain", "96 bpm",
                                          "very sad guitar", "A minor",    "no drums",    "D major",
                                          "slow techno",     "zyxwvut",    "110 bpm",     "3/4"};
    static const char *const words[] = {"sad",  "jazz",   "piano", "rainy", "techno", "trumpet",
                                        "lofi", "dreamy", "slow",  "qqqq",  "sunset", "upbeat"};
    char a[400], b[400];
    tb_random random = tb_random_init(1, "order");
    for (int i = 0; i < 300; i++) {
        shuffle_into(a, sizeof a, phrases, 12, ", ", &random);
        shuffle_into(b, sizeof b, phrases, 12, "; ", &random);
        assert_same_brief(lexicon_of(state), a, b);
        shuffle_into(a, sizeof a, words, 12, " ", &random);
        shuffle_into(b, sizeof b, words, 12, " ", &random);
        assert_same_brief(lexicon_of(state), a, b);
    }
}

static void spelling_does_not_matter(void **state)
{
    static const char *const same[][2] = {
        {"lo-fi piano, A minor, gentle rain", "LO FI PIANO, A MINOR, GENTLE RAIN"},
        {"lofi", "Lo-Fi"},
        {"hip hop", "HipHop"},
        {"hip-hop", "hip hop!"},
        {"bossa nova", "b\303\264ssa-nov\303\241"},
        {"rock'n'roll", "Rock N\342\200\231 Roll"},
        {"c sharp minor", "C# Minor"},
        {"trip hop (slow)", "trip-hop, \"slow\""},
        {"piano, rain", "  piano,,\t\n ... rain!!"},
        {"#lofi #piano", "lofi piano"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_same_brief(lexicon_of(state), same[i][0], same[i][1]);
}

/* Every string one edit away from `word` that is no other word of the vocabulary must read the
 * same. Near words of the same meaning ("pianos") are fine, so the summary is compared. */
static int check_typo(const tb_lexicon *x, const char *typo, const char *word)
{
    if (tb_lexicon_find(x, typo, strlen(typo)) != NULL)
        return 0;
    tb_brief b = read_brief(x, typo, ""), plain = read_brief(x, word, "");
    char *got = summary(&b), *wanted = summary(&plain);
    if (strcmp(got, wanted) != 0)
        fail_msg("'%s' gives '%s', '%s' gives '%s'", typo, got, word, wanted);
    free(got);
    free(wanted);
    return 1;
}

static int check_typos_of(const tb_lexicon *x, const char *word)
{
    int n = 0;
    size_t len = strlen(word);
    char typo[64];
    for (size_t i = 0; i <= len; i++) {
        for (int c = 'a'; c <= 'z'; c++) {
            snprintf(typo, sizeof typo, "%.*s%c%s", (int)i, word, c, word + i);
            n += check_typo(x, typo, word);
            if (i == len)
                continue;
            snprintf(typo, sizeof typo, "%.*s%c%s", (int)i, word, c, word + i + 1);
            n += check_typo(x, typo, word);
        }
        if (i == len)
            continue;
        snprintf(typo, sizeof typo, "%.*s%s", (int)i, word, word + i + 1);
        n += check_typo(x, typo, word);
        if (i + 1 == len)
            continue;
        snprintf(typo, sizeof typo, "%.*s%c%c%s", (int)i, word, word[i + 1], word[i], word + i + 2);
        n += check_typo(x, typo, word);
    }
    return n;
}

static void one_letter_typos_are_forgiven(void **state)
{
    static const char *const words[] = {"saxophone",  "techno",  "ambient", "trumpet",
                                        "classical",  "guitar",  "violin",  "accordion",
                                        "bossa",      "reggae",  "monsoon", "dulcimer",
                                        "vibraphone", "baroque", "choir"};
    int n = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        n += check_typos_of(lexicon_of(state), words[i]);
    assert_true(n > 5000);
}

static void every_instrument_style_and_texture_has_a_name(void **state)
{
    const tb_lexicon *x = lexicon_of(state);
    for (int i = 0; i < TB_INSTRUMENT_COUNT; i++) {
        tb_brief b = read_brief(x, tb_instrument_get((tb_instrument_id)i)->name, "");
        assert_int_equal(b.n_instruments, 1);
        assert_int_equal(b.instruments[0], i);
    }
    for (int i = 0; i < TB_STYLE_COUNT; i++)
        assert_int_equal(read_brief(x, tb_style_name((tb_style)i), "").style, i);
    for (int i = 0; i < TB_MODE_COUNT; i++)
        assert_int_equal(read_brief(x, tb_mode_name((tb_mode)i), "").mode, i);
    for (int i = 0; i < TB_TEXTURE_COUNT; i++)
        assert_true(read_brief(x, tb_texture_name((tb_texture)i), "").texture_level[i] == 1);
}

static void every_phrase_of_the_lexicon_is_reachable(void **state)
{
    const tb_lexicon *x = lexicon_of(state);
    int n_phrases = 0;
    for (int i = 0; i < x->n_keys; i++) {
        const tb_lexicon_key *key = &x->keys[i];
        if (key->entry < 0 || x->entries[key->entry].kind > TB_LEXICON_MOOD)
            continue;
        tb_brief b = read_brief(x, key->spelling, "");
        if (b.n_understood != 1 || strcmp(b.understood[0].word, key->spelling) != 0)
            fail_msg("line %d: '%s' is not read as itself", x->entries[key->entry].line,
                     key->spelling);
        n_phrases++;
    }
    assert_true(n_phrases >= 450);
}

static void limits_hold(void **state)
{
    const tb_lexicon *x = lexicon_of(state);
    tb_brief b;
    tb_error err = {0};
    char text[TB_PROMPT_MAX_BYTES + 2];
    memset(text, 'a', sizeof text);
    text[TB_PROMPT_MAX_BYTES + 1] = '\0';
    assert_int_equal(tb_prompt_read(x, text, "", &b, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "1025 bytes exceeds 1024"));
    text[TB_PROMPT_MAX_BYTES] = '\0';
    for (int i = 0; i < TB_PROMPT_MAX_BYTES; i += 4) /* many different words */
        snprintf(text + i, 5, "%03d ", i / 4 + 100);
    b = read_brief(x, text, text);
    assert_int_equal(b.n_unknown, TB_BRIEF_MAX_WORDS);
    b = read_brief(x, "piano violin cello harp flute oboe tuba sitar koto banjo bells drums", "");
    assert_int_equal(b.n_instruments, TB_BRIEF_MAX_INSTRUMENTS);
    /* 13 letters of three bytes: 39 bytes fit, and a longer word is cut between letters */
    b = read_brief(x,
                   "a\343\202\242\343\202\242\343\202\242\343\202\242\343\202\242\343\202\242"
                   "\343\202\242\343\202\242\343\202\242\343\202\242\343\202\242\343\202\242"
                   "\343\202\242\343\202\242",
                   "");
    assert_int_equal(strlen(b.unknown[0]), 37);
    b = read_brief(x, "", "");
    assert_true(b.style == -1 && b.n_understood == 0 && b.n_unknown == 0);
}

/* Valid UTF-8 drawn from all planes and from the vocabulary. */
static size_t random_text(tb_random *r, const tb_lexicon *x, char *out, size_t cap)
{
    static const char *const bits[] = {" ",        ", ",           "#",   "'",   "/4", "b",
                                       "m",        "\342\231\255", "no ", "in ", "84", "bpm",
                                       "\314\201", "\342\200\215", "-",   "."};
    size_t len = 0;
    while (len + 64 < cap) {
        int kind = tb_random_range(r, 0, 3);
        unsigned code = (unsigned)tb_random_range(r, 0x800, 0xD7FF);
        if (kind == 0)
            len += (size_t)snprintf(out + len, cap - len, "%c%c%c", (int)(0xE0 | code >> 12),
                                    (int)(0x80 | (code >> 6 & 63)), (int)(0x80 | (code & 63)));
        else if (kind == 1)
            len += (size_t)snprintf(out + len, cap - len, "%s",
                                    x->keys[tb_random_range(r, 0, x->n_keys - 1)].text);
        else
            len += (size_t)snprintf(out + len, cap - len, "%s", bits[tb_random_range(r, 0, 15)]);
    }
    return len;
}

static void any_text_gives_a_sound_brief(void **state)
{
    tb_random r = tb_random_init(2, "text");
    char text[TB_PROMPT_MAX_BYTES + 1];
    for (int i = 0; i < 300; i++) {
        size_t len = random_text(&r, lexicon_of(state), text, sizeof text);
        assert_int_equal(tb_utf8_check(text, len), len);
        tb_brief b = read_brief(lexicon_of(state), text, text);
        assert_true(b.energy == -1 || (b.energy >= 0 && b.energy <= 1));
        assert_true(b.tempo_bias >= -1 && b.tempo_bias <= 1);
        for (int k = 0; k < b.n_unknown; k++)
            assert_int_equal(tb_utf8_check(b.unknown[k], strlen(b.unknown[k])),
                             strlen(b.unknown[k]));
    }
}

static void mistakes_in_a_lexicon_name_their_line(void **state)
{
    static const char *const bad[] = {
        "stile | jazz | | jazz",
        "style | polka | | polka",
        "style | jazz | energy 2 | jazz",
        "style | jazz | speed 2 | jazz",
        "style | jazz | for jazz | jazz",
        "style | jazz | | ",
        "style | jazz | | jazz, Jazz",
        "style | jazz | | jazz,, swing",
        "style | jazz | | one two three four five six",
        "style | jazz",
        "style | jazz | | jazz | more",
        "instrument | theremin | | theremin",
        "metre | 13/4 | | thirteen",
        "stop | word | | the",
        "style | jazz | | \xff\xfe",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[200];
        tb_lexicon *x = NULL;
        tb_error err = {0};
        snprintf(text, sizeof text, "# a comment\nmood | sad | energy 0.2 | sad\n%s\n", bad[i]);
        assert_int_equal(tb_lexicon_parse(text, strlen(text), &x, &err), TIMBRE_INTERNAL);
        assert_null(x);
        if (strstr(err.message, "line 3") == NULL)
            fail_msg("'%s' reports '%s'", bad[i], err.message);
    }
    tb_lexicon_free(NULL);
}

static void the_slowest_prompt_does_not_explode(void **state)
{
    char text[TB_PROMPT_MAX_BYTES + 1] = "";
    for (int i = 0; i + 5 <= TB_PROMPT_MAX_BYTES; i += 5) /* the slowest: 204 unknown words */
        snprintf(text + i, 6, "qz%c%c ", 'a' + i / 5 % 26, 'a' + i / 130);
    double best_ms = 1e9;
    const double max_ms = 500; /* takes about 3; machines are noisy, sanitizers slow */
    (void)state;
    for (int i = 0; i < 5; i++) {
        tb_lexicon *x;
        tb_brief b;
        tb_error err = {0};
        double start = tb_clock_cpu_seconds();
        assert_int_equal(tb_lexicon_new(&x, &err), TIMBRE_OK);
        assert_int_equal(tb_prompt_read(x, text, text, &b, &err), TIMBRE_OK);
        double ms = (tb_clock_cpu_seconds() - start) * 1e3;
        best_ms = ms < best_ms ? ms : best_ms;
        tb_lexicon_free(x);
    }
    print_message("# lexicon and the slowest prompt: %.2f ms\n", best_ms);
    assert_true(best_ms < max_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_type_is_understood),
        cmocka_unit_test(keys_tempi_and_metres_in_their_many_forms),
        cmocka_unit_test(what_is_not_wanted_is_left_out),
        cmocka_unit_test(moods_move_the_feel),
        cmocka_unit_test(the_lists_say_what_was_taken_for_what),
        cmocka_unit_test(order_of_words_does_not_matter),
        cmocka_unit_test(spelling_does_not_matter),
        cmocka_unit_test(one_letter_typos_are_forgiven),
        cmocka_unit_test(every_instrument_style_and_texture_has_a_name),
        cmocka_unit_test(every_phrase_of_the_lexicon_is_reachable),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(any_text_gives_a_sound_brief),
        cmocka_unit_test(mistakes_in_a_lexicon_name_their_line),
        cmocka_unit_test(the_slowest_prompt_does_not_explode),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
