/* image_head.c - size and channels of a JPEG or PNG file, from its head. */
#include "compiler/base/base.h"
#include "compiler/tool/data_folder.h"

static uint32_t big_endian(const unsigned char *at, int n)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

/* PNG: the signature, then IHDR: length, type, width, height, depth, type of colour. */
static bool png_head(const unsigned char *at, size_t n, ImageHead *out)
{
    enum { GREY = 0, GREY_ALPHA = 4 };
    if (n < 26 || memcmp(at, "\x89PNG\r\n\x1a\n", 8) != 0 || memcmp(at + 12, "IHDR", 4) != 0)
        return false;
    out->width = big_endian(at + 16, 4);
    out->height = big_endian(at + 20, 4);
    out->channels = at[25] == GREY || at[25] == GREY_ALPHA ? 1 : 3;
    return true;
}

/* A start of frame: C0 to CF, but for tables of Huffman codes (C4), of arithmetic ones (CC) and JPG
 * (C8). */
static bool is_frame(int marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* JPEG: segments of a marker and a length, up to a start of frame: precision, height, width,
 * components. */
static bool jpeg_head(FILE *file, ImageHead *out)
{
    unsigned char at[8];
    if (fseek(file, 2, SEEK_SET) != 0)
        return false;
    for (;;) {
        int marker = fgetc(file);
        if (marker != 0xff)
            return false;
        while (marker == 0xff) /* fill bytes */
            marker = fgetc(file);
        if (marker == EOF || fread(at, 1, 2, file) != 2)
            return false;
        long length = (long)big_endian(at, 2);
        if (!is_frame(marker)) {
            if (length < 2 || fseek(file, length - 2, SEEK_CUR) != 0)
                return false;
            continue;
        }
        if (fread(at, 1, 6, file) != 6)
            return false;
        out->height = big_endian(at + 1, 2);
        out->width = big_endian(at + 3, 2);
        out->channels = at[5] == 1 ? 1 : 3;
        return true;
    }
}

bool image_head_read(const char *path, ImageHead *out)
{
    unsigned char start[26];
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t n = fread(start, 1, sizeof start, file);
    bool good = n >= 2 && start[0] == 0xff && start[1] == 0xd8 ? jpeg_head(file, out)
                                                               : png_head(start, n, out);
    fclose(file);
    return good && out->height > 0 && out->width > 0;
}
