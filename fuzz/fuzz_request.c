/* Any bytes as the JSON of a request: refused with a reason, or taken and then stable. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "timbre/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken must format to JSON that makes the same request. */
static void check_round_trip(const timbre_request *request)
{
    timbre_request *again = NULL;
    char *json = timbre_request_format(request), *json2 = NULL;
    if (json != NULL && timbre_request_new(&again, NULL) == TIMBRE_OK) {
        if (timbre_request_set_json(again, json, strlen(json), NULL) != TIMBRE_OK)
            abort();
        json2 = timbre_request_format(again);
        if (json2 != NULL && strcmp(json, json2) != 0)
            abort();
    }
    free(json);
    free(json2);
    timbre_request_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    timbre_request *request;
    timbre_error err = {0};
    if (timbre_request_new(&request, NULL) != TIMBRE_OK)
        return 0;
    if (timbre_request_set_json(request, (const char *)data, size, &err) == TIMBRE_OK)
        check_round_trip(request);
    else if (err.message[0] == '\0')
        abort();
    timbre_request_free(request);
    return 0;
}
