/* cores: how many threads that compute are worth having. */
#ifndef BASE_CORES_H
#define BASE_CORES_H

/* The cores that this process may use: of its processors, those that are one core's threads count
 * once; no more than the share of time (cgroup v2, cpu.max) of its control group, or of one that
 * this is in, rounded up. At least 1. root: where /sys and /proc are, "" or a folder that a test
 * has made. */
int cores_there(const char *root);

/* Threads to compute with, of which `asked` were asked for (0: nobody did): those, else as many as
 * $OMP_NUM_THREADS says, else as many as there are cores: a core's second thread would only wait
 * for the same memory. */
int cores_threads(int asked);

#endif
