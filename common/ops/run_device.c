/* Which device a run works on, what it is told there, and recorded steps. */
#include "common/base/cores.h"
#include "common/base/die.h"
#include "common/base/size.h"
#include "common/ops/cpu/kernels.h"

#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

static const struct cpu_kernels *choose_kernels(void) {
    const char *isa = getenv("OMNI_ISA");
    if (!isa)
        return cpu_kernels_best();
    const struct cpu_kernels *found = cpu_kernels_find(isa);
    if (!found)
        die(ERR_USAGE, "OMNI_ISA: '%s' is not an instruction set of this machine", isa);
    return found;
}

/* The N of vulkan:N; without one the best. */
static int device_number(const char *device) {
    const char *digits = device + strlen("vulkan");
    char *end;
    if (!*digits)
        return GPU_BEST;
    errno = 0;
    long n = strtol(digits + 1, &end, 10);
    if (*digits != ':' || digits[1] < '0' || digits[1] > '9' || *end || errno || n > INT16_MAX)
        die(ERR_USAGE, "unknown device '%s' (cpu, vulkan[:N], auto or list)", device);
    return (int)n;
}

static void open_gpu(struct run *run, const char *device) {
    struct err e = {.code = 0};
    bool automatic = strcmp(device, "auto") == 0;
    if (strcmp(device, "cpu") == 0)
        return;
    if (!automatic && strncmp(device, "vulkan", strlen("vulkan")) != 0)
        die(ERR_USAGE, "unknown device '%s' (cpu, vulkan[:N], auto or list)", device);
    int number = automatic ? GPU_HARDWARE : device_number(device);
    if (gpu_open(&run->gpu, number, &e) && !automatic)
        die_err(&e);
}

void run_init(struct run *run, const char *device, int threads, bool precise) {
    *run = (struct run){
        .precise = precise, .threads = cores_threads(threads), .cpu = choose_kernels()};
    omp_set_num_threads(run->threads);
    open_gpu(run, device);
    if (!run->gpu)
        return;
    run->counters = run_new_1d(run, RUN_SESSION, TENSOR_I32, RUN_COUNTERS);
    run_zero(run, &run->counters);
}

void run_free(struct run *run) {
    for (int m = 0; m < RUN_MEMORIES; m++) {
        arena_free(&run->memory[m]);
        if (run->gpu)
            gpu_arena_free(run->gpu, &run->device[m]);
    }
    if (run->gpu)
        gpu_close(run->gpu);
    run->gpu = NULL;
}

/* What there is of matrix units, or what is missing. */
static void print_matrices(const struct gpu_matrix *m) {
    if (m->rows)
        printf(", bf16 matrices of %u x %u x %u%s", m->rows, m->outs, m->sums,
               m->tensors ? " and of whole tiles" : "");
    else
        printf(", no bf16 matrix units (lacks %s)", m->lacks);
}

void run_list_devices(void) {
    enum { ROOM = 16 };
    struct gpu_info list[ROOM];
    size_t n = gpu_list(list, ROOM);
    printf("cpu       %d threads, %s\n", cores_threads(0), cpu_kernels_best()->name);
    for (size_t i = 0; i < n && i < ROOM; i++) {
        printf("vulkan:%zu  %s, %.1f GiB, %s%s", i, list[i].name,
               (double)list[i].memory / (1 << 30), list[i].driver,
               list[i].hardware ? "" : ", a software driver");
        print_matrices(&list[i].matrix);
        if (list[i].lacks[0])
            printf("; lacks %s", list[i].lacks);
        putchar('\n');
    }
}

const char *run_device(const struct run *run) {
    return run->gpu ? gpu_info(run->gpu)->name : run->cpu->name;
}

size_t run_peak(const struct run *run, enum run_memory m) {
    return run->gpu ? run->device[m].peak : run->memory[m].peak;
}

void run_time(struct run *run) {
    if (run->gpu)
        gpu_time(run->gpu);
}

struct gpu_steps run_steps(const struct run *run) {
    return run->gpu ? gpu_steps(run->gpu) : (struct gpu_steps){.n = 0};
}

struct gpu_made run_made(const struct run *run) {
    return run->gpu ? gpu_made(run->gpu) : (struct gpu_made){.n = 0};
}

struct gpu_time run_loaded(const struct run *run) {
    return run->gpu ? gpu_loaded(run->gpu) : (struct gpu_time){.n = 0};
}

/* The kernels that took longest to be made, with their constants. */
static void say_made(const struct run *run, FILE *to) {
    enum { SAID = 16 };
    struct gpu_kernel list[GPU_PIPELINES];
    size_t n = gpu_kernels(run->gpu, list);
    for (size_t i = 0; i < n && i < SAID; i++) {
        fprintf(to, "%s: made in %.3f s  %s", die_program(), list[i].seconds, list[i].name);
        for (size_t k = 0; k < GPU_CONSTANTS; k++)
            fprintf(to, " %u", list[i].constants[k]);
        fputc('\n', to);
    }
}

void run_say_times(struct run *run, FILE *to) {
    size_t n = 0;
    double all = 0;
    const struct gpu_time *times = run->gpu ? gpu_times(run->gpu, &n) : NULL;
    for (size_t i = 0; i < n; i++)
        all += times[i].seconds;
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%s: %9.3f ms %5.1f %%  %8zu x %9.2f us  %s\n", die_program(),
                1e3 * times[i].seconds, 100 * times[i].seconds / all, times[i].n,
                1e6 * times[i].seconds / (double)times[i].n, times[i].name);
    if (run->gpu)
        say_made(run, to);
}

/* ---- kernels ---- */

uint64_t run_address(const struct tensor *t) {
    return t ? (uintptr_t)t->data : 0;
}

size_t run_groups(size_t n, size_t each) {
    return size_least(size_divide_up(n, each), RUN_MAX_GROUPS);
}

static size_t ranges(struct gpu_range *to, const struct tensor *const *tensors, size_t most) {
    size_t n = 0;
    while (n < most && tensors[n]) {
        to[n] = (struct gpu_range){run_address(tensors[n]), tensor_bytes(tensors[n])};
        n++;
    }
    return n;
}

/* What a device would do with more is anybody's guess. */
static uint32_t checked_groups(const struct run_kernel *k, size_t i) {
    if (k->groups[i] > RUN_MAX_GROUPS)
        die(ERR_SOFTWARE, "%s: %zu workgroups: a GPU takes at most %d", k->program->name,
            k->groups[i], (int)RUN_MAX_GROUPS);
    return (uint32_t)k->groups[i];
}

static struct gpu_dispatch dispatch_of(const struct run_kernel *k) {
    struct gpu_dispatch d = {.program = k->program, .args = k->args, .args_size = k->args_size};
    memcpy(d.constants, k->constants, sizeof d.constants);
    for (size_t i = 0; i < 3; i++)
        d.groups[i] = k->groups[i] || i == 0 ? checked_groups(k, i) : 1;
    d.n_reads = ranges(d.reads, k->reads, GPU_READS);
    d.n_writes = ranges(d.writes, k->writes, GPU_WRITES);
    return d;
}

void run_dispatch(struct run *run, const struct run_kernel *k) {
    struct gpu_dispatch d = dispatch_of(k);
    if (d.groups[0])
        gpu_dispatch(run->gpu, &d);
}

/* ---- recorded steps ---- */

static bool keeps(const struct run *run) {
    return run->gpu && !run->trace;
}

void run_instead(struct run *run, const struct run_kernel *stays, const struct run_kernel *sweep) {
    struct gpu_dispatch first = dispatch_of(stays), second = dispatch_of(sweep);
    gpu_instead(run->gpu, &first, &second);
}

bool run_replay(struct run *run, const struct run_recording *r) {
    if (!keeps(run) || !r->kept || gpu_rehearses(run->gpu))
        return false;
    gpu_replay(run->gpu, r->kept);
    return true;
}

void run_record(struct run *run, struct run_recording *r) {
    (void)r;
    if (keeps(run))
        gpu_record(run->gpu);
}

void run_recorded(struct run *run, struct run_recording *r) {
    if (!keeps(run))
        return;
    r->kept = gpu_recorded(run->gpu);
    if (r->kept)
        gpu_replay(run->gpu, r->kept);
}

bool run_rehearse(struct run *run) {
    if (!run->gpu || !gpu_info(run->gpu)->hardware)
        return false;
    gpu_rehearse(run->gpu);
    return true;
}

void run_rehearsed(struct run *run) {
    gpu_rehearsed(run->gpu);
    run_step(run);
}
