/* timbre version: the program, the engine, and with --json the libraries. */
#include <jansson.h>
#include <stdlib.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "timbre/engine.h"
#include "timbre/version.h"

static json_t *describe_libraries(void)
{
    timbre_engine_options options = {.struct_size = sizeof options, .n_threads = 1};
    timbre_engine *engine = NULL;
    json_t *libraries = NULL;
    if (timbre_engine_new(&options, &engine, NULL) == TIMBRE_OK) {
        char *text = timbre_engine_describe(engine);
        json_t *facts = text == NULL ? NULL : json_loads(text, 0, NULL);
        libraries = json_incref(json_object_get(facts, "libraries"));
        json_decref(facts);
        free(text);
    }
    timbre_engine_free(engine);
    return libraries;
}

int tb_cmd_version(tb_app *app)
{
    if (!app->wants_json) {
        printf("timbre %s (engine %d)\n", timbre_version(), TIMBRE_ENGINE_VERSION);
        return 0;
    }
    tb_error err = {0};
    json_t *answer = json_pack("{s:i, s:s, s:i, s:o?}", "schema", 1, "version", timbre_version(),
                               "engine", TIMBRE_ENGINE_VERSION, "libraries", describe_libraries());
    return tb_json_print(answer, &err) == TIMBRE_OK ? 0 : tb_app_report(app, &err);
}
