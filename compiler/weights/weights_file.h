/* weights_file.h - what the readers of weight files share. */
#ifndef GRAFT_WEIGHTS_FILE_H
#define GRAFT_WEIGHTS_FILE_H

#include "compiler/weights/weights.h"

/* Adds an array to the layer of that name, made when it is new; inner: see WeightLayer. */
void weights_file_add(Ctx *ctx, WeightFile *file, const char *layer, const char *inner,
                      WeightArray array);
void weights_h5_read(Ctx *ctx, const char *path, WeightFile *file);
void weights_safetensors_read(Ctx *ctx, const char *path, WeightFile *file);

#endif
