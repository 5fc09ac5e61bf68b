/* Licences of models: what each asks for, in a sentence, and whether it must be agreed to. */
#include <stddef.h>
#include <string.h>

#include "hub/registry.h"

extern const unsigned char tb_data_creativeml_openrail_m[];

/* Permissive ones ask for nothing that the use of a model could break. */
static const tb_licence table[] = {
    {"creativeml-openrail-m", "CreativeML Open RAIL-M",
     "free to use, for money too, and what you make is yours; not for the harmful uses that it "
     "lists; whoever passes the model on passes these terms on",
     1, NULL},
    {"openrail", "Open RAIL", "free to use, but not for the harmful uses that it lists", 1, NULL},
    {"openrail++", "CreativeML Open RAIL++-M",
     "free to use, but not for the harmful uses that it lists", 1, NULL},
    {"bigscience-openrail-m", "BigScience Open RAIL-M",
     "free to use, but not for the harmful uses that it lists", 1, NULL},
    {"apache-2.0", "Apache License 2.0", NULL, 0, NULL},
    {"mit", "MIT License", NULL, 0, NULL},
    {"isc", "ISC License", NULL, 0, NULL},
    {"bsd-2-clause", "BSD 2-Clause License", NULL, 0, NULL},
    {"bsd-3-clause", "BSD 3-Clause License", NULL, 0, NULL},
    {"cc0-1.0", "CC0 1.0", NULL, 0, NULL},
    {"cc-by-4.0", "CC BY 4.0", NULL, 0, NULL},
    {"cc-by-sa-4.0", "CC BY-SA 4.0", NULL, 0, NULL},
    {"unlicense", "The Unlicense", NULL, 0, NULL},
};

static const char *text_of(const char *id)
{
    return strcmp(id, "creativeml-openrail-m") == 0 ? (const char *)tb_data_creativeml_openrail_m
                                                    : NULL;
}

tb_licence tb_licence_get(const char *id)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].id, id) == 0) {
            tb_licence found = table[i];
            found.text = text_of(id);
            return found;
        }
    return (tb_licence){.id = id, .needs_consent = 1};
}
