/* A file in memory for libsndfile: growing when written, bounded by its bytes when read. */
#ifndef TB_AUDIO_MEMORY_FILE_H
#define TB_AUDIO_MEMORY_FILE_H

#include <sndfile.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct tb_memory_file {
    unsigned char *bytes; /* owned when writable, borrowed when not */
    size_t len, capacity;
    size_t position;
    bool writable;
    bool failed; /* a write ran out of memory */
} tb_memory_file;

/* Callbacks for sf_open_virtual; the user pointer is a tb_memory_file. */
extern SF_VIRTUAL_IO tb_memory_file_io;

#endif
