/* kernel_cache.h - objects of kernels in a folder, found by all that they are made from.
 *
 * The folder only saves time: what is missing, damaged or cannot be written is no error, the kernel
 * is compiled then. Files appear whole under their names, so that any number of compilers may use
 * the folder at once. */
#ifndef GRAFT_KERNEL_CACHE_H
#define GRAFT_KERNEL_CACHE_H

#include "compiler/base/base.h"

/* What the files of the folder may have together, in bytes: an object has a few thousand. */
enum { KERNEL_CACHE_MAX = 32 << 20 };

typedef struct KernelKey {
    unsigned char bytes[16];
} KernelKey;

/* The key of something that was made from `from`, all of it. */
KernelKey kernel_cache_key(const Buf *from);
/* The object that was put there under the key. false when there is none, or the file is not what
 * was put there. */
bool kernel_cache_get(Ctx *ctx, const char *folder, const KernelKey *key, Buf *object);
/* Makes the folder where it is missing. */
void kernel_cache_put(Ctx *ctx, const char *folder, const KernelKey *key, const Buf *object);
/* Drops the files that were not used for the longest time until the rest has at most max bytes. */
void kernel_cache_trim(Ctx *ctx, const char *folder, uint64_t max);

#endif
