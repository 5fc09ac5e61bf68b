/* Versions: of the program (SemVer plus git) and of what the engine makes. */
#ifndef TIMBRE_VERSION_H
#define TIMBRE_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever the same request makes other PCM. Stands in every recipe. */
#define TIMBRE_ENGINE_VERSION 2

/* "0.1.0", or with the state of the checkout that was built: "0.1.0+g1a2b3c4". Static storage. */
const char *timbre_version(void);

#ifdef __cplusplus
}
#endif
#endif
