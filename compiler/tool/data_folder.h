/* data_folder.h - what is in a folder of images: classes, counts, sizes; nothing is decoded. */
#ifndef GRAFT_DATA_FOLDER_H
#define GRAFT_DATA_FOLDER_H

#include "compiler/base/base.h"

typedef struct ImageHead {
    int64_t height, width, channels; /* channels of the picture: 1 grey, 3 colours; alpha is none */
} ImageHead;

typedef struct DataClass {
    const char *name;
    int64_t n_images;
} DataClass;

typedef struct DataFolder {
    ARR(DataClass) classes; /* folders in the folder, sorted by name */
    int64_t n_images;
    ARR(ImageHead) seen; /* of some images of every class */
} DataFolder;

/* Counts the images by class, and reads the heads of up to n_seen of each. false: the folder cannot
 * be read. */
bool data_folder_read(Ctx *ctx, const char *path, uint32_t n_seen, DataFolder *out);
/* Of a JPEG or PNG file; false: it is none, or damaged. */
bool image_head_read(const char *path, ImageHead *out);

#endif
