/* libm.h - the functions of libm that kernels call, defined anew for both sides of the comparison:
 * each C library has last bits of its own for them, but rounds doubles to the same floats. */
#include <math.h>

float expf(float x);
float logf(float x);
float tanhf(float x);

float expf(float x)
{
    return (float)exp((double)x);
}

float logf(float x)
{
    return (float)log((double)x);
}

float tanhf(float x)
{
    return (float)tanh((double)x);
}
