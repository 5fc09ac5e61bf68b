/*
 * The answer to riffusion's POST /run_inference/, byte for byte as its server writes it (json.dumps
 * of base64.encodebytes).
 */
#ifndef TB_WORKER_RIFFUSION_REPLY_H
#define TB_WORKER_RIFFUSION_REPLY_H

#include <stddef.h>

#include "engine/base/error.h"

/*
 * {"image": "data:image/jpeg;base64,...", "audio": "data:audio/mpeg;base64,...", "duration_s":
 * 5.11} as ASCII. Base64 comes in lines of 76 characters, each with a line break behind it, the
 * last too. `audio_media_type` ("audio/mpeg") has no character that JSON escapes. *out is owned
 * (free). BAD_INPUT: duration_s is not finite. NO_MEMORY.
 */
TB_MUST_USE tb_status tb_inference_format(const unsigned char *jpeg, size_t jpeg_len_bytes,
                                          const char *audio_media_type, const unsigned char *audio,
                                          size_t audio_len_bytes, double duration_s, char **out,
                                          tb_error *err);

#endif
