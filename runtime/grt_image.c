/* grt_image.c - decodes JPEG and PNG from memory; damaged files are refused, never half used.
 *
 * The only file that includes <jpeglib.h> and <png.h>. JPEG: the accurate integer DCT and smooth
 * chroma upsampling, the defaults of PIL and TensorFlow. EXIF orientation is ignored. */
#include "runtime/grt_int.h"

#include <setjmp.h>
#include <stdlib.h>
/* jpeglib.h and jerror.h need stdio.h and each other in this order */
#include <jpeglib.h>
#include <jerror.h>
#include <png.h>

#define MAX_PIXELS ((int64_t)1 << 28)

/* Takes the size of an image and allocates it; false when it is absurd. */
static bool pixels_create(GrtPixels *out, int64_t height, int64_t width, int channels,
                          char why[GRT_WHY])
{
    if (height < 1 || width < 1 || height > MAX_PIXELS / width) {
        snprintf(why, GRT_WHY, "%lld x %lld pixels are too many", (long long)width,
                 (long long)height);
        return false;
    }
    out->height = height;
    out->width = width;
    out->channels = channels;
    out->at = malloc((size_t)(height * width * channels));
    if (out->at == NULL)
        snprintf(why, GRT_WHY, "out of memory for %lld x %lld pixels", (long long)width,
                 (long long)height);
    return out->at != NULL;
}

/* -------------------------------------------------------------------- JPEG */

typedef struct JpegError {
    struct jpeg_error_mgr base;
    jmp_buf landing;
    char *why;
} JpegError;

static void jpeg_fail(j_common_ptr info)
{
    char text[JMSG_LENGTH_MAX];
    JpegError *error = (JpegError *)info->err;
    info->err->format_message(info, text);
    snprintf(error->why, GRT_WHY, "damaged JPEG: %s", text);
    longjmp(error->landing, 1);
}

/* Warnings that mean that a part of the picture is missing or wrong end the decoding. */
static void jpeg_message(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC))
        jpeg_fail(info);
}

/* Inverted CMYK, as Adobe's programs write it, to RGB in place of `row`, width pixels. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, int64_t width)
{
    for (int64_t x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) {
            int light = cmyk[4 * x + 3];
            int product = (255 - cmyk[4 * x + c]) * light + 128;
            int value = light - ((product + (product >> 8)) >> 8);
            rgb[3 * x + c] = (uint8_t)(value < 0 ? 0 : value);
        }
}

static bool jpeg_header(struct jpeg_decompress_struct *info, const uint8_t *bytes, size_t n,
                        int channels, GrtPixels *out, char why[GRT_WHY])
{
    jpeg_mem_src(info, bytes, (unsigned long)n);
    jpeg_read_header(info, TRUE);
    bool cmyk = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
    info->out_color_space = cmyk ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    info->dct_method = JDCT_ISLOW;
    info->do_fancy_upsampling = TRUE;
    return pixels_create(out, info->image_height, info->image_width, cmyk ? 3 : channels, why);
}

/* libjpeg leaves by longjmp: what is freed after it lives in *out and *row. */
static bool jpeg_rows(struct jpeg_decompress_struct *info, JpegError *error, const uint8_t *bytes,
                      size_t n, int channels, GrtPixels *out, uint8_t **row)
{
    if (setjmp(error->landing) != 0)
        return false;
    if (!jpeg_header(info, bytes, n, channels, out, error->why))
        return false;
    bool cmyk = info->out_color_space == JCS_CMYK;
    if (cmyk)
        *row = grt_alloc((size_t)out->width, 4);
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        uint8_t *at = out->at + (int64_t)info->output_scanline * out->width * out->channels;
        uint8_t *target = cmyk ? *row : at;
        jpeg_read_scanlines(info, &target, 1);
        if (cmyk)
            cmyk_to_rgb(*row, at, out->width);
    }
    jpeg_finish_decompress(info);
    return true;
}

static bool decode_jpeg(const uint8_t *bytes, size_t n, int channels, GrtPixels *out,
                        char why[GRT_WHY])
{
    struct jpeg_decompress_struct info;
    JpegError error;
    uint8_t *row = NULL;
    info.err = jpeg_std_error(&error.base);
    error.base.error_exit = jpeg_fail;
    error.base.emit_message = jpeg_message;
    error.why = why;
    jpeg_create_decompress(&info);
    bool ok = jpeg_rows(&info, &error, bytes, n, channels, out, &row);
    jpeg_destroy_decompress(&info);
    free(row);
    return ok;
}

/* --------------------------------------------------------------------- PNG */

typedef struct PngInput {
    const uint8_t *at, *end;
    char *why;
} PngInput;

static void png_input(png_structp png, png_bytep out, size_t n)
{
    PngInput *input = png_get_io_ptr(png);
    if ((size_t)(input->end - input->at) < n)
        png_error(png, "the file ends too early");
    memcpy(out, input->at, n);
    input->at += n;
}

static void png_fail(png_structp png, png_const_charp message)
{
    PngInput *input = png_get_error_ptr(png);
    snprintf(input->why, GRT_WHY, "damaged PNG: %s", message);
    png_longjmp(png, 1);
}

static void png_ignore(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* Asks libpng for 8 bits a channel, grey or RGB, without alpha. */
static void png_plain(png_structp png, png_infop info)
{
    int type = png_get_color_type(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static bool png_rows(png_structp png, png_infop info, char *why, GrtPixels *out, uint8_t ***rows)
{
    if (setjmp(png_jmpbuf(png)) != 0)
        return false;
    png_read_info(png, info);
    int64_t height = png_get_image_height(png, info), width = png_get_image_width(png, info);
    if (height > MAX_PIXELS / width) {
        snprintf(why, GRT_WHY, "%lld x %lld pixels are too many", (long long)width,
                 (long long)height);
        return false;
    }
    png_plain(png, info);
    int channels = png_get_channels(png, info);
    if (!pixels_create(out, height, width, channels, why))
        return false;
    if (png_get_rowbytes(png, info) != (size_t)(width * channels))
        png_error(png, "unexpected kind of pixels");
    *rows = grt_alloc((size_t)height, sizeof(uint8_t *));
    for (int64_t y = 0; y < height; y++)
        (*rows)[y] = out->at + y * width * channels;
    png_read_image(png, *rows);
    png_read_end(png, NULL);
    return true;
}

static bool decode_png(const uint8_t *bytes, size_t n, GrtPixels *out, char why[GRT_WHY])
{
    PngInput input = {bytes, bytes + n, why};
    uint8_t **rows = NULL;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, png_fail, png_ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool ok = false;
    if (info == NULL) {
        snprintf(why, GRT_WHY, "out of memory");
    } else {
        png_set_read_fn(png, &input, png_input);
        png_set_user_limits(png, 0x7fffffff, 0x7fffffff); /* pixels_create limits the product */
        ok = png_rows(png, info, why, out, &rows);
    }
    png_destroy_read_struct(&png, &info, NULL);
    free(rows);
    return ok;
}

/* --------------------------------------------------------------------- both */

/* Formats that people keep under a wrong name, so that the message helps. */
static const char *foreign_format(const uint8_t *bytes, size_t n)
{
    if (n >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return " (it looks like WebP)";
    if (n >= 4 && memcmp(bytes, "GIF8", 4) == 0)
        return " (it looks like GIF)";
    if (n >= 2 && memcmp(bytes, "BM", 2) == 0)
        return " (it looks like BMP)";
    if (n >= 4 && (memcmp(bytes, "II*\0", 4) == 0 || memcmp(bytes, "MM\0*", 4) == 0))
        return " (it looks like TIFF)";
    if (n >= 1 && (bytes[0] == '<' || bytes[0] == '{'))
        return " (it looks like text)";
    return "";
}

bool grt_decode(const uint8_t *bytes, size_t n, int channels, GrtPixels *out, char why[GRT_WHY])
{
    static const uint8_t png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    bool ok = false;
    out->at = NULL;
    if (n == 0)
        snprintf(why, GRT_WHY, "the file is empty");
    else if (n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        ok = decode_jpeg(bytes, n, channels, out, why);
    else if (n >= sizeof png_magic && memcmp(bytes, png_magic, sizeof png_magic) == 0)
        ok = decode_png(bytes, n, out, why);
    else
        snprintf(why, GRT_WHY, "neither JPEG nor PNG%s", foreign_format(bytes, n));
    if (ok && out->channels != channels) {
        uint8_t *converted = malloc((size_t)(out->height * out->width * channels));
        if (converted != NULL)
            grt_convert_channels(out->at, out->channels, converted, channels,
                                 out->height * out->width);
        else
            snprintf(why, GRT_WHY, "out of memory");
        free(out->at);
        out->at = converted;
        out->channels = channels;
        ok = converted != NULL;
    }
    if (!ok) {
        free(out->at);
        out->at = NULL;
    }
    return ok;
}
