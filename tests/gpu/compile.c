/* compile N FILE.spv [CONSTANT...]: has the compiler of device N's driver make one kernel, and says
 * how long that takes: for finding out what a driver cannot bear. The file is SPIR-V of a compute
 * shader; constant_id i has the i-th CONSTANT. A compiler that crashes takes this program with it.
 */
#include "common/base/die.h"
#include "common/base/map.h"
#include "common/gpu/gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct gpu *g;
    struct err e = {.code = 0};
    die_init("compile");
    if (argc < 3 || argc > 3 + GPU_CONSTANTS)
        die(ERR_USAGE, "usage: compile N FILE.spv [CONSTANT...]");
    struct map *file = map_open(argv[2], &e);
    if (!file || gpu_open(&g, atoi(argv[1]), &e))
        die_err(&e);
    struct gpu_program p = {argv[2], (const void *)file->bytes, file->size, false};
    struct gpu_dispatch d = {.program = &p, .groups = {1, 1, 1}};
    for (int i = 3; i < argc; i++)
        d.constants[i - 3] = (uint32_t)strtoul(argv[i], NULL, 0);
    gpu_rehearse(g);
    gpu_dispatch(g, &d);
    gpu_rehearsed(g);
    while (gpu_made(g).n == 0)
        usleep(1000);
    printf("%s: %.3f s\n", argv[2], gpu_made(g).seconds);
    gpu_close(g);
    map_close(file);
    return 0;
}
