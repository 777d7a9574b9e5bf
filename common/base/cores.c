#include "common/base/cores.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file of that name, NULL if it cannot be read. */
__attribute__((format(printf, 1, 2))) static FILE *open_file(const char *fmt, ...) {
    char path[2 * PATH_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(path, sizeof path, fmt, ap);
    va_end(ap);
    return n < (int)sizeof path ? fopen(path, "r") : NULL;
}

/* The first of the processors that are threads of the same core as this one; itself if the kernel
 * does not say. */
static int first_thread(const char *root, int cpu) {
    int first;
    FILE *in =
        open_file("%s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", root, cpu);
    if (!in)
        return cpu;
    if (fscanf(in, "%9d", &first) != 1 || first < 0 || first >= CPU_SETSIZE)
        first = cpu;
    fclose(in);
    return first;
}

/* The cores that this process may run on. */
static int own_cores(const char *root) {
    cpu_set_t mine;
    bool seen[CPU_SETSIZE] = {false};
    int n = 0;
    if (sched_getaffinity(0, sizeof mine, &mine) != 0)
        return omp_get_num_procs();
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &mine))
            continue;
        int first = first_thread(root, cpu);
        n += !seen[first];
        seen[first] = true;
    }
    return n;
}

/* The control group that this process is in, "/PATH"; "" if the kernel does not say. */
static void own_group(const char *root, char group[PATH_MAX]) {
    char line[PATH_MAX];
    FILE *in = open_file("%s/proc/self/cgroup", root);
    group[0] = 0;
    if (!in)
        return;
    while (fgets(line, sizeof line, in))
        if (strncmp(line, "0::/", 4) == 0) /* version 2's line */
            memcpy(group, line + 3, strlen(line + 3) + 1);
    group[strcspn(group, "\n")] = 0;
    fclose(in);
}

/* Cores' worth of time that a control group has in each period, without regard to those it is in;
 * INFINITY: no limit. */
static double share_of_time(const char *root, const char *group) {
    double quota, period;
    FILE *in = open_file("%s/sys/fs/cgroup%s/cpu.max", root, group);
    if (!in)
        return INFINITY;
    bool limited = fscanf(in, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0;
    fclose(in);
    return limited ? quota / period : INFINITY;
}

int cores_there(const char *root) {
    char group[PATH_MAX];
    own_group(root, group);
    double share = share_of_time(root, group);
    for (char *slash; (slash = strrchr(group, '/'));) {
        *slash = 0; /* the group that it is in */
        share = fmin(share, share_of_time(root, group));
    }
    int n = own_cores(root);
    return share < n ? (int)ceil(share) : n;
}

int cores_threads(int asked) {
    if (asked > 0)
        return asked;
    return getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : cores_there("");
}
