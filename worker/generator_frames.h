/*
 * The frames between supervisor and generator child (channel.h), by their member "op".
 *
 * To the child:
 *   begin     threads cpu memory soundfont tokenizer readable[] json level: once, first
 *   generate  id request{} model_path tokenizer: make a take
 *   warm      request{} model_path tokenizer: load what such a take needs
 *   cancel    id: stop making it
 * From the child:
 *   ready     after begin, and after each piece of work
 *   progress  stage i_stage n_stages stage_fraction fraction elapsed_s
 *   preview   i_step n_steps, bytes: a PNG
 *   picture   bytes: the model's spectrogram image, a PNG with Riffusion's EXIF block
 *   take      sha256 recipe metadata sidecar (JSON as text), bytes: the audio file
 *   failed    code message fix
 */
#ifndef TB_WORKER_GENERATOR_FRAMES_H
#define TB_WORKER_GENERATOR_FRAMES_H

enum { TB_GENERATOR_FD = 3 }; /* the child's end of the channel */

#endif
