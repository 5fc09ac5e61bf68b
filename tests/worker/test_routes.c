/* The table of routes and the published document say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "worker/service.h"

extern const unsigned char tb_data_openapi[];

static json_t *document(void)
{
    json_t *j = json_loads((const char *)tb_data_openapi, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    return j;
}

/* "GET" as the document has it. */
static const char *lower(const char *method, char out[8])
{
    size_t n = strlen(method);
    for (size_t i = 0; i <= n; i++)
        out[i] = (char)tolower((unsigned char)method[i]);
    return out;
}

static void every_route_is_documented(void **state)
{
    (void)state;
    size_t n;
    char method[8];
    const tb_route *routes = tb_routes(&n);
    json_t *j = document();
    for (size_t i = 0; i < n; i++) {
        const json_t *path = json_object_get(json_object_get(j, "paths"), routes[i].path);
        const json_t *operation = json_object_get(path, lower(routes[i].method, method));
        if (operation == NULL)
            fail_msg("%s %s is not in api/openapi.json", routes[i].method, routes[i].path);
        bool has_body = json_object_get(operation, "requestBody") != NULL;
        if (has_body && routes[i].body.kind == TB_BODY_NONE)
            fail_msg("%s %s takes no body", routes[i].method, routes[i].path);
    }
    json_decref(j);
}

static bool has_route(const char *method, const char *path)
{
    size_t n;
    char lowered[8];
    const tb_route *routes = tb_routes(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(routes[i].path, path) == 0 &&
            strcmp(lower(routes[i].method, lowered), method) == 0)
            return true;
    return false;
}

static void everything_documented_is_there(void **state)
{
    (void)state;
    json_t *j = document();
    const char *path, *method;
    json_t *methods, *operation;
    json_object_foreach(json_object_get(j, "paths"), path, methods)
    {
        json_object_foreach(methods, method, operation)
        {
            if (!has_route(method, path))
                fail_msg("%s %s is not in worker/routes.c", method, path);
        }
    }
    json_decref(j);
}

static bool takes(const tb_route *route, const char *name)
{
    for (int i = 0; i < TB_ROUTE_QUERY_MAX && route->query[i] != NULL; i++)
        if (strcmp(route->query[i], name) == 0)
            return true;
    return false;
}

static void parameters_of_the_query_are_the_same(void **state)
{
    (void)state;
    size_t n;
    char method[8];
    const tb_route *routes = tb_routes(&n);
    json_t *j = document();
    for (size_t i = 0; i < n; i++) {
        const json_t *path = json_object_get(json_object_get(j, "paths"), routes[i].path);
        const json_t *operation = json_object_get(path, lower(routes[i].method, method));
        json_t *parameters = json_object_get(operation, "parameters"), *parameter;
        size_t k, n_query = 0, n_taken = 0;
        json_array_foreach(parameters, k, parameter)
        {
            const char *place = json_string_value(json_object_get(parameter, "in"));
            const char *name = json_string_value(json_object_get(parameter, "name"));
            if (strcmp(place, "query") != 0)
                continue;
            n_query++;
            if (!takes(&routes[i], name))
                fail_msg("%s does not take '%s'", routes[i].path, name);
        }
        while (n_taken < TB_ROUTE_QUERY_MAX && routes[i].query[n_taken] != NULL)
            n_taken++;
        assert_int_equal(n_taken, n_query);
    }
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_documented),
        cmocka_unit_test(everything_documented_is_there),
        cmocka_unit_test(parameters_of_the_query_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
