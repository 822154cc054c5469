/* A backend in C: the linear layer, all activations and losses, with their gradients.
 *
 *     refinr oracle export cases
 *     cc -O2 -o backend examples/backend.c -lm            (-DREAL=double for float64)
 *     mkdir answers && ./backend cases answers
 *     refinr oracle compare answers --cases cases --families layers,activations,losses
 *
 * It reads the cases' tables and tensors, and writes a safetensors file for every case whose operation it has:
 * docs/oracle-format.md has both formats.  Everything is computed in REAL.  Needs nothing but the C library, and a
 * machine that is little-endian, as nearly every one is.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>
#undef I /* the imaginary unit; here it is the number of inputs of a layer */

#ifndef REAL
#define REAL float
#endif

#define AXES 4
#define TENSORS 8

typedef struct {
    char name[32];
    int axes;
    size_t shape[AXES];
    size_t count;
    REAL *data;
} Tensor;

typedef struct {
    const char *folder, *name, *options;
    int inputs, outputs;
    Tensor input[TENSORS], output[TENSORS];
} Call;

static void fail(const char *what, const char *which) {
    fprintf(stderr, "%s: %s\n", which, what);
    exit(2);
}

static FILE *open_file(const char *folder, const char *name, const char *mode) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    if (!file) fail("cannot be opened", path);
    return file;
}

static REAL *numbers(size_t count) {
    REAL *data = calloc(count ? count : 1, sizeof *data);
    if (!data) fail("no memory", "numbers");
    return data;
}

/* ---- in: tables and tensors ------------------------------------------------------------------------------------- */

static Tensor *input(Call *call, const char *name) {
    for (int i = 0; i < call->inputs; i++)
        if (!strcmp(call->input[i].name, name)) return &call->input[i];
    fail("an input is missing", name);
    return NULL;
}

static REAL option(const Call *call, const char *name) {
    const char *at = strstr(call->options, name);
    if (!at) fail("an option is missing", name);
    at += strlen(name) + 1;
    return (REAL)(strncmp(at, "true", 4) ? strtod(at, NULL) : 1.0);
}

/* One line of manifest.tsv, if it is an input of this case. */
static void read_input(Call *call, const char *line) {
    char name[256], role[16], shape[64], file[64], dtype[16];
    Tensor *t = &call->input[call->inputs];
    unsigned long offset, bytes;
    if (sscanf(line, "%255s %15s %31s %15s %63s %63s %lu %lu", name, role, t->name, dtype, shape, file, &offset,
               &bytes) != 8 || strcmp(name, call->name) || strcmp(role, "input"))
        return;
    if (strcmp(dtype, "F64")) fail("expected float64", call->name);
    t->axes = 0;
    t->count = 1;
    for (char *at = shape; *at && *at != '-';) {
        if (t->axes == AXES) fail("too many axes", call->name);
        t->count *= t->shape[t->axes++] = strtoul(at, &at, 10);
        at += *at == 'x';
    }
    t->data = numbers(t->count);
    FILE *tensors = open_file(call->folder, file, "rb");
    if (fseek(tensors, (long)offset, SEEK_SET)) fail("is cut short", file);
    for (size_t i = 0; i < t->count; i++) {
        double value;
        if (fread(&value, sizeof value, 1, tensors) != 1) fail("is cut short", file);
        t->data[i] = (REAL)value; /* exact, in every dtype that the case names */
    }
    fclose(tensors);
    if (++call->inputs == TENSORS) fail("too many inputs", call->name);
}

/* ---- out: a safetensors file ------------------------------------------------------------------------------------ */

static REAL *output(Call *call, const char *name, const Tensor *like) {
    Tensor *t = &call->output[call->outputs++];
    *t = *like;
    snprintf(t->name, sizeof t->name, "%s", name);
    return t->data = numbers(t->count);
}

static void write_answer(const char *folder, const Call *call, const char *refused) {
    char header[2048], name[300];
    size_t used = 0, start = 0;
    used += snprintf(header, sizeof header, "{\"__metadata__\":{");
    if (refused) used += snprintf(header + used, sizeof header - used, "\"raised\":\"%s\"", refused);
    used += snprintf(header + used, sizeof header - used, "}");
    for (int i = 0; i < call->outputs; i++) {
        const Tensor *t = &call->output[i];
        size_t end = start + t->count * sizeof *t->data;
        used += snprintf(header + used, sizeof header - used, ",\"%s\":{\"dtype\":\"F%d\",\"shape\":[", t->name,
                         (int)(8 * sizeof *t->data));
        for (int a = 0; a < t->axes; a++)
            used += snprintf(header + used, sizeof header - used, "%s%zu", a ? "," : "", t->shape[a]);
        used += snprintf(header + used, sizeof header - used, "],\"data_offsets\":[%zu,%zu]}", start, end);
        start = end;
    }
    used += snprintf(header + used, sizeof header - used, "}");
    snprintf(name, sizeof name, "%s.safetensors", call->name);
    FILE *file = open_file(folder, name, "wb");
    uint64_t size = used;
    fwrite(&size, sizeof size, 1, file);
    fwrite(header, 1, used, file);
    for (int i = 0; i < call->outputs; i++)
        fwrite(call->output[i].data, sizeof(REAL), call->output[i].count, file);
    if (fclose(file)) fail("cannot be written", name);
}

/* ---- the operations: a reason if they refuse, else NULL --------------------------------------------------------- */

static const char *linear(Call *call) {
    const Tensor *x = input(call, "x"), *w = input(call, "w"), *b = input(call, "b"), *dy = input(call, "dy");
    size_t E = w->shape[0], I = w->shape[1], O = w->shape[2], N = x->shape[x->axes - 2];
    int shared = x->axes == 2;
    if (x->shape[x->axes - 1] != I) return "x and w have other widths";
    if ((!shared && x->shape[0] != E) || b->shape[0] != E || dy->shape[0] != E) return "other numbers of networks";
    if (dy->shape[1] != N || dy->shape[2] != O || b->shape[2] != O) return "dy or b of another shape";
    REAL *y = output(call, "y", dy), *dw = output(call, "dw", w), *db = output(call, "db", b);
    REAL *dx = output(call, "dx", x);
    for (size_t e = 0; e < E; e++)
        for (size_t n = 0; n < N; n++) {
            size_t row = shared ? n : e * N + n;
            REAL *to = y + (e * N + n) * O;
            const REAL *from = dy->data + (e * N + n) * O;
            for (size_t o = 0; o < O; o++) {
                to[o] = b->data[e * O + o];
                db[e * O + o] += from[o];
            }
            for (size_t i = 0; i < I; i++) {
                REAL in = x->data[row * I + i], sum = 0;
                const REAL *weights = w->data + (e * I + i) * O;
                REAL *gradients = dw + (e * I + i) * O;
                for (size_t o = 0; o < O; o++) {
                    to[o] += in * weights[o];
                    gradients[o] += in * from[o];
                    sum += weights[o] * from[o];
                }
                dx[row * I + i] += sum; /* of all networks, where they share x */
            }
        }
    return NULL;
}

static REAL normal(REAL z) { return (REAL)0.5 * erfc(-z * (REAL)0.70710678118654752440); }

static const char *activation(Call *call, const char *kind) {
    const Tensor *z = input(call, "z"), *dy = input(call, "dy");
    if (z->count != dy->count) return "z and dy of two shapes";
    int sine = !strcmp(kind, "sine"), finer = !strcmp(kind, "finer"), wire = !strcmp(kind, "wire");
    int gauss = !strcmp(kind, "gauss"), stopped = finer && option(call, "stopped") != 0;
    REAL omega = sine || finer || wire ? option(call, "omega") : 0;
    REAL scale = gauss || wire ? option(call, "scale") : 0;
    REAL *y = output(call, "y", z), *dz = output(call, "dz", z);
    for (size_t i = 0; i < z->count; i++) {
        REAL at = z->data[i], slope;
        if (sine) {
            y[i] = sin(omega * at);
            slope = omega * cos(omega * at);
        } else if (finer) {
            REAL phase = omega * (fabs(at) + 1) * at;
            y[i] = sin(phase);
            slope = omega * cos(phase) * ((stopped ? 1 : 2) * fabs(at) + 1);
        } else if (gauss || wire) {
            REAL far = scale * at, bell = exp(-far * far);
            REAL wave = wire ? cos(omega * at) : 1;
            y[i] = wave * bell;
            slope = -((wire ? omega * sin(omega * at) : 0) + 2 * scale * far * wave) * bell;
        } else if (!strcmp(kind, "relu")) {
            y[i] = at > 0 ? at : 0;
            slope = at > 0;
        } else if (!strcmp(kind, "tanh")) {
            y[i] = tanh(at);
            slope = (1 - y[i]) * (1 + y[i]);
        } else {
            y[i] = at * normal(at);
            slope = normal(at) + at * exp(-at * at / 2) * (REAL)0.39894228040143267794;
        }
        dz[i] = slope * dy->data[i];
    }
    return NULL;
}

static const char *loss(Call *call, const char *kind) {
    const Tensor *z = input(call, "z"), *targets = input(call, "targets"), number = {.count = 1};
    if (z->axes != targets->axes || memcmp(z->shape, targets->shape, z->axes * sizeof *z->shape))
        return "z and targets of two shapes";
    REAL *sum = output(call, "loss", &number), *dz = output(call, "dz", z);
    REAL share = 1 / (REAL)(z->shape[z->axes - 2] * z->shape[z->axes - 1]);
    for (size_t i = 0; i < z->count; i++) {
        REAL at = z->data[i], t = targets->data[i], off = at - t, small = exp(-fabs(at));
        if (!strcmp(kind, "mse")) {
            *sum += off * off * share;
            dz[i] = 2 * off * share;
        } else if (!strcmp(kind, "mae")) {
            *sum += fabs(off) * share;
            dz[i] = (REAL)((off > 0) - (off < 0)) * share;
        } else {
            *sum += ((at > 0 ? at : 0) - at * t + log1p(small)) * share;
            dz[i] = ((at > 0 ? 1 : small) / (1 + small) - t) * share;
        }
    }
    return NULL;
}

static const char *(*find(const char *name))(Call *, const char *) {
    static const char *activations = " sine finer gauss wire relu tanh gelu ", *losses = " bce_with_logits mse mae ";
    char word[64];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(activations, word) ? activation : strstr(losses, word) ? loss : NULL;
}

/* ---- all cases -------------------------------------------------------------------------------------------------- */

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s CASES ANSWERS\n", argv[0]);
        return 2;
    }
    char line[4096], entry[4096], name[256], operation[64], dtypes[128], fixed[8], refused[8];
    FILE *table = open_file(argv[1], "cases.tsv", "r");
    while (fgets(line, sizeof line, table)) {
        int at = 0;
        if (sscanf(line, "%255s %63s %127s %7s %7s %n", name, operation, dtypes, fixed, refused, &at) != 5) continue;
        int is_linear = !strcmp(operation, "linear");
        if (!is_linear && !find(operation)) continue;
        Call call = {.folder = argv[1], .name = name, .options = line + at};
        FILE *index = open_file(argv[1], "manifest.tsv", "r");
        while (fgets(entry, sizeof entry, index)) read_input(&call, entry);
        fclose(index);
        const char *why = is_linear ? linear(&call) : find(operation)(&call, operation);
        write_answer(argv[2], &call, why);
        for (int i = 0; i < call.inputs; i++) free(call.input[i].data);
        for (int i = 0; i < call.outputs; i++) free(call.output[i].data);
    }
    fclose(table);
    return 0;
}
