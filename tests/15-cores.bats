#!/usr/bin/env bats
# How many threads the CPU's kernels have by themselves.

setup() {
    load lib
    cd "$BATS_TEST_TMPDIR" || return
}

# siblings CPU LIST: processor CPU is a thread of a core that has those of LIST.
siblings() {
    mkdir -p "root/sys/devices/system/cpu/cpu$1/topology"
    echo "$2" >"root/sys/devices/system/cpu/cpu$1/topology/thread_siblings_list"
}

# share TEXT [GROUP]: what the control group may use, of the outermost one or of GROUP.
share() {
    mkdir -p "root/sys/fs/cgroup${2:-}"
    echo "$1" >"root/sys/fs/cgroup${2:-}/cpu.max"
}

# cores_on CPUS: what is found there, by a process that may use those processors.
cores_on() {
    taskset -c "$1" "$BUILD/tests/base/cores" root
}

two_processors() {
    [ "$(nproc --all)" -ge 2 ] || skip 'one processor'
}

@test "cores: two threads of one core are one" {
    two_processors
    siblings 0 0,32
    siblings 1 1,33
    [ "$(cores_on 0,1)" = 2 ]
    siblings 0 0-1
    siblings 1 0-1
    [ "$(cores_on 0,1)" = 1 ]
    # Of a core of which the process has one thread, that one counts.
    siblings 1 1-2
    siblings 0 0,3
    [ "$(cores_on 1)" = 1 ]
}

@test "cores: no more than the control group's share of time, rounded up" {
    two_processors
    siblings 0 0
    siblings 1 1
    share '50000 100000'
    [ "$(cores_on 0,1)" = 1 ]
    share '150000 100000'
    [ "$(cores_on 0,1)" = 2 ]
    share 'max 100000'
    [ "$(cores_on 0,1)" = 2 ]
}

@test "cores: the control group is the process's own, or any that this is in" {
    two_processors
    siblings 0 0
    siblings 1 1
    mkdir -p root/proc/self
    printf '%s\n' 1:cpu:/other 0::/a.slice/b >root/proc/self/cgroup
    share '50000 100000' /other
    share 'max 100000' /a.slice/b
    [ "$(cores_on 0,1)" = 2 ]
    share '50000 100000' /a.slice
    [ "$(cores_on 0,1)" = 1 ]
    share 'max 100000' /a.slice
    share '100000 100000' /a.slice/b
    [ "$(cores_on 0,1)" = 1 ]
    echo 0::/ >root/proc/self/cgroup
    [ "$(cores_on 0,1)" = 2 ]
    share '20000 100000'
    [ "$(cores_on 0,1)" = 1 ]
}

@test "cores: where the kernel says nothing, or nonsense, each processor is a core" {
    two_processors
    mkdir root
    [ "$(cores_on 0,1)" = 2 ]
    siblings 0 none
    siblings 1 99999999999999
    share 'many few'
    [ "$(cores_on 0,1)" = 2 ]
    share '-1 0'
    [ "$(cores_on 0,1)" = 2 ]
}

@test "cores: a program has as many threads as cores, or as many as OMP_NUM_THREADS says" {
    taskset -c 0 omni-thinker -d list </dev/null | grep '^cpu  *1 threads,'
    OMP_NUM_THREADS=3 omni-thinker -d list </dev/null | grep '^cpu  *3 threads,'
}
