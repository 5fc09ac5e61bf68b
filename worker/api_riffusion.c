/* riffusion's own server protocol. */
#include "worker/service.h"

TB_HANDLER(run_inference)
{
    (void)worker;
    (void)request;
    tb_http_reply_fail(response, 501, "not_implemented",
                       "riffusion's protocol needs seed images and blending, which this version "
                       "does not have; use POST /generate");
}
