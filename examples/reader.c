/* Reads one tensor of the oracle's cases, with nothing but the C library: docs/oracle-format.md has the format.
 *
 *     cc -O1 -o reader examples/reader.c
 *     ./reader FOLDER mlp.mlp.siren-7 output z0
 *
 * Prints dtype, shape and class, a checksum of the bytes (FNV-1a, 64 bits), and the first values of a float64 tensor.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_in(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(2);
    }
    return file;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s FOLDER CASE input|output|units TENSOR\n", argv[0]);
        return 2;
    }
    char line[1024], name[256], role[16], tensor[64], dtype[16], shape[64], file[64], class[16];
    unsigned long offset, bytes;
    int found = 0;
    FILE *index = open_in(argv[1], "manifest.tsv");
    while (!found && fgets(line, sizeof line, index))
        found = sscanf(line, "%255s %15s %63s %15s %63s %63s %lu %lu %15s", name, role, tensor, dtype, shape, file,
                       &offset, &bytes, class) == 9 &&
                !strcmp(name, argv[2]) && !strcmp(role, argv[3]) && !strcmp(tensor, argv[4]);
    fclose(index);
    if (!found) {
        fprintf(stderr, "no tensor %s %s %s\n", argv[2], argv[3], argv[4]);
        return 1;
    }
    unsigned char *data = malloc(bytes ? bytes : 1);
    FILE *tensors = open_in(argv[1], file);
    if (!data || fseek(tensors, (long)offset, SEEK_SET) || fread(data, 1, bytes, tensors) != bytes) {
        fprintf(stderr, "%s is cut short\n", file);
        return 1;
    }
    fclose(tensors);
    uint64_t checksum = 14695981039346656037u;
    for (unsigned long i = 0; i < bytes; i++) checksum = (checksum ^ data[i]) * 1099511628211u;
    printf("%s %s %s %016" PRIx64 "\n", dtype, shape, class, checksum);
    for (unsigned long i = 0; !strcmp(dtype, "F64") && i < 3 && 8 * i < bytes; i++) {
        double value; /* little-endian, as nearly every machine is */
        memcpy(&value, data + 8 * i, 8);
        printf("%.17g\n", value);
    }
    free(data);
    return 0;
}
