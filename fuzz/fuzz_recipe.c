/* Any bytes as a recipe out of a stranger's file: its request is read, it is compared with ours. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "timbre/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char ours[] = "{\"timbre\":1,\"engine\":1,\"request\":{\"prompt\":\"x\"},"
                               "\"ingredients\":{\"soundfont\":{\"name\":\"a\",\"sha256\":\"b\"}}}";
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    timbre_error err = {0};
    char *request = timbre_recipe_request(text, &err);
    if (request == NULL && err.message[0] == '\0')
        abort();
    free(request);
    free(timbre_recipe_compare(text, ours));
    free(timbre_recipe_compare(ours, text));
    free(text);
    return 0;
}
