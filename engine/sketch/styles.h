/*
 * The eight styles as tables: tempo, swing, harmony, form, voicing, band and touch. The patterns
 * that a style plays stand with the player that plays them (drums.c, bass.c, comping.c, melody.c).
 */
#ifndef TB_SKETCH_STYLES_H
#define TB_SKETCH_STYLES_H

#include "engine/sketch/theory.h"

enum { TB_STYLE_PROGRESSIONS = 6, TB_STYLE_CHOICES = 6 };

/* An instrument that may take a job by default; weight 0 ends the list. */
typedef struct tb_choice {
    tb_instrument_id instrument;
    double weight;
} tb_choice;

typedef struct tb_style_rules {
    double tempo_low_bpm, tempo_high_bpm;
    double swing;        /* share of the first of a pair of notes: 0.5 straight, 0.667 triplets */
    int swing_steps;     /* sixteenths per swung note: 1 or 2 */
    double timing_ms;    /* deviation of onsets */
    double laid_back_ms; /* by which snare, chords and melody trail the beat */
    double velocity_sd;  /* deviation of velocities */
    double minor;        /* chance of minor when nothing is said */
    double waltz;        /* chance of 3/4 when no metre is asked */
    int chord_size;      /* TB_CHORD_* */
    tb_voicing_rule comp, pad;
    int comp_low, comp_high; /* register of the comping, MIDI keys; the instrument may limit it */
    /* Bars by spaces, two chords in a bar joined by '-'; a form's letters A.. take one each. */
    const char *major[TB_STYLE_PROGRESSIONS];
    const char *minor_key[TB_STYLE_PROGRESSIONS];
    const char *cadence; /* the bars before the last chord; also a loop's turnaround */
    const char *form;    /* sections by letter (plan.c) with their bars; repeats after the end */
    double drums;        /* chances that the band has them */
    double bass_chance, pad_chance, lead_chance;
    tb_choice bass[TB_STYLE_CHOICES], chords[TB_STYLE_CHOICES], pads[TB_STYLE_CHOICES],
        leads[TB_STYLE_CHOICES];
    int drums_db; /* trim of the drum kit, measured as band.c trims the instruments */
    int drum_kit; /* General MIDI 2 kit number */
    int reverb;   /* CC 91 of the drums' room; softer parts take more */
    bool pedal;   /* chords of struck strings are held by the pedal */
} tb_style_rules;

/* The row of a style; must be in range. */
const tb_style_rules *tb_style_rules_get(tb_style style);

/* Progressions of the modes that are neither major nor minor: their colour is their own. */
const char *const *tb_mode_progressions(tb_mode mode);

#endif
