/* Any bytes as the tag of an MP3: what is found lies within them and is UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/id3.h"
#include "engine/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len_bytes, const char *bytes, size_t size)
{
    if (text == NULL)
        return;
    if (text < bytes || len_bytes > size || text > bytes + size - len_bytes)
        abort();
    if (tb_utf8_check(text, len_bytes) != len_bytes || memchr(text, '\0', len_bytes) != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *bytes = malloc(size == 0 ? 1 : size); /* a read past the end is seen */
    if (bytes == NULL)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    tb_id3_texts texts;
    tb_id3_read(bytes, size, &texts);
    check(texts.title, texts.title_bytes, (const char *)bytes, size);
    check(texts.recipe, texts.recipe_bytes, (const char *)bytes, size);
    free(bytes);
    return 0;
}
