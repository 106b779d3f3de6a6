/* The rational-quadratic spline of spline.py on a CPU: the same numbers, each event's in one pass.
 *
 * Compiled once for float and, with DOUBLE defined, once for double (see native.py). All arrays are
 * contiguous: values, outputs and log-determinants (rows, events); parameters (rows, 3 bins - 1, events), which are
 * unnormalised widths, heights and inner derivatives. A row is worked on in short blocks of events that stay in the
 * nearest cache; no step depends on where an event lies, so that the compiler makes vector instructions of each loop.
 *
 * Every bit of the result is the same on every machine, with every compiler, and as portable.py has it: a sum has one
 * order, no multiplication is fused with an addition, and exponential and logarithm are made of plain arithmetic here,
 * since no two mathematical libraries round alike.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef DOUBLE
#define REAL double
#define BITS int64_t
#define SUFFIX _double
#define SQRT sqrt
#define MANTISSA 52
#define BIAS 1023
#define HALF_ROOT 0x3FE6A09E667F3BCD /* the bits of sqrt(1/2) */
#define LOWEST -708
#define HIGHEST 709
#define EXP_TERMS 13
#define LOG_TERMS 11
#else
#define REAL float
#define BITS int32_t
#define SUFFIX _float
#define SQRT sqrtf
#define MANTISSA 23
#define BIAS 127
#define HALF_ROOT 0x3F3504F3
#define LOWEST -87
#define HIGHEST 88
#define EXP_TERMS 7
#define LOG_TERMS 5
#endif

#define BLOCK 64
#define MAX_BINS 64
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)
#define EACH for (int i = 0; i < BLOCK; i++)

#define MIN_BIN ((REAL)1e-3)
#define MIN_DERIVATIVE ((REAL)1e-3)

typedef REAL Lane[BLOCK];

#define LOG2_E ((REAL)1.4426950408889634)
#define LN2_HIGH ((REAL)0.693359375) /* so short that its product with an exponent is exact */
#define LN2_LOW ((REAL)-2.1219444005469058e-4)
#define ROUND ((REAL)(1.5 * ((int64_t)1 << MANTISSA))) /* added and taken away, it rounds to an integer */

static inline REAL clamp(REAL x, REAL low, REAL high) { return x < low ? low : x > high ? high : x; }

/* exp(x) = 2^n exp(r), with the Taylor series of exp(r), |r| <= ln(2) / 2. */
static inline REAL exponential(REAL x)
{
    static const double factorial[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800, 479001600,
                                       6227020800};
    x = clamp(x, LOWEST, HIGHEST);
    const REAL n = (x * LOG2_E + ROUND) - ROUND, r = (x - n * LN2_HIGH) - n * LN2_LOW;
    const BITS power = ((BITS)n + BIAS) << MANTISSA;
    REAL sum = (REAL)(1 / factorial[EXP_TERMS]), scale;
    for (int k = EXP_TERMS - 1; k >= 0; k--) sum = sum * r + (REAL)(1 / factorial[k]);
    memcpy(&scale, &power, sizeof scale);
    return sum * scale;
}

/* log(2^e m) = e log(2) + 2 artanh(s), s = (m - 1) / (m + 1), with the series of artanh(s), m within sqrt(2) of 1. */
static inline REAL logarithm(REAL x)
{
    BITS bits;
    memcpy(&bits, &x, sizeof bits);
    const BITS e = (bits - HALF_ROOT) >> MANTISSA;
    bits -= e * ((BITS)1 << MANTISSA);
    REAL m;
    memcpy(&m, &bits, sizeof m);
    const REAL s = (m - 1) / (m + 1), q = s * s;
    REAL sum = (REAL)(1.0 / (2 * LOG_TERMS + 1));
    for (int k = LOG_TERMS - 1; k >= 0; k--) sum = sum * q + (REAL)(1.0 / (2 * k + 1));
    return (REAL)e * LN2_HIGH + ((REAL)e * LN2_LOW + 2 * s * sum);
}

/* Where an event lies in its spline (Durkan et al., eq. 4), for one block. */
typedef struct {
    Lane w, h, x0, y0, bin;       /* its bin: sizes, lower corner, number */
    Lane raw0, raw1, d0, d1;      /* the derivatives at both knots, unnormalised and as they are */
    Lane width[MAX_BINS], height[MAX_BINS];
} Place;

static void load(const REAL *restrict from, int count, REAL *restrict lane)
{
    memcpy(lane, from, count * sizeof(REAL));
    for (int i = count; i < BLOCK; i++) lane[i] = 0;
}

/* Softmax over the bins, as sizes that add up to `span`. */
static void sizes(const REAL *raw, long stride, int bins, REAL span, int count, Lane *restrict size)
{
    Lane top, total;
    for (int k = 0; k < bins; k++) load(raw + k * stride, count, size[k]);
    EACH top[i] = size[0][i];
    for (int k = 1; k < bins; k++) EACH top[i] = size[k][i] > top[i] ? size[k][i] : top[i];
    EACH total[i] = 0;
    for (int k = 0; k < bins; k++) EACH {
        size[k][i] = exponential(size[k][i] - top[i]);
        total[i] += size[k][i];
    }
    EACH total[i] = span * (1 - MIN_BIN * bins) / total[i];
    for (int k = 0; k < bins; k++) EACH size[k][i] = size[k][i] * total[i] + span * MIN_BIN;
}

/* The bin in which each value lies. */
static void find(const Lane *restrict size, int bins, REAL bound, const REAL *restrict value, REAL *restrict start,
                 REAL *restrict length, REAL *restrict bin)
{
    Lane end;
    EACH { start[i] = -bound; length[i] = size[0][i]; end[i] = size[0][i] - bound; bin[i] = 0; }
    for (int k = 1; k < bins; k++) EACH {
        int past = value[i] >= end[i];
        start[i] = past ? end[i] : start[i];
        length[i] = past ? size[k][i] : length[i];
        bin[i] = past ? k : bin[i];
        end[i] += size[k][i];
    }
}

/* Start and length of a known bin. */
static void look_up(const Lane *restrict size, int bins, REAL bound, const REAL *restrict bin, REAL *restrict start,
                    REAL *restrict length)
{
    EACH { start[i] = -bound; length[i] = size[0][i]; }
    for (int k = 1; k < bins; k++) EACH {
        start[i] += k <= bin[i] ? size[k - 1][i] : 0;
        length[i] = k == bin[i] ? size[k][i] : length[i];
    }
}

static inline REAL softplus(REAL x) { return (x > 0 ? x : 0) + logarithm(1 + exponential(x > 0 ? -x : x)); }

/* Everything about the bins of a block of values, which are found along x, or along y for the inverse. */
static void locate(const REAL *parameters, long stride, int bins, REAL bound, REAL edge, int count, int inverse,
                   const REAL *restrict value, Place *restrict at)
{
    sizes(parameters, stride, bins, 2 * bound, count, at->width);
    sizes(parameters + bins * stride, stride, bins, 2 * bound, count, at->height);
    if (inverse) {
        find(at->height, bins, bound, value, at->y0, at->h, at->bin);
        look_up(at->width, bins, bound, at->bin, at->x0, at->w);
    } else {
        find(at->width, bins, bound, value, at->x0, at->w, at->bin);
        look_up(at->height, bins, bound, at->bin, at->y0, at->h);
    }
    EACH at->raw0[i] = at->raw1[i] = edge;
    for (int k = 0; k < bins - 1; k++) {
        Lane raw;
        load(parameters + (2 * bins + k) * stride, count, raw);
        EACH {
            at->raw0[i] = at->bin[i] == k + 1 ? raw[i] : at->raw0[i];
            at->raw1[i] = at->bin[i] == k ? raw[i] : at->raw1[i];
        }
    }
    EACH {
        at->d0[i] = softplus(at->raw0[i]) + MIN_DERIVATIVE;
        at->d1[i] = softplus(at->raw1[i]) + MIN_DERIVATIVE;
    }
}

void NAME(forward)(long rows, long events, int bins, double bound_, double edge, const REAL *x,
                   const REAL *parameters, REAL *y, REAL *log_determinant)
{
    const REAL bound = bound_;
    Place at;
    for (long row = 0; row < rows; row++)
        for (long from = 0; from < events; from += BLOCK) {
            const int count = events - from < BLOCK ? events - from : BLOCK;
            const long here = row * events + from;
            Lane in, value, out, log_det;
            load(x + here, count, in);
            EACH value[i] = clamp(in[i], -bound, bound);
            locate(parameters + row * (3 * bins - 1) * events + from, events, bins, bound, edge, count, 0, value, &at);
            EACH {
                const REAL s = at.h[i] / at.w[i], d0 = at.d0[i], d1 = at.d1[i];
                const REAL t = clamp((value[i] - at.x0[i]) / at.w[i], 0, 1), u = 1 - t, a = t * u;
                const REAL denominator = s + (d0 + d1 - 2 * s) * a;
                const REAL slope = d1 * t * t + 2 * s * a + d0 * u * u;
                const int inside = in[i] >= -bound && in[i] <= bound;
                const REAL ratio = s / denominator;
                out[i] = inside ? at.y0[i] + at.h[i] * (s * t * t + d0 * a) / denominator : in[i];
                log_det[i] = inside ? logarithm(ratio * ratio * slope) : 0;
            }
            memcpy(y + here, out, count * sizeof(REAL));
            memcpy(log_determinant + here, log_det, count * sizeof(REAL));
        }
}

void NAME(inverse)(long rows, long events, int bins, double bound_, double edge, const REAL *y,
                   const REAL *parameters, REAL *x, REAL *log_determinant)
{
    const REAL bound = bound_;
    Place at;
    for (long row = 0; row < rows; row++)
        for (long from = 0; from < events; from += BLOCK) {
            const int count = events - from < BLOCK ? events - from : BLOCK;
            const long here = row * events + from;
            Lane in, value, out, log_det;
            load(y + here, count, in);
            EACH value[i] = clamp(in[i], -bound, bound);
            locate(parameters + row * (3 * bins - 1) * events + from, events, bins, bound, edge, count, 1, value, &at);
            EACH {
                const REAL h = at.h[i], s = h / at.w[i], d0 = at.d0[i], d1 = at.d1[i];
                const REAL rise = value[i] - at.y0[i], curvature = d0 + d1 - 2 * s;
                const REAL a2 = h * (s - d0) + rise * curvature, b = h * d0 - rise * curvature, c = -s * rise;
                const REAL discriminant = b * b - 4 * a2 * c;
                const REAL root = SQRT(discriminant > 0 ? discriminant : 0); /* rounding makes it negative */
                const REAL first = clamp(2 * c / (-b - root), 0, 1), a1 = first * (1 - first);
                /* one Newton step on y takes away what the discriminant's rounding left */
                const REAL d = s + curvature * a1, miss = h * (s * first * first + d0 * a1) / d - rise;
                const REAL steep = h * s * (d1 * first * first + 2 * s * a1 + d0 * (1 - first) * (1 - first)) / (d * d);
                const REAL t = clamp(first - miss / steep, 0, 1), u = 1 - t, a = t * u;
                const REAL denominator = s + curvature * a;
                const REAL slope = d1 * t * t + 2 * s * a + d0 * u * u;
                const int inside = in[i] >= -bound && in[i] <= bound;
                const REAL ratio = s / denominator;
                out[i] = inside ? at.x0[i] + t * at.w[i] : in[i];
                log_det[i] = inside ? -logarithm(ratio * ratio * slope) : 0;
            }
            memcpy(x + here, out, count * sizeof(REAL));
            memcpy(log_determinant + here, log_det, count * sizeof(REAL));
        }
}

/* Derivative of a sum over sizes, through the softmax behind them: `start` and `length` are the derivatives with
 * respect to the start and the length of the event's bin. */
static void through_softmax(const Lane *restrict size, int bins, REAL bound, const REAL *restrict bin,
                            const REAL *restrict where, const REAL *restrict length, const REAL *restrict by_start,
                            const REAL *restrict by_length, int count, long stride, REAL *restrict result)
{
    const REAL least = 2 * bound * MIN_BIN, spread = 2 * bound * (1 - MIN_BIN * bins);
    Lane mean, one;
    EACH mean[i] = (by_start[i] * (where[i] + bound - bin[i] * least) + by_length[i] * (length[i] - least)) / spread;
    for (int k = 0; k < bins; k++) {
        EACH {
            const REAL mine = k < bin[i] ? by_start[i] : k == bin[i] ? by_length[i] : 0;
            one[i] = (size[k][i] - least) * (mine - mean[i]);
        }
        memcpy(result + k * stride, one, count * sizeof(REAL));
    }
}

void NAME(backward)(long rows, long events, int bins, double bound_, double edge, const REAL *x,
                    const REAL *parameters, const REAL *by_y, const REAL *by_log_determinant, REAL *by_x,
                    REAL *by_parameters)
{
    const REAL bound = bound_;
    Place at;
    for (long row = 0; row < rows; row++)
        for (long from = 0; from < events; from += BLOCK) {
            const int count = events - from < BLOCK ? events - from : BLOCK;
            const long here = row * events + from, there = row * (3 * bins - 1) * events + from;
            Lane in, value, gy, gl, gx, gx0, gy0, gw, gh, g0, g1;
            load(x + here, count, in);
            load(by_y + here, count, gy);
            load(by_log_determinant + here, count, gl);
            EACH value[i] = clamp(in[i], -bound, bound);
            locate(parameters + there, events, bins, bound, edge, count, 0, value, &at);
            EACH {
                const REAL h = at.h[i], w = at.w[i], s = h / w, d0 = at.d0[i], d1 = at.d1[i];
                const REAL t = clamp((value[i] - at.x0[i]) / w, 0, 1), u = 1 - t, a = t * u, v = 1 - 2 * a;
                const REAL curvature = d0 + d1 - 2 * s, denominator = s + curvature * a;
                const REAL numerator = s * t * t + d0 * a, slope = d1 * t * t + 2 * s * a + d0 * u * u;
                const int inside = in[i] >= -bound && in[i] <= bound;
                const REAL y_ = inside ? gy[i] : 0, l_ = inside ? gl[i] : 0;
                /* y = y0 + h numerator / denominator; l = 2 log s + log slope - 2 log denominator */
                const REAL q = y_ * h / (denominator * denominator);
                const REAL by_slope = l_ / slope, by_denominator = 2 * l_ / denominator;
                const REAL by_t = q * s * slope + 2 * by_slope * (d1 * t + s * (u - t) - d0 * u)
                                - by_denominator * curvature * (u - t);
                const REAL by_s = q * (t * t * denominator - numerator * v) + 2 * l_ / s + 2 * a * by_slope
                                - by_denominator * v;
                const REAL by_d0 = q * a * (denominator - numerator) + u * u * by_slope - by_denominator * a;
                const REAL by_d1 = -q * a * numerator + t * t * by_slope - by_denominator * a;
                gh[i] = y_ * numerator / denominator + by_s / w;
                gw[i] = -(by_s * s + by_t * t) / w;
                gx0[i] = -by_t / w;
                gy0[i] = y_;
                gx[i] = inside ? by_t / w : gy[i];
                /* softplus' = the logistic function; at both ends the derivative is fixed, and no parameter moves it */
                g0[i] = by_d0 / (1 + exponential(-at.raw0[i]));
                g1[i] = by_d1 / (1 + exponential(-at.raw1[i]));
            }
            memcpy(by_x + here, gx, count * sizeof(REAL));
            REAL *result = by_parameters + there;
            through_softmax(at.width, bins, bound, at.bin, at.x0, at.w, gx0, gw, count, events, result);
            result += bins * events;
            through_softmax(at.height, bins, bound, at.bin, at.y0, at.h, gy0, gh, count, events, result);
            result += bins * events;
            for (int k = 0; k < bins - 1; k++) {
                Lane one;
                EACH one[i] = (at.bin[i] == k + 1 ? g0[i] : 0) + (at.bin[i] == k ? g1[i] : 0);
                memcpy(result + k * events, one, count * sizeof(REAL));
            }
        }
}
