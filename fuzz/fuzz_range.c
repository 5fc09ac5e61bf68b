/* Any text as a range of time or pitch: refused with a reason, or from less to more. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pipeline/rework.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const units[] = {"s", "Hz"};
    char text[128];
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double from = 0, to = 0;
        tb_error err = {0};
        tb_status st = tb_rework_parse_range("repaint", text, units[i], &from, &to, &err);
        if (st == TIMBRE_OK ? !(from >= 0 && from < to) : err.message[0] == '\0')
            abort();
    }
    return 0;
}
