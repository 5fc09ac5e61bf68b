/* libtimbre: everything that a program needs. */
#ifndef TIMBRE_H
#define TIMBRE_H

#include "timbre/audio.h"
#include "timbre/cancel.h"
#include "timbre/engine.h"
#include "timbre/log.h"
#include "timbre/model.h"
#include "timbre/request.h"
#include "timbre/spectrogram.h"
#include "timbre/status.h"
#include "timbre/version.h"

#endif
