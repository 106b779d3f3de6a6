/* Masked autoregressive spline flows on a CPU: nflows' residual networks of rectifiers (made.py) and the splines behind
 * them (spline.c), all layers of a block of events at once, so that what passes between them stays in the cache.
 *
 * Compiled once for float and, with DOUBLE defined, once for double (see native.py), with products fused with additions
 * where the processor can. Hidden units stand in the order of their degrees: what a unit depends on is then the first
 * so many of a layer's inputs (`limit`), and what depends on an input are the outputs from some one on (`start`); the
 * rest of the products, about four in ten, is left out. Weights are packed by groups of ROWS outputs, (group, input,
 * ROWS). Activations have the shape (units, WIDTH): WIDTH events of one member, the last block's filled with copies of
 * its last event, which no derivative reaches.
 *
 * Each member's events are cut into parts, whatever the number of threads. A part's derivatives are summed in the order
 * of its events, and then those of the parts: threads and members beside it change no bit. Nor does the width of the
 * processor's vectors: sums over events are those of STRIPE lanes, whether or not one register holds as many.
 */
#include <string.h>

#ifdef DOUBLE
#define REAL double
#define SUFFIX _double
#else
#define REAL float
#define SUFFIX _float
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

#ifndef BYTES /* of a vector register */
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#endif
#if BYTES == 64
#define VECTORS 4 /* times ROWS: sums that are kept in registers */
#define COLUMNS 4
#else
#define VECTORS 2
#define COLUMNS 2
#endif
#define ROWS 4
#define WIDTH 64
#define TOGETHER 8 /* blocks of events over which derivatives by weights are summed in registers */
#define LANES ((int)(BYTES / sizeof(REAL)))
#define STRIPE ((int)(64 / sizeof(REAL)))

#if !defined(DOUBLE) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLED
#define N (BYTES / 4)
#if BYTES == 64
#define MIXED(a, b, from) __builtin_shufflevector(a, b, from(0), from(4), from(8), from(12))
#elif BYTES == 32
#define MIXED(a, b, from) __builtin_shufflevector(a, b, from(0), from(4))
#else
#define MIXED(a, b, from) __builtin_shufflevector(a, b, from(0))
#endif
#endif
#endif

typedef REAL Vector __attribute__((vector_size(BYTES)));
typedef REAL Loose __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias)); /* at any address */

static inline Vector load(const REAL *from) { return *(const Loose *)from; }
static inline void store(REAL *to, Vector value) { *(Loose *)to = value; }

/* As compiled.py has it. Sizes of layers are rounded up to whole groups. */
typedef struct {
    long members, events, layers, features, contexts, units, blocks, bins, parts;
    long feature_rows, context_rows, outputs; /* rounded: features, contexts, parameters of a feature's spline */
    long weights, entries, kept, room; /* lengths: of a packed layer, a member's table, a layer's activations, scratch */
    double bound, edge;
    const int *order;                                      /* (layers + 1, features): what each layer reads of the one before */
    const int *initial_limit, *hidden_limit, *final_limit; /* by group of outputs */
    const int *initial_start, *hidden_start, *final_start; /* by group of inputs */
    const int *from, *to; /* place in the table of each packed weight of a member, and the other way; -1: none */
    const REAL *table;    /* (members, entries) */
    const REAL *x, *context;           /* (members, events, features), (members, events, contexts) */
    const REAL *by_y, *by_determinant; /* as x, and (members, events) */
    REAL *packed, *by_packed;          /* (members, layers, weights), (members, parts, layers, weights) */
    REAL *activations, *scratch;       /* (members, blocks of events, layers, kept), (members, parts, room) */
    REAL *y, *determinant, *by_x, *by_table;
} Flow;

void NAME(forward)(long, long, int, double, double, const REAL *, const REAL *, REAL *, REAL *);
void NAME(inverse)(long, long, int, double, double, const REAL *, const REAL *, REAL *, REAL *);
void NAME(backward)(long, long, int, double, double, const REAL *, const REAL *, const REAL *, const REAL *, REAL *,
                    REAL *);

/* out = bias + w x, or out + w x without a bias, for some groups of outputs and no more than `most` inputs. */
static void multiply(const REAL *restrict w, const REAL *restrict bias, long depth, const int *restrict limit, long first,
                     long last, long most, const REAL *restrict x, REAL *restrict out)
{
    for (long group = first; group < last; group++) {
        const REAL *own = w + group * depth * ROWS;
        REAL *result = out + group * ROWS * WIDTH;
        long count = limit ? limit[group] : depth;
        if (count > most) count = most;
        for (int at = 0; at < WIDTH; at += VECTORS * LANES) {
            Vector sum[ROWS][VECTORS];
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++)
                    sum[r][v] = bias ? bias[group * ROWS + r] - (Vector){0} : load(result + r * WIDTH + at + v * LANES);
            for (long k = 0; k < count; k++)
                for (int v = 0; v < VECTORS; v++) {
                    const Vector in = load(x + k * WIDTH + at + v * LANES);
                    for (int r = 0; r < ROWS; r++) sum[r][v] += own[k * ROWS + r] * in;
                }
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++) store(result + r * WIDTH + at + v * LANES, sum[r][v]);
        }
    }
}

/* Derivatives by a layer's inputs: the transposed product, added where `add` says so. */
static void transposed(const REAL *restrict w, long depth, long rows, const int *restrict start, long inputs,
                       const REAL *restrict by_out, REAL *restrict by_x, int add)
{
    for (long k = 0; k < inputs; k += ROWS)
        for (int at = 0; at < WIDTH; at += VECTORS * LANES) {
            Vector sum[ROWS][VECTORS];
            for (int c = 0; c < ROWS; c++)
                for (int v = 0; v < VECTORS; v++)
                    sum[c][v] = add ? load(by_x + (k + c) * WIDTH + at + v * LANES) : (Vector){0};
            for (long group = start[k / ROWS]; group < rows / ROWS; group++) {
                const REAL *own = w + (group * depth + k) * ROWS, *by = by_out + group * ROWS * WIDTH + at;
                for (int r = 0; r < ROWS; r++)
                    for (int v = 0; v < VECTORS; v++) {
                        const Vector in = load(by + r * WIDTH + v * LANES);
                        for (int c = 0; c < ROWS; c++) sum[c][v] += own[c * ROWS + r] * in;
                    }
            }
            for (int c = 0; c < ROWS; c++)
                for (int v = 0; v < VECTORS; v++) store(by_x + (k + c) * WIDTH + at + v * LANES, sum[c][v]);
        }
}

/* Add the sums of ROWS vectors to as many numbers: four lanes at a time, and in single precision (0 + 2) + (1 + 3). */
#ifdef SHUFFLED
#define LOW(at) at, at + N, at + 1, at + 1 + N
#define HIGH(at) at + 2, at + 2 + N, at + 3, at + 3 + N
#define FIRST(at) at, at + 1, at + N, at + 1 + N
#define SECOND(at) at + 2, at + 3, at + 2 + N, at + 3 + N
static inline void add_sums(const Vector *sum, REAL *restrict to)
{
    const Vector a = MIXED(sum[0], sum[1], LOW) + MIXED(sum[0], sum[1], HIGH);
    const Vector b = MIXED(sum[2], sum[3], LOW) + MIXED(sum[2], sum[3], HIGH);
    REAL all[N];
    store(all, MIXED(a, b, FIRST) + MIXED(a, b, SECOND)); /* four numbers, N / 4 times */
    for (int at = 0; at < N; at += ROWS)
        for (int r = 0; r < ROWS; r++) to[r] += all[at + r];
}
#else
static inline void add_sums(const Vector *sum, REAL *restrict to)
{
    for (int r = 0; r < ROWS; r++) {
        REAL lane[LANES];
        store(lane, sum[r]);
#ifdef DOUBLE
        for (int i = 0; i < LANES; i++) to[r] += lane[i];
#else
        for (int i = 0; i < LANES; i += 4) to[r] += (lane[i] + lane[i + 2]) + (lane[i + 1] + lane[i + 3]);
#endif
    }
}
#endif

/* Add the derivatives by a layer's weights and bias, of some blocks of events that lie so far apart. */
static void by_weights(long depth, long rows, const int *restrict limit, long count, const REAL *restrict by_out,
                       long out_step, const REAL *restrict x, long x_step, REAL *restrict by_w, REAL *restrict by_bias)
{
    for (long group = 0; group < rows / ROWS; group++) {
        const REAL *by = by_out + group * ROWS * WIDTH;
        const long last = limit ? limit[group] : depth;
        for (int lane = 0; lane < STRIPE; lane += LANES) {
            for (long k = 0; k < last; k += COLUMNS) {
                Vector sum[COLUMNS][ROWS];
                for (int c = 0; c < COLUMNS; c++)
                    for (int r = 0; r < ROWS; r++) sum[c][r] = (Vector){0};
                for (long block = 0; block < count; block++) {
                    const REAL *g = by + block * out_step, *in = x + block * x_step + k * WIDTH;
                    for (int at = lane; at < WIDTH; at += STRIPE) {
                        Vector own[ROWS];
                        for (int r = 0; r < ROWS; r++) own[r] = load(g + r * WIDTH + at);
                        for (int c = 0; c < COLUMNS; c++) {
                            const Vector each = load(in + c * WIDTH + at);
                            for (int r = 0; r < ROWS; r++) sum[c][r] += each * own[r];
                        }
                    }
                }
                for (int c = 0; c < COLUMNS; c++) add_sums(sum[c], by_w + (group * depth + k + c) * ROWS);
            }
            Vector sum[ROWS];
            for (int r = 0; r < ROWS; r++) sum[r] = (Vector){0};
            for (long block = 0; block < count; block++)
                for (int at = lane; at < WIDTH; at += STRIPE)
                    for (int r = 0; r < ROWS; r++) sum[r] += load(by + block * out_step + r * WIDTH + at);
            add_sums(sum, by_bias + group * ROWS);
        }
    }
}

/* Both comparisons let NaN through: a loss that is not finite is found out by the training. */
static void rectify(const REAL *x, REAL *out, long length)
{
    for (long i = 0; i < length; i++) out[i] = x[i] < 0 ? 0 : x[i];
}

static void stop(REAL *restrict by, const REAL *restrict rectified, long length)
{
    for (long i = 0; i < length; i++) by[i] = rectified[i] <= 0 ? 0 : by[i];
}

/* The weights of a layer, each followed by its bias. */
typedef struct {
    REAL *initial, *context, *blocks, *final;
} Layer;

static long of_context(const Flow *f) { return f->contexts ? f->units * (f->context_rows + 1) : 0; }

static Layer layer_of(const Flow *f, REAL *weights)
{
    Layer at;
    at.initial = weights;
    at.context = at.initial + f->units * (f->feature_rows + 1);
    at.blocks = at.context + of_context(f);
    at.final = at.blocks + f->blocks * (2 * f->units * (f->units + 1) + of_context(f));
    return at;
}

/* The first and the second layer of a residual block, and that of its context. */
static Layer block_of(const Flow *f, Layer layer, long block)
{
    Layer at;
    at.initial = layer.blocks + block * (2 * f->units * (f->units + 1) + of_context(f));
    at.context = at.initial + f->units * (f->units + 1);
    at.final = at.context + of_context(f);
    return at;
}

/* What a layer keeps of a block of events, in this order: x, what each residual block's layers read, what the last
 * layer reads, the parameters of the splines. */
static REAL *read_by(const Flow *f, REAL *kept, long layer) { return kept + (f->feature_rows + layer * f->units) * WIDTH; }

/* Compute some groups of hidden units in every layer, given `known` units and features before them. */
static void advance(const Flow *f, Layer w, REAL *kept, const REAL *context, long first, long last, long known_features,
                    long known, REAL *seen)
{
    const long depth = f->units, from = first * ROWS * WIDTH, length = (last - first) * ROWS * WIDTH;
    REAL *hidden = read_by(f, kept, 2 * f->blocks);
    multiply(w.initial, w.initial + depth * f->feature_rows, f->feature_rows, f->initial_limit, first, last,
             known_features, kept, hidden);
    if (f->contexts) {
        multiply(w.context, w.context + depth * f->context_rows, f->context_rows, 0, first, last, f->context_rows,
                 context, seen);
        rectify(seen + from, seen + from, length);
        for (long i = from; i < from + length; i++) hidden[i] += seen[i];
    }
    for (long block = 0; block < f->blocks; block++) {
        const Layer own = block_of(f, w, block);
        REAL *outer = read_by(f, kept, 2 * block), *inner = read_by(f, kept, 2 * block + 1);
        rectify(hidden + from, outer + from, length);
        multiply(own.initial, own.initial + depth * depth, depth, f->hidden_limit, first, last, known, outer, inner);
        if (f->contexts) {
            multiply(own.context, own.context + depth * f->context_rows, f->context_rows, 0, first, last,
                     f->context_rows, context, seen);
            for (long i = from; i < from + length; i++) inner[i] += seen[i];
        }
        rectify(inner + from, inner + from, length);
        const REAL *bias = own.final + depth * depth;
        for (long r = first * ROWS; r < last * ROWS; r++)
            for (int i = 0; i < WIDTH; i++) hidden[r * WIDTH + i] += bias[r];
        multiply(own.final, 0, depth, f->hidden_limit, first, last, known, inner, hidden);
    }
}

/* The parameters of one feature's spline. */
static REAL *splines(const Flow *f, Layer w, REAL *kept, long feature)
{
    REAL *parameters = read_by(f, kept, 2 * f->blocks + 1);
    const long groups = f->outputs / ROWS;
    multiply(w.final, w.final + f->features * f->outputs * f->units, f->units, f->final_limit, feature * groups,
             (feature + 1) * groups, f->units, read_by(f, kept, 2 * f->blocks), parameters);
    return parameters + feature * f->outputs * WIDTH;
}

/* Read a block of events, (events, columns), as rows of columns. */
static void take(const REAL *from, long events, long columns, long rows, long at, REAL *to)
{
    for (long c = 0; c < rows; c++)
        for (long i = 0; i < WIDTH; i++) {
            const long event = at + i < events ? at + i : events - 1;
            to[c * WIDTH + i] = c < columns ? from[event * columns + c] : 0;
        }
}

static void give(const REAL *from, long events, long columns, const int *order, long at, REAL *to)
{
    for (long i = 0; i < WIDTH && at + i < events; i++)
        for (long c = 0; c < columns; c++)
            to[(at + i) * columns + c] = from[(order ? order[c] : c) * WIDTH + i];
}

/* The blocks of events of a part. */
static void share(const Flow *f, long part, long *first, long *last)
{
    const long all = (f->events + WIDTH - 1) / WIDTH;
    *first = all * part / f->parts;
    *last = all * (part + 1) / f->parts;
}

void NAME(flow_forward)(const Flow *f, long begin, long end)
{
    for (long task = begin; task < end; task++) {
        const long member = task / f->parts, all = (f->events + WIDTH - 1) / WIDTH;
        long first, last;
        share(f, task % f->parts, &first, &last);
        REAL *spare = f->scratch + task * f->room;
        REAL *seen = spare + f->kept, *context = seen + f->units * WIDTH;
        REAL *y = context + f->context_rows * WIDTH, *log_det = y + f->feature_rows * WIDTH;
        for (long block = first; block < last; block++) {
            const long at = block * WIDTH;
            REAL sum[WIDTH] = {0};
            take(f->x + member * f->events * f->features, f->events, f->features, f->feature_rows, at, y);
            take(f->context + member * f->events * f->contexts, f->events, f->contexts, f->context_rows, at, context);
            for (long layer = 0; layer < f->layers; layer++) {
                const Layer w = layer_of(f, f->packed + (member * f->layers + layer) * f->weights);
                const int *order = f->order + layer * f->features;
                REAL *kept = f->activations ? f->activations + ((member * all + block) * f->layers + layer) * f->kept : spare;
                for (long d = 0; d < f->feature_rows; d++)
                    memcpy(kept + d * WIDTH, y + (d < f->features ? order[d] : d) * WIDTH, sizeof sum);
                advance(f, w, kept, context, 0, f->units / ROWS, f->features, f->units, seen);
                for (long d = 0; d < f->features; d++) {
                    const REAL *parameters = splines(f, w, kept, d);
                    NAME(forward)(1, WIDTH, f->bins, f->bound, f->edge, kept + d * WIDTH, parameters, y + d * WIDTH, log_det);
                    for (int i = 0; i < WIDTH; i++) sum[i] += log_det[i];
                }
            }
            give(y, f->events, f->features, f->order + f->layers * f->features, at, f->y + member * f->events * f->features);
            give(sum, f->events, 1, 0, at, f->determinant + member * f->events);
        }
    }
}

/* Invert a single layer: each hidden unit is computed as soon as the features that it depends on are there. */
void NAME(flow_inverse)(const Flow *f, long begin, long end)
{
    for (long task = begin; task < end; task++) {
        const long member = task / f->parts;
        long first, last;
        share(f, task % f->parts, &first, &last);
        REAL *kept = f->scratch + task * f->room;
        REAL *seen = kept + f->kept, *context = seen + f->units * WIDTH;
        REAL *y = context + f->context_rows * WIDTH, *log_det = y + f->feature_rows * WIDTH;
        const Layer w = layer_of(f, f->packed + member * f->weights);
        for (long block = first; block < last; block++) {
            const long at = block * WIDTH;
            long done = 0;
            REAL sum[WIDTH] = {0};
            take(f->x + member * f->events * f->features, f->events, f->features, f->feature_rows, at, y);
            take(f->context + member * f->events * f->contexts, f->events, f->contexts, f->context_rows, at, context);
            for (long d = 0; d < f->features; d++) {
                const long ready = f->final_limit[d * f->outputs / ROWS];
                if (ready > done) /* a group that was not whole is computed again */
                    advance(f, w, kept, context, done / ROWS, (ready + ROWS - 1) / ROWS, d, ready, seen);
                done = ready;
                const REAL *parameters = splines(f, w, kept, d);
                NAME(inverse)(1, WIDTH, f->bins, f->bound, f->edge, y + d * WIDTH, parameters, kept + d * WIDTH, log_det);
                for (int i = 0; i < WIDTH; i++) sum[i] += log_det[i];
            }
            give(kept, f->events, f->features, 0, at, f->y + member * f->events * f->features);
            give(sum, f->events, 1, 0, at, f->determinant + member * f->events);
        }
    }
}

/* The derivatives of one layer over some blocks of events; those by its outputs become those by its inputs. */
static void backward_layer(const Flow *f, Layer w, Layer by, REAL *kept, long step, long count, const REAL *context,
                           const REAL *by_determinant, REAL *by_x, REAL *room)
{
    const long depth = f->units, size = depth * WIDTH, outputs = f->features * f->outputs, wide = outputs * WIDTH;
    const long slim = f->feature_rows * WIDTH, given = f->context_rows * WIDTH;
    REAL *by_outputs = room, *by_hidden = by_outputs + TOGETHER * wide, *by_inner = by_hidden + TOGETHER * size;
    for (long b = 0; b < count; b++)
        for (long d = 0; d < f->features; d++) {
            REAL own[WIDTH], *result = by_outputs + b * wide + d * f->outputs * WIDTH;
            memcpy(own, by_x + b * slim + d * WIDTH, sizeof own);
            NAME(backward)(1, WIDTH, f->bins, f->bound, f->edge, kept + b * step + d * WIDTH,
                           read_by(f, kept + b * step, 2 * f->blocks + 1) + d * f->outputs * WIDTH, own,
                           by_determinant + b * WIDTH, by_x + b * slim + d * WIDTH, result);
            const long used = (3 * f->bins - 1) * WIDTH;
            memset(result + used, 0, (f->outputs * WIDTH - used) * sizeof(REAL));
        }
    by_weights(depth, outputs, f->final_limit, count, by_outputs, wide, read_by(f, kept, 2 * f->blocks), step, by.final,
               by.final + outputs * depth);
    for (long b = 0; b < count; b++)
        transposed(w.final, depth, outputs, f->final_start, depth, by_outputs + b * wide, by_hidden + b * size, 0);
    REAL *aside = by_outputs; /* which is used up */
    for (long block = f->blocks - 1; block >= 0; block--) {
        const Layer own = block_of(f, w, block), by_own = block_of(f, by, block);
        REAL *outer = read_by(f, kept, 2 * block), *inner = read_by(f, kept, 2 * block + 1);
        for (long b = 0; b < count; b++) {
            transposed(own.final, depth, depth, f->hidden_start, depth, by_hidden + b * size, by_inner + b * size, 0);
            stop(by_inner + b * size, inner + b * step, size);
        }
        by_weights(depth, depth, f->hidden_limit, count, by_hidden, size, inner, step, by_own.final,
                   by_own.final + depth * depth);
        by_weights(depth, depth, f->hidden_limit, count, by_inner, size, outer, step, by_own.initial,
                   by_own.initial + depth * depth);
        if (f->contexts)
            by_weights(f->context_rows, depth, 0, count, by_inner, size, context, given, by_own.context,
                       by_own.context + depth * f->context_rows);
        for (long b = 0; b < count; b++) {
            transposed(own.initial, depth, depth, f->hidden_start, depth, by_inner + b * size, aside, 0);
            stop(aside, outer + b * step, size);
            for (long i = 0; i < size; i++) by_hidden[b * size + i] += aside[i];
        }
    }
    if (f->contexts) {
        memcpy(by_inner, by_hidden, count * size * sizeof(REAL));
        for (long b = 0; b < count; b++) {
            multiply(w.context, w.context + depth * f->context_rows, f->context_rows, 0, 0, depth / ROWS,
                     f->context_rows, context + b * given, aside);
            stop(by_inner + b * size, aside, size);
        }
        by_weights(f->context_rows, depth, 0, count, by_inner, size, context, given, by.context,
                   by.context + depth * f->context_rows);
    }
    by_weights(f->feature_rows, depth, f->initial_limit, count, by_hidden, size, kept, step, by.initial,
               by.initial + depth * f->feature_rows);
    for (long b = 0; b < count; b++)
        transposed(w.initial, f->feature_rows, depth, f->initial_start, f->feature_rows, by_hidden + b * size,
                   by_x + b * slim, 1);
}

void NAME(flow_backward)(const Flow *f, long begin, long end)
{
    const long slim = f->feature_rows * WIDTH, given = f->context_rows * WIDTH, all = (f->events + WIDTH - 1) / WIDTH;
    for (long task = begin; task < end; task++) {
        const long member = task / f->parts;
        long first, last;
        share(f, task % f->parts, &first, &last);
        REAL *by_x = f->scratch + task * f->room, *by_y = by_x + TOGETHER * slim;
        REAL *context = by_y + TOGETHER * slim, *by_determinant = context + TOGETHER * given;
        REAL *room = by_determinant + TOGETHER * WIDTH, *result = f->by_packed + task * f->layers * f->weights;
        memset(result, 0, f->layers * f->weights * sizeof(REAL));
        for (long start = first; start < last; start += TOGETHER) {
            const long count = last - start < TOGETHER ? last - start : TOGETHER;
            for (long b = 0; b < count; b++) {
                const long at = (start + b) * WIDTH;
                take(f->by_y + member * f->events * f->features, f->events, f->features, f->feature_rows, at, by_x + b * slim);
                take(f->by_determinant + member * f->events, f->events, 1, 1, at, by_determinant + b * WIDTH);
                take(f->context + member * f->events * f->contexts, f->events, f->contexts, f->context_rows, at,
                     context + b * given);
                for (long i = f->events - at; i < WIDTH; i++) { /* copies of the last event */
                    for (long d = 0; d < f->features; d++) by_x[b * slim + d * WIDTH + i] = 0;
                    by_determinant[b * WIDTH + i] = 0;
                }
            }
            for (long layer = f->layers; layer >= 0; layer--) {
                if (layer < f->layers)
                    backward_layer(f, layer_of(f, f->packed + (member * f->layers + layer) * f->weights),
                                   layer_of(f, result + layer * f->weights),
                                   f->activations + ((member * all + start) * f->layers + layer) * f->kept,
                                   f->layers * f->kept, count, context, by_determinant, by_x, room);
                memcpy(by_y, by_x, count * slim * sizeof(REAL));
                for (long b = 0; b < count; b++)
                    for (long d = 0; d < f->features; d++)
                        memcpy(by_x + b * slim + f->order[layer * f->features + d] * WIDTH, by_y + b * slim + d * WIDTH,
                               WIDTH * sizeof(REAL));
            }
            for (long b = 0; b < count; b++)
                give(by_x + b * slim, f->events, f->features, 0, (start + b) * WIDTH, f->by_x + member * f->events * f->features);
        }
    }
}

/* Pack the weights of some members. */
void NAME(flow_pack)(const Flow *f, long begin, long end)
{
    const long length = f->layers * f->weights;
    for (long member = begin; member < end; member++) {
        const REAL *restrict table = f->table + member * f->entries;
        REAL *restrict packed = f->packed + member * length;
        for (long i = 0; i < length; i++) packed[i] = f->from[i] < 0 ? 0 : table[f->from[i]];
    }
}

/* Add up the derivatives of all parts, and put them where the weights came from. */
void NAME(flow_unpack)(const Flow *f, long begin, long end)
{
    const long length = f->layers * f->weights;
    for (long member = begin; member < end; member++) {
        REAL *restrict sum = f->by_packed + member * f->parts * length;
        REAL *restrict by_table = f->by_table + member * f->entries;
        for (long part = 1; part < f->parts; part++)
            for (long i = 0; i < length; i++) sum[i] += sum[part * length + i];
        for (long i = 0; i < f->entries; i++) by_table[i] = f->to[i] < 0 ? 0 : sum[f->to[i]];
    }
}
