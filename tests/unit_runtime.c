/* unit_runtime.c - the runtime's parts one by one: random numbers, layouts, JSON, images, files. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

static int n_points, n_failed;

static void point(bool ok, const char *name)
{
    n_points++;
    n_failed += !ok;
    printf("%sok %d - %s\n", ok ? "" : "not ", n_points, name);
}

/* The runtime is linked whole; nothing here runs the program. */
const GrtProgram grt_program;

/* ----------------------------------------------------------- random numbers */

static void test_philox(void)
{
    /* known answers of the generator's authors */
    static const struct {
        uint32_t counter[4];
        uint64_t key;
        uint32_t out[4];
    } cases[] = {
        {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, ~(uint64_t)0, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         0x299f31d0a4093822,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < GRT_COUNT_OF(cases); i++) {
        uint32_t out[4];
        grt_philox(cases[i].counter, cases[i].key, out);
        point(memcmp(out, cases[i].out, sizeof out) == 0, "Philox: known answer");
    }
}

enum { N_VALUES = 200000 };

/* Mean, standard deviation and largest size of the values. */
static void moments(const float *values, double *mean, double *deviation, double *largest)
{
    double sum = 0.0, squares = 0.0;
    *largest = 0.0;
    for (int i = 0; i < N_VALUES; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
        *largest = fmax(*largest, fabs((double)values[i]));
    }
    *mean = sum / N_VALUES;
    *deviation = sqrt(squares / N_VALUES - *mean * *mean);
}

static void test_fill(void)
{
    static const struct {
        uint32_t init;
        double deviation, largest;
        const char *name;
    } cases[] = {
        {GRT_INIT_UNIFORM, 0.5 / 1.7320508, 0.5, "uniform: moments and bounds"},
        {GRT_INIT_NORMAL, 0.5, 3.5, "normal: moments and tails"},
        {GRT_INIT_TRUNCATED_NORMAL, 0.5 * 0.87962566, 1.0, "truncated normal: two deviations"},
    };
    float *values = grt_alloc(N_VALUES, sizeof *values), part[1000];
    for (size_t i = 0; i < GRT_COUNT_OF(cases); i++) {
        double mean, deviation, largest;
        grt_random_fill(values, 0, N_VALUES, cases[i].init, 0.5f, 42, 3);
        moments(values, &mean, &deviation, &largest);
        point(fabs(mean) < 5e-3 && fabs(deviation / cases[i].deviation - 1.0) < 1e-2 &&
                  largest <= cases[i].largest && largest > 0.6 * cases[i].largest,
              cases[i].name);
        grt_random_fill(part, 77777, 1000, cases[i].init, 0.5f, 42, 3);
        point(memcmp(part, values + 77777, sizeof part) == 0, "a part is the same as the whole");
        grt_random_fill(part, 0, 1000, cases[i].init, 0.5f, 42, 4);
        point(memcmp(part, values, sizeof part) != 0, "another parameter has other values");
        grt_random_fill(part, 0, 1000, cases[i].init, 0.5f, -42, 3);
        point(memcmp(part, values, sizeof part) != 0, "another seed has other values");
    }
    free(values);
}

static void test_order(void)
{
    enum { N = 1000 };
    uint32_t a[N], b[N];
    bool seen[N] = {false};
    int fixed = 0, same = 0;
    grt_random_order(a, N, 42, 0);
    for (uint32_t i = 0; i < N; i++) {
        seen[a[i]] = true;
        fixed += a[i] == i;
    }
    point(memchr(seen, 0, sizeof seen) == NULL, "the order is a permutation");
    point(fixed < 10, "it moves nearly everything");
    grt_random_order(b, N, 42, 1);
    for (int i = 0; i < N; i++)
        same += a[i] == b[i];
    point(same < 10, "each epoch has another order");
}

/* ------------------------------------------------------------------ layouts */

static void test_panels(void)
{
    enum { ROWS = 7, COLS = 10, PANEL = 4, PADDED = 12 };
    GrtParam param = {.rank = 2, .dims = {ROWS, COLS}, .rows = ROWS, .cols = COLS, .panel = PANEL};
    float canonical[ROWS * COLS], memory[ROWS * PADDED] = {0.0f}, back[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++)
        canonical[i] = (float)(i + 1);
    for (int first = 0; first < ROWS * COLS; first += 13) /* in pieces across rows and panels */
        grt_param_store(&param, memory, first, first + 13 > ROWS * COLS ? ROWS * COLS - first : 13,
                        canonical + first);
    grt_param_fetch(&param, memory, 0, ROWS * COLS, back);
    point(memcmp(canonical, back, sizeof back) == 0, "panels and back");
    /* (2, 5): second panel, row 2, column 1 */
    point(memory[1 * ROWS * PANEL + 2 * PANEL + 1] == canonical[2 * COLS + 5],
          "an element's place");
    float padding = 0.0f;
    for (int r = 0; r < ROWS; r++)
        for (int c = 2; c < PANEL; c++)
            padding += fabsf(memory[2 * ROWS * PANEL + r * PANEL + c]);
    point(padding == 0.0f, "padding stays 0");
}

/* --------------------------------------------------------------------- JSON */

static void test_json(void)
{
    static const char *const good[] = {"{}",
                                       "[]",
                                       " null ",
                                       "-0.5e+3",
                                       "\"\\u00e9\\ud83d\\ude00\\n\"",
                                       "{\"a\":[1,2,{\"b\":true}],\"c\":\"\"}"};
    static const char *const bad[] = {"",
                                      "{",
                                      "{\"a\"}",
                                      "{\"a\":1,}",
                                      "[1 2]",
                                      "01",
                                      "1.",
                                      "nul",
                                      "\"\\x\"",
                                      "\"\\u0000\"",
                                      "\"\\ud800\"",
                                      "\"a",
                                      "\"a\\\"",
                                      "{\"a\":1,\"a\":2}",
                                      "{} {}",
                                      "1e999",
                                      "\"\t\"",
                                      "'a'",
                                      "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"};
    bool ok = true;
    for (size_t i = 0; i < GRT_COUNT_OF(good); i++) {
        GrtJson *json = grt_json_parse(good[i], strlen(good[i]));
        ok = ok && json != NULL;
        grt_json_free(json);
    }
    point(ok, "JSON: good texts are read");
    ok = true;
    for (size_t i = 0; i < GRT_COUNT_OF(bad); i++) {
        GrtJson *json = grt_json_parse(bad[i], strlen(bad[i]));
        if (json != NULL)
            printf("# accepted: %s\n", bad[i]);
        ok = ok && json == NULL;
        grt_json_free(json);
    }
    point(ok, "JSON: bad texts are refused");
    GrtText text = {0};
    const char *hard = "a\"b\\c\n\t\x01\xc3\xa9";
    grt_text_json(&text, hard);
    GrtJson *json = grt_json_parse(text.at, text.n);
    point(json != NULL && strcmp(json->string, hard) == 0, "JSON: escaped text reads back");
    grt_json_free(json);
    free(text.at);
}

static const char HEADER[] =
    "{\"__metadata__\":{\"spec_hash\":\"0123456789abcdef\",\"class.0\":\"cat\"},"
    "\"a/kernel\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"b/bias\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[24,32]}}";

static void test_tensors(void)
{
    static const char *const bad[] = {
        "[]",
        "{\"a\":1}",
        "{\"__metadata__\":{\"a\":1}}",
        "{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[28,36]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}"};
    bool ok = grt_tensors_check(HEADER, sizeof HEADER - 1, 32) == NULL;
    point(ok, "safetensors: a good header");
    for (size_t i = 0; i < GRT_COUNT_OF(bad); i++) {
        const char *why = grt_tensors_check(bad[i], strlen(bad[i]), 32);
        if (why == NULL)
            printf("# accepted: %s\n", bad[i]);
        ok = ok && why != NULL;
    }
    point(ok, "safetensors: bad headers are refused");
}

/* Damaged headers must neither crash nor, with a sanitizer, read outside. */
static void test_fuzz(void)
{
    enum { ROUNDS = 20000 };
    int accepted = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        char text[sizeof HEADER];
        memcpy(text, HEADER, sizeof HEADER);
        uint32_t counter[4] = {round, 0, 0, 0}, words[4];
        grt_philox(counter, 5, words);
        for (uint32_t i = 0; i <= words[0] % 3; i++)
            text[words[1 + i % 3] % (sizeof HEADER - 1)] = (char)(words[3] >> (8 * i));
        size_t n = words[0] >> 8 & 1 ? words[2] % sizeof HEADER : sizeof HEADER - 1;
        char *exact = malloc(n ? n : 1); /* so that a sanitizer sees its end */
        memcpy(exact, text, n);
        accepted += grt_tensors_check(exact, n, 32) == NULL;
        free(exact);
    }
    point(accepted < ROUNDS / 2, "safetensors: damaged headers do no harm");
}

/* ------------------------------------------------------------------- images */

static void test_resize(void)
{
    static const uint8_t in[] = {0, 100, 200, 40};
    static const uint8_t up[] = {0,   25,  75, 100, 50,  59,  76, 85,
                                 150, 126, 79, 55,  200, 160, 80, 40};
    uint8_t out[16], one[1];
    grt_resize(in, 2, 2, 1, out, 4, 4);
    point(memcmp(out, up, sizeof up) == 0, "bilinear, 2 x 2 to 4 x 4");
    grt_resize(in, 2, 2, 1, one, 1, 1);
    point(one[0] == 85, "bilinear, 2 x 2 to one pixel");
    static const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    uint8_t grey[4], back[12];
    grt_convert_channels(rgb, 3, grey, 1, 4);
    point(grey[0] == 76 && grey[1] == 150 && grey[2] == 29 && grey[3] == 255, "RGB to grey");
    grt_convert_channels(grey, 1, back, 3, 4);
    point(back[0] == 76 && back[2] == 76 && back[11] == 255, "grey to RGB");
}

/* PNG of the pixels in one of libpng's simple formats; malloc'ed. */
static uint8_t *encode_png(const void *pixels, int width, int height, uint32_t format, size_t *n)
{
    png_alloc_size_t size = 1 << 16;
    uint8_t *bytes = malloc(size);
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = format};
    if (!png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL))
        abort();
    *n = size;
    return bytes;
}

static void test_png(void)
{
    enum { W = 5, H = 3 };
    uint8_t rgba[W * H * 4];
    char why[GRT_WHY];
    GrtPixels out;
    size_t n;
    for (int i = 0; i < W * H * 4; i++)
        rgba[i] = i % 4 == 3 ? (uint8_t)(i * 3) : (uint8_t)(i * 7);
    uint8_t *png = encode_png(rgba, W, H, PNG_FORMAT_RGBA, &n);
    bool ok = grt_decode(png, n, 3, &out, why) && out.width == W && out.height == H;
    for (int i = 0; ok && i < W * H; i++)
        ok = memcmp(out.at + 3 * i, rgba + 4 * i, 3) == 0;
    point(ok, "PNG: RGBA without its alpha");
    free(out.at);
    bool refused = true;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, png, cut);
        refused = refused && !grt_decode(part, cut, 3, &out, why) && out.at == NULL;
        free(part);
    }
    point(refused, "PNG: cut off anywhere it is refused");
    for (size_t i = 8; i < n; i++) { /* checksums protect everything but the last one's own name */
        png[i] ^= 0x55;
        if (grt_decode(png, n, 3, &out, why))
            free(out.at);
        png[i] ^= 0x55;
    }
    free(png);
    png = encode_png(rgba, W, H, PNG_FORMAT_GRAY, &n);
    ok = grt_decode(png, n, 1, &out, why) && memcmp(out.at, rgba, W * H) == 0;
    point(ok, "PNG: grey");
    free(out.at);
    free(png);
}

/* A 16-bit PNG from libpng's simple interface would be converted to linear light, so this one is
 * written row by row. */
static void test_png16(void)
{
    enum { W = 6 };
    static const uint16_t values[W] = {0, 0x00ff, 0x0180, 0x8000, 0xfe7f, 0xffff};
    uint8_t row[2 * W], *rows[] = {row};
    char why[GRT_WHY], path[] = "unit_runtime.XXXXXX";
    GrtPixels out = {0};
    size_t n = 0;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w+b");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    for (int i = 0; i < W; i++) {
        row[2 * i] = (uint8_t)(values[i] >> 8);
        row[2 * i + 1] = (uint8_t)values[i];
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, W, 1, 16, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, 0, 0);
    png_set_rows(png, info, rows);
    png_write_png(png, info, 0, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
    char *bytes = grt_read_whole(path, 1 << 16, &n);
    bool ok = bytes && grt_decode((uint8_t *)bytes, n, 1, &out, why);
    for (int i = 0; ok && i < W; i++) /* rounded, not cut off */
        ok = out.at[i] == (values[i] * 255u + 32767u) / 65535u;
    point(ok, "PNG: 16 bits are scaled");
    free(out.at);
    free(bytes);
    unlink(path);
}

static void test_jpeg(void)
{
    enum { W = 24, H = 16 };
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr error;
    uint8_t *bytes = NULL, row[W * 3];
    unsigned long n = 0;
    char why[GRT_WHY];
    GrtPixels out = {0};
    info.err = jpeg_std_error(&error);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &n);
    info.image_width = W;
    info.image_height = H;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < H; y++) {
        uint8_t *at = row;
        for (int i = 0; i < W * 3; i++)
            row[i] = (uint8_t)(i * y);
        jpeg_write_scanlines(&info, &at, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    point(grt_decode(bytes, n, 3, &out, why) && out.width == W && out.height == H, "JPEG");
    free(out.at);
    bool refused = true;
    for (unsigned long cut = 0; cut + 2 < n; cut++) { /* the last two bytes only say that it ends */
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, bytes, cut);
        refused = refused && !grt_decode(part, cut, 3, &out, why) && out.at == NULL;
        free(part);
    }
    point(refused, "JPEG: cut off anywhere it is refused");
    for (unsigned long i = 3; i < n; i++) { /* damage must not crash, whatever comes out */
        bytes[i] ^= 0x5a;
        if (grt_decode(bytes, n, 1, &out, why))
            free(out.at);
        bytes[i] ^= 0x5a;
    }
    point(!grt_decode((const uint8_t *)"RIFF    WEBPVP8 ", 16, 3, &out, why) &&
              strstr(why, "WebP") != NULL,
          "other formats are named");
    free(bytes);
}

/* -------------------------------------------------------------------- files */

static void test_files(void)
{
    char folder[] = "unit_runtime.XXXXXX";
    GrtWriter a, b;
    size_t n;
    if (mkdtemp(folder) == NULL)
        abort();
    char *deep = grt_format("%s/x/y", folder), *path = grt_format("%s/file", deep);
    point(grt_make_dirs(deep) && grt_make_dirs(deep), "folders are made once");
    grt_write_whole(path, "old", 3);
    point(grt_writer_open(&a, path, NULL, 0) && grt_writer_put(&a, "new text", 8), "writing");
    point(!grt_writer_open(&b, path, NULL, 0) && b.error == EBUSY, "two writers are one too many");
    char *text = grt_read_whole(path, 100, &n);
    point(text && strcmp(text, "old") == 0, "before the end the old text is there");
    free(text);
    point(grt_writer_commit(&a), "the end");
    text = grt_read_whole(path, 100, &n);
    point(text && strcmp(text, "new text") == 0, "then the new one");
    free(text);
    point(grt_read_whole(path, 4, &n) == NULL && errno == EFBIG, "a file too large is not read");
    point(grt_read_whole(deep, 100, &n) == NULL && errno == EISDIR, "nor is a folder");
    point(!grt_make_dirs(path), "a file is no folder");
    unlink(path);
    rmdir(deep);
    *strrchr(deep, '/') = '\0';
    rmdir(deep);
    rmdir(folder);
    free(path);
    free(deep);
}

static void test_names(void)
{
    static const char *const names[] = {"train", "evaluate", "predict"};
    int64_t value;
    point(strcmp(grt_nearest("tarin", names, 3), "train") == 0, "a slip is found");
    point(grt_nearest("frobnicate", names, 3) == NULL, "what is far from all is not");
    point(grt_parse_int("-5", -9, 9, &value) && value == -5 &&
              !grt_parse_int("10", -9, 9, &value) && !grt_parse_int("5x", -9, 9, &value) &&
              !grt_parse_int("", -9, 9, &value) && !grt_parse_int(" 5", -9, 9, &value),
          "whole numbers");
}

/* ------------------------------------------------------------------- threads */

/* What a thread makes of a product below the normal numbers, and of such a number. */
static void multiply_small(void *context, int64_t i)
{
    volatile float small = 1e-20f, denormal = 0x1p-140f, one = 1.0f;
    float *products = context;
    products[2 * i] = small * small;
    products[2 * i + 1] = denormal * one;
}

static void test_denormals(void)
{
    enum { THREADS = 3 };
    float products[2 * THREADS];
    bool flushed = true;
    for (int i = 0; i < 2 * THREADS; i++)
        products[i] = 1.0f;
    grt_team_prepare();
    grt_parallel(THREADS, multiply_small, products, THREADS);
    for (int i = 0; i < 2 * THREADS; i++)
        flushed = flushed && products[i] == 0.0f;
    point(flushed, "numbers below the normal ones are zero in all threads");
}

int main(void)
{
    test_philox();
    test_fill();
    test_order();
    test_panels();
    test_json();
    test_tensors();
    test_fuzz();
    test_resize();
    test_png();
    test_png16();
    test_jpeg();
    test_files();
    test_names();
    test_denormals();
    printf("1..%d\n", n_points);
    return n_failed != 0;
}
