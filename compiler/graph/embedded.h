/* embedded.h - the backbone files of specs/backbones inside of the compiler.
 *
 * embedded.c is made from them by embed.sh. */
#ifndef GRAFT_EMBEDDED_H
#define GRAFT_EMBEDDED_H

#include <stddef.h>

struct GraftEmbedded {
    const char *name; /* of the file without .yaml */
    const char *text; /* NUL-terminated */
    size_t length;    /* without the NUL */
};

extern const struct GraftEmbedded graft_embedded_backbones[]; /* sorted by name */
extern const size_t graft_n_embedded_backbones;
extern const char *const graft_embedded_backbone_names[]; /* the same names, NULL-terminated */

#endif
