/* make_images.c - draws small data sets for the tests of the runtime, the same at every call.
 *
 * Usage: make_images folder DIR CLASSES IMAGES | cifar10 DIR | npy DIR
 * Classes differ in their colour, so that a linear model can learn them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jpeglib.h>
#include <png.h>

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

/* height x width pixels of a class: its colour and noise. */
static void paint(uint8_t *rgb, int n, int class)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(draw(140) + (class % 3 == c ? 80u : 0u) + (class > 2) * 30u);
}

static void write_jpeg(const char *path, const uint8_t *rgb, int width, int height)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr error;
    FILE *file = create(path);
    info.err = jpeg_std_error(&error);
    jpeg_create_compress(&info);
    jpeg_stdio_dest(&info, file);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 95, TRUE);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < height; y++) {
        uint8_t *row = (uint8_t *)(uintptr_t)(rgb + y * width * 3);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    fclose(file);
}

static void write_png(const char *path, const uint8_t *rgb, int width, int height)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    if (!png_image_write_to_file(&image, path, 0, rgb, 0, NULL)) {
        fprintf(stderr, "%s: %s\n", path, image.message);
        exit(1);
    }
}

/* Half of the images are JPEG, some of other sizes than 8 x 6. */
static void make_folder(const char *folder, int n_classes, int n_images)
{
    uint8_t rgb[16 * 12 * 3];
    char path[4096];
    mkdir(folder, 0777);
    for (int c = 0; c < n_classes; c++) {
        snprintf(path, sizeof path, "%s/class%c", folder, 'a' + c);
        mkdir(path, 0777);
        for (int i = 0; i < n_images; i++) {
            int width = i % 5 == 4 ? 16 : 8, height = i % 5 == 4 ? 12 : 6;
            paint(rgb, width * height, c);
            snprintf(path, sizeof path, "%s/class%c/%03d.%s", folder, 'a' + c, i,
                     i % 2 ? "JPG" : "png");
            (i % 2 ? write_jpeg : write_png)(path, rgb, width, height);
        }
    }
}

static void make_batch(const char *folder, const char *name, int n)
{
    uint8_t rgb[1024 * 3], record[3073];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = create(path);
    for (int i = 0; i < n; i++) {
        record[0] = (uint8_t)(i % 10);
        paint(rgb, 1024, i % 10);
        for (int p = 0; p < 1024; p++)
            for (int c = 0; c < 3; c++)
                record[1 + c * 1024 + p] = rgb[3 * p + c];
        fwrite(record, 1, sizeof record, file);
    }
    fclose(file);
}

static void make_npy(const char *folder, int n)
{
    char path[4096], header[128];
    uint8_t rgb[48 * 3];
    snprintf(path, sizeof path, "%s/images.npy", folder);
    FILE *file = create(path);
    snprintf(header, sizeof header,
             "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 6, 8, 3), }", n);
    fprintf(file, "\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0, header);
    for (int i = 0; i < n; i++) {
        paint(rgb, 48, i % 3);
        fwrite(rgb, 1, sizeof rgb, file);
    }
    fclose(file);
    snprintf(path, sizeof path, "%s/labels.npy", folder);
    file = create(path);
    snprintf(header, sizeof header, "{'descr': '<i8', 'fortran_order': False, 'shape': (%d,), }",
             n);
    fprintf(file, "\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0, header);
    for (int64_t i = 0; i < n; i++) {
        int64_t label = i % 3;
        fwrite(&label, sizeof label, 1, file);
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "folder") == 0) {
        make_folder(argv[2], atoi(argv[3]), atoi(argv[4]));
    } else if (argc == 3 && strcmp(argv[1], "cifar10") == 0) {
        char name[32];
        mkdir(argv[2], 0777);
        for (int b = 1; b <= 5; b++) {
            snprintf(name, sizeof name, "data_batch_%d.bin", b);
            make_batch(argv[2], name, 20);
        }
        make_batch(argv[2], "test_batch.bin", 20);
    } else if (argc == 3 && strcmp(argv[1], "npy") == 0) {
        mkdir(argv[2], 0777);
        make_npy(argv[2], 30);
    } else {
        fprintf(stderr, "usage: make_images folder DIR CLASSES IMAGES | cifar10 DIR | npy DIR\n");
        return 2;
    }
    return 0;
}
