/* json_write.h - writes JSON, indented, item by item. */
#ifndef GRAFT_JSON_WRITE_H
#define GRAFT_JSON_WRITE_H

#include "compiler/base/base.h"

typedef struct Json {
    Buf *out;
    int depth;
    bool filled; /* something stands in the innermost brackets */
} Json;

/* key NULL: an item of a list, or the whole. bracket: "{" or "["; close takes the other one. */
void json_open(Json *j, const char *key, const char *bracket);
void json_close(Json *j, const char *bracket);
void json_string(Json *j, const char *key, const char *text);
void json_number(Json *j, const char *key, double value);
/* text is JSON. */
void json_raw(Json *j, const char *key, const char *text);

#endif
