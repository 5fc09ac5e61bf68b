#include "cli/player.h"

#if TB_HAVE_PLAYBACK

#include <SDL.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"

enum { PERIOD_FRAMES = 1024, FADES_PER_SECOND = 100 /* a fade takes 10 ms */ };

/* What is used of SDL2; filled by dlsym. */
typedef struct {
    void *library;
    int (*InitSubSystem)(Uint32);
    void (*QuitSubSystem)(Uint32);
    SDL_bool (*SetHint)(const char *, const char *);
    void (*LogSetOutputFunction)(SDL_LogOutputFunction, void *);
    SDL_AudioDeviceID (*OpenAudioDevice)(const char *, int, const SDL_AudioSpec *, SDL_AudioSpec *,
                                         int);
    void (*PauseAudioDevice)(SDL_AudioDeviceID, int);
    void (*CloseAudioDevice)(SDL_AudioDeviceID);
    const char *(*GetError)(void);
    void (*TLSCleanup)(void); /* since 2.0.16; NULL: not there */
} sdl_functions;

struct tb_player {
    sdl_functions sdl;
    SDL_AudioDeviceID device; /* 0: none */
    bool is_initialised;
    int rate_hz, n_channels, log_fd;
    float *ring; /* [capacity, n_channels]: one second */
    int64_t capacity;
    /* Frames put in and taken out. Each has one writer: the caller, the device's thread. */
    _Atomic int64_t n_written, n_taken;
    _Atomic int wants_sound; /* set by the caller */
    _Atomic int is_silent;   /* set by the device: the fade is over */
    float gain;              /* the device's own */
};

static void copy_faded(struct tb_player *p, float *out, const float *in, float target)
{
    float step = (float)FADES_PER_SECOND / (float)p->rate_hz;
    p->gain = p->gain < target ? fminf(p->gain + step, target) : fmaxf(p->gain - step, target);
    for (int c = 0; c < p->n_channels; c++)
        out[c] = in[c] * p->gain;
}

/* The device's thread: no locks, no memory, no calls that could wait. At full gain the samples are
 * copied as they are. */
static void on_need(void *user, Uint8 *stream, int len_bytes)
{
    struct tb_player *p = user;
    float *out = (float *)(void *)stream;
    int64_t n = len_bytes / (int64_t)(sizeof *out * (size_t)p->n_channels);
    float target = atomic_load(&p->wants_sound) ? 1.0f : 0.0f;
    int64_t taken = atomic_load(&p->n_taken), written = atomic_load(&p->n_written);
    int64_t i = 0;
    size_t frame_bytes = sizeof *out * (size_t)p->n_channels;
    for (; i < n && taken < written && (target > 0 || p->gain > 0); i++, taken++) {
        const float *in = p->ring + (taken % p->capacity) * p->n_channels;
        if (p->gain >= 1 && target >= 1)
            memcpy(out + i * p->n_channels, in, frame_bytes);
        else
            copy_faded(p, out + i * p->n_channels, in, target);
    }
    memset(out + i * p->n_channels, 0, (size_t)(n - i) * frame_bytes);
    atomic_store(&p->n_taken, taken);
    if (target <= 0 && (p->gain <= 0 || taken == written)) {
        p->gain = 0;
        atomic_store(&p->is_silent, 1);
    }
}

static void drop_message(void *user, int category, SDL_LogPriority priority, const char *message)
{
    (void)user, (void)category, (void)priority, (void)message;
}

/* Sound systems write to standard error without being asked. Returns the real one, or -1. */
static int redirect_stderr(int log_fd)
{
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int target = log_fd >= 0 ? log_fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (saved >= 0 && target >= 0)
        (void)dup2(target, STDERR_FILENO);
    if (target >= 0 && target != log_fd)
        close(target);
    return saved;
}

static void restore_stderr(int saved)
{
    if (saved < 0)
        return;
    (void)dup2(saved, STDERR_FILENO);
    close(saved);
}

static bool load_functions(sdl_functions *sdl)
{
    static const char *const names[] = {"libSDL2-2.0.so.0", "libSDL2-2.0.0.dylib",
                                        "/opt/homebrew/lib/libSDL2-2.0.0.dylib",
                                        "/usr/local/lib/libSDL2-2.0.0.dylib"};
    for (size_t i = 0; sdl->library == NULL && i < sizeof names / sizeof names[0]; i++)
        sdl->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (sdl->library == NULL)
        return false;
    const struct {
        const char *name;
        void *slot; /* of a function pointer: POSIX lets dlsym's result be stored there */
    } functions[] = {
        {"SDL_InitSubSystem", &sdl->InitSubSystem},
        {"SDL_QuitSubSystem", &sdl->QuitSubSystem},
        {"SDL_SetHint", &sdl->SetHint},
        {"SDL_LogSetOutputFunction", &sdl->LogSetOutputFunction},
        {"SDL_OpenAudioDevice", &sdl->OpenAudioDevice},
        {"SDL_PauseAudioDevice", &sdl->PauseAudioDevice},
        {"SDL_CloseAudioDevice", &sdl->CloseAudioDevice},
        {"SDL_GetError", &sdl->GetError},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *address = dlsym(sdl->library, functions[i].name);
        if (address == NULL)
            return false;
        memcpy(functions[i].slot, &address, sizeof address);
    }
    void *cleanup = dlsym(sdl->library, "SDL_TLSCleanup");
    memcpy(&sdl->TLSCleanup, &cleanup, sizeof cleanup);
    return true;
}

static tb_status open_device(struct tb_player *p, tb_error *err)
{
    p->sdl.SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1"); /* Ctrl-C stays ours */
    p->sdl.LogSetOutputFunction(drop_message, NULL);
    SDL_AudioSpec spec = {.freq = p->rate_hz,
                          .format = AUDIO_F32SYS,
                          .channels = (Uint8)p->n_channels,
                          .samples = PERIOD_FRAMES,
                          .callback = on_need,
                          .userdata = p};
    p->is_initialised = p->sdl.InitSubSystem(SDL_INIT_AUDIO) == 0;
    if (p->is_initialised) /* succeeds without a sound card; only the open fails */
        p->device = p->sdl.OpenAudioDevice(NULL, 0, &spec, NULL, 0);
    if (p->device != 0)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_NO_AUDIO_OUTPUT, "no sound output on this machine (%.200s)",
                           p->sdl.GetError());
    tb_fix(err, "connect a sound device, or start the sound server");
    return st;
}

static tb_status open_player(struct tb_player *p, tb_error *err)
{
    p->capacity = p->rate_hz;
    p->gain = 1;
    p->ring = calloc((size_t)p->capacity * (size_t)p->n_channels, sizeof *p->ring);
    if (p->ring == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to play");
    if (!load_functions(&p->sdl)) {
        tb_status st = tb_fail(err, TIMBRE_NO_AUDIO_OUTPUT,
                               "no sound output: SDL2 is not "
                               "installed");
        tb_fix(err, "apt-get install libsdl2-2.0-0, or on macOS: brew install sdl2");
        return st;
    }
    /* the sound system's threads inherit the mask: signals come to the thread that waits for them
     */
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int saved = redirect_stderr(p->log_fd);
    tb_status st = open_device(p, err);
    restore_stderr(saved);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return st;
}

tb_status tb_player_open(int rate_hz, int n_channels, int log_fd, tb_player **out, tb_error *err)
{
    enum { CHANNELS_MAX = 8, RATE_MAX_HZ = 384000 };
    *out = NULL;
    if (n_channels < 1 || n_channels > CHANNELS_MAX || rate_hz < 1 || rate_hz > RATE_MAX_HZ)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "%d channels at %d Hz exceed %d channels at %d Hz",
                       n_channels, rate_hz, CHANNELS_MAX, RATE_MAX_HZ);
    tb_player *p = calloc(1, sizeof *p);
    if (p == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to play");
    p->rate_hz = rate_hz;
    p->n_channels = n_channels;
    p->log_fd = log_fd;
    tb_status st = open_player(p, err);
    if (st != TIMBRE_OK) {
        tb_player_close(p);
        return st;
    }
    *out = p;
    return TIMBRE_OK;
}

static void sleep_ms(int ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000L};
    (void)nanosleep(&pause, NULL);
}

void tb_player_pause(tb_player *p, bool is_paused)
{
    if (!is_paused) {
        atomic_store(&p->is_silent, 0);
        atomic_store(&p->wants_sound, 1);
        p->sdl.PauseAudioDevice(p->device, 0);
        return;
    }
    if (!atomic_load(&p->wants_sound))
        return;
    atomic_store(&p->wants_sound, 0);
    double limit_s = tb_clock_seconds() + 0.3; /* a device that stalls is not waited for */
    while (!atomic_load(&p->is_silent) && tb_clock_seconds() < limit_s)
        sleep_ms(2);
    p->sdl.PauseAudioDevice(p->device, 1);
}

int64_t tb_player_position(const tb_player *p)
{
    int64_t heard = atomic_load(&p->n_taken) - PERIOD_FRAMES; /* that much is in the device */
    return heard > 0 ? heard : 0;
}

int64_t tb_player_write(tb_player *p, const float *frames, int64_t n_frames)
{
    int64_t written = atomic_load(&p->n_written);
    int64_t room = p->capacity - (written - atomic_load(&p->n_taken));
    n_frames = n_frames < room ? n_frames : room;
    size_t frame_bytes = sizeof *frames * (size_t)p->n_channels;
    for (int64_t done = 0; done < n_frames;) {
        int64_t at = (written + done) % p->capacity;
        int64_t part = p->capacity - at < n_frames - done ? p->capacity - at : n_frames - done;
        memcpy(p->ring + at * p->n_channels, frames + done * p->n_channels,
               (size_t)part * frame_bytes);
        done += part;
    }
    atomic_store(&p->n_written, written + n_frames);
    return n_frames;
}

int64_t tb_player_pending(const tb_player *p)
{
    return atomic_load(&p->n_written) - tb_player_position(p);
}

void tb_player_drop(tb_player *p)
{
    atomic_store(&p->n_taken, 0);
    atomic_store(&p->n_written, 0);
}

bool tb_player_is_drained(const tb_player *p)
{
    return atomic_load(&p->n_taken) == atomic_load(&p->n_written);
}

void tb_player_close(tb_player *p)
{
    if (p == NULL)
        return;
    if (p->device != 0) {
        if (tb_player_is_drained(p)) /* let the device play the last periods */
            sleep_ms(1 + 2 * 1000 * PERIOD_FRAMES / p->rate_hz);
        tb_player_pause(p, true);
    }
    int saved = redirect_stderr(p->log_fd);
    if (p->device != 0)
        p->sdl.CloseAudioDevice(p->device);
    if (p->is_initialised)
        p->sdl.QuitSubSystem(SDL_INIT_AUDIO);
    if (p->sdl.TLSCleanup != NULL) /* what SDL kept for a thread that is not its own */
        p->sdl.TLSCleanup();
    restore_stderr(saved);
    free(p->ring);
    free(p); /* the library stays loaded: sound systems leave threads that return into it */
}

bool tb_player_is_built_in(void)
{
    return true;
}

#else /* built without playback */

#include <stddef.h>

tb_status tb_player_open(int rate_hz, int n_channels, int log_fd, tb_player **out, tb_error *err)
{
    (void)rate_hz, (void)n_channels, (void)log_fd;
    *out = NULL;
    tb_status st = tb_fail(err, TIMBRE_NO_AUDIO_OUTPUT, "this build cannot play sound");
    tb_fix(err, "install SDL2's headers and build again with -Dplayback=enabled");
    return st;
}

void tb_player_pause(tb_player *player, bool is_paused)
{
    (void)player, (void)is_paused;
}

int64_t tb_player_position(const tb_player *player)
{
    (void)player;
    return 0;
}

void tb_player_close(tb_player *player)
{
    (void)player;
}

int64_t tb_player_write(tb_player *player, const float *frames, int64_t n_frames)
{
    (void)player, (void)frames;
    return n_frames;
}

int64_t tb_player_pending(const tb_player *player)
{
    (void)player;
    return 0;
}

void tb_player_drop(tb_player *player)
{
    (void)player;
}

bool tb_player_is_drained(const tb_player *player)
{
    (void)player;
    return true;
}

bool tb_player_is_built_in(void)
{
    return false;
}

#endif
