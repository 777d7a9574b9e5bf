#include "common/base/opt.h"

#include "common/base/arena.h"
#include "common/base/die.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { KEY_HELP = 1, KEY_VERSION, KEY_VERBOSE };
enum { NOT_GIVEN = INT_MIN, THREADS_MAX = 1024 };

static struct poptOption part_common[] = {
    {"verbose", 'v', POPT_ARG_NONE, NULL, KEY_VERBOSE,
     "say on stderr what is done and what it took", NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, KEY_HELP, "print this help", NULL},
    {"version", 'V', POPT_ARG_NONE, NULL, KEY_VERSION, "print the version", NULL},
    POPT_TABLEEND};

/* popt wants one table with pointers into *o; it is put together from the parts in use. */
static void build_table(struct opt *o, struct poptOption *table, const struct poptOption *own,
                        int use) {
    const struct poptOption model = {
        "model",
        'm',
        POPT_ARG_STRING,
        &o->model,
        0,
        "directory or GGUF file (default: $OMNI_MODEL, else parrot, which ships with omni)",
        "MODEL"};
    const struct poptOption device[] = {
        {"device", 'd', POPT_ARG_STRING, &o->device, 0,
         "cpu, vulkan[:N] or auto (default: $OMNI_DEVICE, else auto); list prints them", "DEVICE"},
        {"threads", 'j', POPT_ARG_INT, &o->threads, 0, "CPU threads (default: one a core)",
         "THREADS"},
        {"precise", 0, POPT_ARG_NONE, &o->precise, 0, "plain f32 kernels and caches", NULL}};
    const struct poptOption seed = {
        "seed", 's', POPT_ARG_STRING, &o->seed, 0, "random seed (default: 0)", "SEED"};
    const struct poptOption trace = {
        "trace",   0, POPT_ARG_STRING,
        &o->trace, 0, "also send the internal tensors whose name matches, e.g. '*.layers.0'",
        "GLOB"};
    size_t n = 0;
    if (own)
        table[n++] =
            (struct poptOption){NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)own, 0, NULL, NULL};
    if (use & OPT_MODEL)
        table[n++] = model;
    for (size_t i = 0; i < 3 && use & OPT_DEVICE; i++)
        table[n++] = device[i];
    if (use & OPT_SEED)
        table[n++] = seed;
    if (use & OPT_TRACE)
        table[n++] = trace;
    for (size_t i = 0; i < 3; i++)
        table[n++] = part_common[i];
    table[n] = (struct poptOption)POPT_TABLEEND;
}

/* DIR/NAME if there is a model, else NULL. */
static char *model_at(const char *dir, const char *name) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s/config.json", dir, name) >= (int)sizeof path ||
        access(path, R_OK) != 0)
        return NULL;
    path[strlen(path) - strlen("/config.json")] = 0;
    return arena_xstrdup(path);
}

/* The model that ships with omni: installed, or beside the program in a build tree. */
static char *embedded_model(void) {
    char *found = model_at(OMNI_DATADIR, "omni/parrot");
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (found || n < 0)
        return found;
    exe[n] = 0;
    const char *bin = dirname(exe);
    found = model_at(bin, "../share/omni/parrot");
    return found ? found : model_at(bin, "../pipelines/parrot");
}

static void from_environment(char **value, const char *name, const char *otherwise) {
    const char *v = getenv(name);
    if (!*value && v && *v)
        *value = arena_xstrdup(v);
    if (!*value && otherwise)
        *value = arena_xstrdup(otherwise);
}

static void print_help(struct opt *o, const char *what) {
    printf("%s: %s\n", die_program(), what);
    poptPrintHelp(o->args, stdout, 0);
    opt_printed();
}

void opt_printed(void) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        exit(0);
    if (errno == EPIPE)
        die(ERR_PIPE, "the reader is gone");
    die(ERR_IO, "write failed: %s", strerror(errno));
}

static void check_device(const struct opt *o) {
    const char *words[] = {"cpu", "vulkan", "auto", "list"};
    bool known = strncmp(o->device, "vulkan:", strlen("vulkan:")) == 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        known |= strcmp(o->device, words[i]) == 0;
    if (!known)
        die(ERR_USAGE, "unknown device '%s' (cpu, vulkan[:N], auto or list)", o->device);
}

/* The stages of a pipe share the cores. OpenMP's threads by default wait for milliseconds in a busy
 * loop, which takes the core from the stage that has work: with two stages on two cores a small
 * model draws tokens 20 times slower. The runtime reads its settings before main, so the program
 * starts itself again with a wait of microseconds, unless the user has set one. Where that fails it
 * goes on as it is. */
static void wait_briefly(char **argv) {
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0 || setenv("GOMP_SPINCOUNT", "1000", 1) || setenv("OMP_WAIT_POLICY", "passive", 1))
        return;
    exe[n] = 0; /* by its name, which is what top and pkill show */
    execv(exe, argv);
}

/* A closed descriptor 0, 1 or 2 would go to the first file that is opened, which then were read as
 * the input or got what we say. What is put there fails as a closed one does. */
static void hold_standard(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* popt names only the value if that is no number. */
static _Noreturn void wrong_option(poptContext args, char **argv, int rc) {
    const char *bad = poptBadOption(args, POPT_BADOPTION_NOALIAS), *option = NULL;
    for (char **a = argv; a[0] && a[1]; a++)
        if (bad[0] != '-' && strcmp(a[1], bad) == 0)
            option = a[0];
    die(ERR_USAGE, "%s%s%s: %s", option ? option : "", option ? " " : "", bad, poptStrerror(rc));
}

/* jansson tells nobody why it failed; with this it never runs out of memory and lives. */
static void *json_memory(size_t n) {
    return arena_xrealloc(NULL, n, 1);
}

void opt_parse(struct opt *o, int argc, char **argv, const struct poptOption *own, int use,
               const char *usage, const char *what) {
    *o = (struct opt){.threads = NOT_GIVEN};
    hold_standard();
    if (use & OPT_DEVICE)
        wait_briefly(argv);
    die_init(basename(argv[0]));
    signal(SIGPIPE, SIG_IGN);
    json_set_alloc_funcs(json_memory, free);
    static struct poptOption table[16];
    build_table(o, table, own, use);
    o->args = poptGetContext(die_program(), argc, (const char **)argv, table, 0);
    if (!o->args)
        die(ERR_MEMORY, "out of memory: options");
    poptSetOtherOptionHelp(o->args, usage);
    int rc;
    while ((rc = poptGetNextOpt(o->args)) > 0) {
        o->verbose += rc == KEY_VERBOSE;
        if (rc == KEY_HELP)
            print_help(o, what);
        if (rc == KEY_VERSION) {
            printf("%s (omni) %s\n", die_program(), OMNI_VERSION);
            opt_printed();
        }
    }
    if (rc < -1)
        wrong_option(o->args, argv, rc);
    if (o->threads == NOT_GIVEN)
        o->threads = 0;
    else if (o->threads < 1 || o->threads > THREADS_MAX)
        die(ERR_USAGE, "-j %d: threads are 1 to %d", o->threads, THREADS_MAX);
    from_environment(&o->device, "OMNI_DEVICE", "auto");
    if (use & OPT_DEVICE)
        check_device(o);
    from_environment(&o->model, "OMNI_MODEL", NULL);
    if (!o->model)
        o->model = embedded_model();
}

void opt_free(struct opt *o) {
    poptFreeContext(o->args);
    free(o->model);
    free(o->device);
    free(o->seed);
    free(o->trace);
}

uint64_t opt_seed(const struct opt *o, uint64_t otherwise) {
    if (!o->seed)
        return otherwise;
    bool hex = strncasecmp(o->seed, "0x", 2) == 0;
    char *end;
    errno = 0;
    uint64_t seed = strtoull(o->seed, &end, hex ? 16 : 10);
    if (errno || *end || !isdigit((unsigned char)o->seed[0]))
        die(ERR_USAGE, "-s %s: the seed is a whole number from 0 to 2^64-1", o->seed);
    return seed;
}

size_t opt_size(const char *flag, const char *text, size_t otherwise, size_t least, size_t most) {
    if (!text)
        return otherwise;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || *end || !isdigit((unsigned char)text[0]) || n < least || n > most)
        die(ERR_USAGE, "%s %s: not a whole number from %zu to %zu", flag, text, least, most);
    return (size_t)n;
}

const char *opt_model(const struct opt *o) {
    if (!o->model)
        die(ERR_NOINPUT, "no model: name one with -m or $OMNI_MODEL");
    if (access(o->model, F_OK) != 0)
        die(ERR_NOINPUT, "%s: %s", o->model, strerror(errno));
    return o->model;
}
