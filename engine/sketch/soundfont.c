#include "engine/sketch/soundfont.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#define TB_SOUNDFONT_FIX "make setup"
#else
#define TB_SOUNDFONT_FIX "sudo apt-get install fluidr3mono-gm-soundfont"
#endif

static const char *const known_places[] = {
    "/usr/share/sounds/sf3/FluidR3Mono_GM.sf3",
    "/usr/share/soundfonts/FluidR3Mono_GM.sf3",
    "@/soundfonts/FluidR3Mono_GM.sf3", /* `make setup` puts it there on macOS */
    "/opt/homebrew/share/soundfonts/FluidR3Mono_GM.sf3",
    "/usr/local/share/soundfonts/FluidR3Mono_GM.sf3",
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",
    "/opt/homebrew/share/soundfonts/FluidR3_GM.sf2",
    "/usr/local/share/soundfonts/FluidR3_GM.sf2",
    "/usr/share/sounds/sf3/default-GM.sf3",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/soundfonts/default.sf2",
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "/opt/homebrew/share/soundfonts/default.sf2",
    "/usr/local/share/soundfonts/default.sf2",
    NULL,
};

static tb_status fail_open(const char *path, int sys_errno, tb_error *err)
{
    if (sys_errno != ENOENT && sys_errno != ENOTDIR)
        return tb_fail_errno(err, sys_errno, "cannot open the SoundFont '%s'", path);
    tb_status st = tb_fail(err, TIMBRE_MODEL_MISSING, "the SoundFont '%s' does not exist", path);
    tb_fix(err, "correct the setting 'engine.soundfont', or remove it and run: " TB_SOUNDFONT_FIX);
    return st;
}

static tb_status check_header(int fd, const char *path, tb_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return tb_fail_errno(err, errno, "cannot examine the SoundFont '%s'", path);
    if (!S_ISREG(st.st_mode))
        return tb_fail(err, TIMBRE_BAD_FILE, "the SoundFont '%s' is not a regular file", path);
    unsigned char head[12];
    ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 0)
        return tb_fail_errno(err, errno, "cannot read the SoundFont '%s'", path);
    if (n < (ssize_t)sizeof head || memcmp(head, "RIFF", 4) != 0 ||
        memcmp(head + 8, "sfbk", 4) != 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not a SoundFont (no RIFF sfbk header)", path);
    uint32_t riff_bytes = (uint32_t)head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 |
                          (uint32_t)head[7] << 24;
    long long need_bytes = (long long)riff_bytes + 8;
    if ((long long)st.st_size < need_bytes)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the SoundFont '%s' is cut off: %lld of %lld bytes are there", path,
                       (long long)st.st_size, need_bytes);
    return TIMBRE_OK;
}

tb_status tb_soundfont_check(const char *path, tb_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (fd < 0)
        return fail_open(path, errno, err);
    tb_status st = check_header(fd, path, err);
    close(fd);
    if (st == TIMBRE_BAD_FILE)
        tb_fix(err,
               "install it again, or name another SoundFont with the setting 'engine.soundfont'");
    return st;
}

static tb_status copy_path(const char *folder, const char *path, char *out, size_t cap,
                           tb_error *err)
{
    int n = snprintf(out, cap, "%s%s", folder, path);
    if (n < 0 || (size_t)n >= cap)
        return tb_fail(err, TIMBRE_BAD_INPUT, "the SoundFont's path of %d bytes exceeds %zu", n,
                       cap - 1);
    return TIMBRE_OK;
}

tb_status tb_soundfont_find_among(const char *const *candidates, const char *data_dir, char *out,
                                  size_t cap, tb_error *err)
{
    for (; *candidates != NULL; candidates++) {
        bool in_data = strncmp(*candidates, "@/", 2) == 0;
        if (in_data && data_dir == NULL)
            continue;
        tb_status st = in_data ? copy_path(data_dir, *candidates + 1, out, cap, err)
                               : copy_path("", *candidates, out, cap, err);
        struct stat info;
        if (st == TIMBRE_OK && stat(out, &info) != 0)
            continue;
        return st == TIMBRE_OK ? tb_soundfont_check(out, err) : st;
    }
    tb_status st = tb_fail(err, TIMBRE_MODEL_MISSING, "no General MIDI SoundFont is installed");
    tb_fix(err, TB_SOUNDFONT_FIX);
    return st;
}

tb_status tb_soundfont_find(const char *setting, const char *data_dir, char *out, size_t cap,
                            tb_error *err)
{
    if (setting == NULL || setting[0] == '\0')
        return tb_soundfont_find_among(known_places, data_dir, out, cap, err);
    tb_status st = copy_path("", setting, out, cap, err);
    return st == TIMBRE_OK ? tb_soundfont_check(out, err) : st;
}
