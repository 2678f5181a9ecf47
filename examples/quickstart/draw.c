/* draw.c - draws the quickstart's pictures: six kinds of things as 32 x 32 PNG files, the same ones
 * at every run.
 *
 *   draw DIR    makes DIR/train/KIND/NNN.png and DIR/test/KIND/NNN.png
 *
 * Every picture has its own place, size, turn and colours, a background that changes from corner to
 * corner, stray strokes and noise, so that no single pixel gives the kind away. */
#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIZE = 32, SAMPLES = 3, N_TRAIN = 120, N_TEST = 60, N_STROKES = 1 };

/* ------------------------------------------------------------------ random numbers */

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t random_bits(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double uniform(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)(random_bits(state) >> 11) * 0x1p-53;
}

/* -------------------------------------------------- shapes: is (x, y) inside? unit size, turned */

static bool in_box(double x, double y, double cx, double cy, double w, double h)
{
    return fabs(x - cx) <= w && fabs(y - cy) <= h;
}

static bool flower(double x, double y)
{
    double r = hypot(x, y);
    return r < 0.55 + 0.4 * cos(5 * atan2(y, x));
}

static bool house(double x, double y)
{
    bool roof = y > -0.9 && y < 0 && fabs(x) < 0.9 + y;
    bool door = in_box(x, y, 0.15, 0.6, 0.15, 0.3);
    return roof || (in_box(x, y, 0, 0.45, 0.65, 0.45) && !door);
}

static bool boat(double x, double y)
{
    bool hull = y > 0.3 && y < 0.8 && fabs(x) < 1.1 - y;
    bool sail = x > 0 && y > -0.9 && y < 0.2 && x < (y + 0.9) * 0.7;
    return hull || sail || in_box(x, y, -0.05, -0.3, 0.05, 0.65);
}

static bool car(double x, double y)
{
    bool wheels = hypot(x - 0.5, y - 0.45) < 0.25 || hypot(x + 0.5, y - 0.45) < 0.25;
    return wheels || in_box(x, y, 0, 0.15, 0.95, 0.25) || in_box(x, y, -0.05, -0.25, 0.5, 0.2);
}

static bool tree(double x, double y)
{
    bool top = hypot(x, y + 0.4) < 0.5 || hypot(x - 0.35, y) < 0.35 || hypot(x + 0.35, y) < 0.35;
    return top || in_box(x, y, 0, 0.55, 0.12, 0.4);
}

static bool key(double x, double y)
{
    double r = hypot(x, y + 0.55);
    bool bow = r < 0.4 && r > 0.18,
         teeth = in_box(x, y, 0.2, 0.5, 0.2, 0.07) || in_box(x, y, 0.2, 0.8, 0.2, 0.07);
    return bow || teeth || in_box(x, y, 0, 0.38, 0.09, 0.55);
}

static const struct {
    const char *name;
    bool (*inside)(double x, double y);
} KINDS[] = {{"boat", boat},   {"car", car}, {"flower", flower},
             {"house", house}, {"key", key}, {"tree", tree}};

/* --------------------------------------------------------------------- a picture */

typedef struct Picture {
    double x, y, scale, turn;
    double colour[3], corner[2][3], noise;
    double stroke[N_STROKES][4], stroke_colour[N_STROKES][3];
    bool mirrored;
} Picture;

static Picture new_picture(uint64_t *state)
{
    Picture p = {.x = uniform(state, 13, 19),
                 .y = uniform(state, 13, 19),
                 .scale = uniform(state, 8, 14),
                 .turn = uniform(state, -0.35, 0.35),
                 .noise = uniform(state, 2, 10)};
    p.mirrored = random_bits(state) & 1;
    for (int c = 0; c < 3; c++) {
        p.colour[c] = uniform(state, 0, 255);
        p.corner[0][c] = uniform(state, 0, 255);
        p.corner[1][c] = uniform(state, 0, 255);
    }
    double contrast = 0;
    for (int c = 0; c < 3; c++)
        contrast += fabs(p.colour[c] - (p.corner[0][c] + p.corner[1][c]) / 2);
    for (int c = 0; c < 3 && contrast < 150; c++)
        p.colour[c] =
            p.corner[0][c] + p.corner[1][c] > 255 ? p.colour[c] * 0.3 : 255 - p.colour[c] * 0.3;
    for (int s = 0; s < N_STROKES; s++) {
        for (int k = 0; k < 4; k++)
            p.stroke[s][k] = uniform(state, 0, SIZE);
        for (int c = 0; c < 3; c++)
            p.stroke_colour[s][c] = uniform(state, 0, 255);
    }
    return p;
}

/* Distance of (x, y) from the line between the stroke's ends. */
static double stroke_distance(const double *s, double x, double y)
{
    double dx = s[2] - s[0], dy = s[3] - s[1],
           t = ((x - s[0]) * dx + (y - s[1]) * dy) / (dx * dx + dy * dy + 1e-9);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypot(x - s[0] - t * dx, y - s[1] - t * dy);
}

static double sample(const Picture *p, bool (*inside)(double, double), double x, double y, int c)
{
    double dx = (x - p->x) / p->scale, dy = (y - p->y) / p->scale;
    double u = cos(p->turn) * dx + sin(p->turn) * dy, v = cos(p->turn) * dy - sin(p->turn) * dx;
    if (inside(p->mirrored ? -u : u, v))
        return p->colour[c];
    for (int s = 0; s < N_STROKES; s++)
        if (stroke_distance(p->stroke[s], x, y) < 0.7)
            return p->stroke_colour[s][c];
    double t = (x + y) / (2 * SIZE);
    return p->corner[0][c] * (1 - t) + p->corner[1][c] * t;
}

static void draw(const Picture *p, bool (*inside)(double, double), uint64_t *state, png_byte *out)
{
    for (int i = 0; i < SIZE * SIZE * 3; i++) {
        int x = i / 3 % SIZE, y = i / 3 / SIZE, c = i % 3;
        double sum = 0;
        for (int s = 0; s < SAMPLES * SAMPLES; s++)
            sum += sample(p, inside, x + (s % SAMPLES + 0.5) / SAMPLES,
                          y + (s / SAMPLES + 0.5) / SAMPLES, c);
        double v = sum / (SAMPLES * SAMPLES) + uniform(state, -p->noise, p->noise);
        out[i] = (png_byte)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

/* ------------------------------------------------------------------------ files */

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "draw: cannot make '%s': %s\n", path, strerror(errno));
        exit(3);
    }
}

static void write_picture(const char *path, const png_byte *pixels)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = SIZE, .height = SIZE, .format = PNG_FORMAT_RGB};
    if (!png_image_write_to_file(&image, path, 0, pixels, 0, NULL)) {
        fprintf(stderr, "draw: cannot write '%s': %s\n", path, image.message);
        exit(3);
    }
}

int main(int argc, char **argv)
{
    static const char *const parts[] = {"train", "test"};
    static const int counts[] = {N_TRAIN, N_TEST};
    char path[4096];
    if (argc != 2 || strlen(argv[1]) > sizeof path - 64) {
        fprintf(stderr, "usage: draw DIR\n");
        return 2;
    }
    make_folder(argv[1]);
    uint64_t state = 7;
    for (int part = 0; part < 2; part++) {
        snprintf(path, sizeof path, "%s/%s", argv[1], parts[part]);
        make_folder(path);
        for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
            snprintf(path, sizeof path, "%s/%s/%s", argv[1], parts[part], KINDS[k].name);
            make_folder(path);
            for (int i = 0; i < counts[part]; i++) {
                png_byte pixels[SIZE * SIZE * 3];
                Picture p = new_picture(&state);
                draw(&p, KINDS[k].inside, &state, pixels);
                snprintf(path, sizeof path, "%s/%s/%s/%03d.png", argv[1], parts[part],
                         KINDS[k].name, i);
                write_picture(path, pixels);
            }
        }
    }
    return 0;
}
