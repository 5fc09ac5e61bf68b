/* What a generator that a hostile model has taken over may say to the supervisor: any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 100000 }; /* fits in the socket's buffer */
    int ends[2];
    if (size > MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 0;
    ssize_t sent = write(ends[1], data, size);
    close(ends[1]);
    tb_channel channel;
    tb_error err = {0};
    json_t *frame = NULL;
    int64_t len_bytes = 0;
    tb_channel_init(&channel, ends[0]);
    while (sent == (ssize_t)size &&
           tb_channel_receive(&channel, 0, &frame, &len_bytes, &err) == TIMBRE_OK) {
        char bytes[4096];
        json_decref(frame);
        if (len_bytes > (int64_t)sizeof bytes ||
            (len_bytes > 0 &&
             tb_channel_read(&channel, bytes, (size_t)len_bytes, &err) != TIMBRE_OK))
            break;
    }
    tb_channel_deinit(&channel);
    return 0;
}
