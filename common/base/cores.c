#include "common/base/cores.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *open_below(const char *root, const char *name) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", root, name) >= (int)sizeof path)
        return NULL;
    return fopen(path, "r");
}

/* The first of the processors that are threads of the same core as this one; itself if the kernel
 * does not say. */
static int first_thread(const char *root, int cpu) {
    char name[96];
    int first = cpu;
    snprintf(name, sizeof name, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *in = open_below(root, name);
    if (!in)
        return cpu;
    if (fscanf(in, "%d", &first) != 1 || first < 0 || first >= CPU_SETSIZE)
        first = cpu;
    fclose(in);
    return first;
}

/* Cores' worth of time that the control group has in each period, rounded up; INT_MAX: no limit. */
static int share_of_time(const char *root) {
    double quota, period;
    FILE *in = open_below(root, "/sys/fs/cgroup/cpu.max");
    if (!in)
        return INT_MAX;
    bool limited = fscanf(in, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0;
    fclose(in);
    return limited && quota / period < CPU_SETSIZE ? (int)ceil(quota / period) : INT_MAX;
}

int cores_there(const char *root) {
    cpu_set_t mine;
    bool seen[CPU_SETSIZE] = {false};
    int n = 0, limit = share_of_time(root);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0)
        return omp_get_num_procs();
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &mine))
            continue;
        int first = first_thread(root, cpu);
        n += !seen[first];
        seen[first] = true;
    }
    return n < limit ? n : limit;
}

int cores_threads(int asked) {
    if (asked > 0)
        return asked;
    return getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : cores_there("");
}
