/* opt: the options that mean the same in every tool, and one way to parse the others (popt). */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct opt {
    char *model;  /* -m, else $OMNI_MODEL, else the embedded model; NULL if there is none */
    char *device; /* -d, else $OMNI_DEVICE, else "auto"; "list" asks for the list */
    int threads;  /* -j; 0: one a core */
    char *seed;   /* -s as text; NULL: not given */
    char *trace;  /* --trace GLOB; NULL: none */
    int precise;
    int verbose;      /* how often -v was given */
    poptContext args; /* remaining arguments: poptGetArg(o->args) */
};

/* Which of the common options a tool has, besides -v -h -V. */
enum opt_use { OPT_MODEL = 1, OPT_DEVICE = 2, OPT_SEED = 4, OPT_TRACE = 8 };

/* Parses argv with the common options and the tool's own (a popt table that ends with
 * POPT_TABLEEND; may be NULL). `usage` is what -h prints after the name, e.g. "[OPTION...]
 * [TEXT...]" and `what` one line that says what the tool does. Does -h and -V itself; a wrong
 * option or a device of no such kind dies 64. Also calls die_init() and ignores SIGPIPE. */
void opt_parse(struct opt *o, int argc, char **argv, const struct poptOption *own, int use,
               const char *usage, const char *what);
void opt_free(struct opt *o);

/* The seed as a number: decimal or 0x; `otherwise` if -s was not given. Dies 64 if it is none. */
uint64_t opt_seed(const struct opt *o, uint64_t otherwise);
/* text, which `flag` came with, as a whole number from least to most; `otherwise` if it is NULL.
 * Dies 64 if it is none. */
size_t opt_size(const char *flag, const char *text, size_t otherwise, size_t least, size_t most);
/* The model directory; dies 66 if there is none. */
const char *opt_model(const struct opt *o);

/* Ends a program that had only something to print: exits 0 if all of it went out, else dies. */
_Noreturn void opt_printed(void);

#endif
