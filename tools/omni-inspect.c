/* omni-inspect: shows, extracts and compares what streams and model directories hold. */
#include "common/base/die.h"
#include "common/base/opt.h"
#include "tools/inspect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    char *model, *extract, *expected;
    double tolerance;
    long long turn;
    int subset;
};

/* A directory, or a GGUF file. */
static bool is_model(const char *path) {
    struct stat st;
    char magic[4] = "";
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    FILE *f = fopen(path, "rb");
    bool gguf = f && fread(magic, 1, sizeof magic, f) == 4 && memcmp(magic, "GGUF", 4) == 0;
    if (f)
        fclose(f);
    return gguf;
}

/* What to look at: the argument or -m, else stdin, else (nothing piped in) the model in use. */
static const char *subject(const struct opt *o, const struct options *own) {
    const char *path = poptGetArg(o->args);
    if (poptPeekArg(o->args) || (path && own->model))
        die(ERR_USAGE, "one stream or model at a time");
    if (path || own->model)
        return path ? path : own->model;
    return isatty(STDIN_FILENO) && !own->expected ? opt_model(o) : "-";
}

static void check_options(const struct options *own) {
    if (own->extract && own->expected)
        die(ERR_USAGE, "-x and -c do not go together");
    if ((own->tolerance != 0 || own->subset) && !own->expected)
        die(ERR_USAGE, "--tol and --subset belong to -c");
    if (!(own->tolerance >= 0 && isfinite(own->tolerance)))
        die(ERR_USAGE, "--tol %g: a tolerance is 0 or more", own->tolerance);
    if (own->turn != -1 && (own->turn < 0 || !own->extract))
        die(ERR_USAGE, "--turn N belongs to -x; turns count from 0");
    if (own->extract && isatty(STDOUT_FILENO))
        die(ERR_USAGE, "the output is binary; send it to a pipe or a file");
}

static int run(const struct opt *o, const struct options *own, struct err *e) {
    const char *path = subject(o, own);
    bool model = own->model || is_model(path), same = true;
    if (model && own->expected)
        die(ERR_USAGE, "-c compares streams, not models");
    if (own->extract)
        return model ? inspect_extract_weights(path, own->extract, e)
                     : inspect_extract(path, own->extract, own->turn, e);
    if (!own->expected)
        return model ? inspect_model(path, e) : inspect_list(path, e);
    struct inspect_compare how = {own->tolerance, own->subset, o->verbose};
    return inspect_compare(path, own->expected, &how, &same, e) ? e->code : !same;
}

int main(int argc, char **argv) {
    struct options own = {.turn = -1};
    struct poptOption table[] = {
        {"model", 'm', POPT_ARG_STRING, &own.model, 0, "look into this model", "MODEL"},
        {"extract", 'x', POPT_ARG_STRING, &own.extract, 0, "write this tensor as .npy", "NAME"},
        {"turn", 0, POPT_ARG_LONGLONG, &own.turn, 0, "with -x: of this turn only", "N"},
        {"compare", 'c', POPT_ARG_STRING, &own.expected, 0,
         "say how the stream differs from OTHER; exit 1 if it does", "OTHER"},
        {"tol", 0, POPT_ARG_DOUBLE, &own.tolerance, 0,
         "relative difference of floats that still is none (default: 0)", "E"},
        {"subset", 0, POPT_ARG_NONE, &own.subset, 0, "compare only what OTHER has", NULL},
        POPT_TABLEEND};
    struct opt o;
    struct err e = {.code = 0};
    opt_parse(&o, argc, argv, table, 0, "[OPTION...] [STREAM | MODEL]",
              "look into a stream or a model");
    check_options(&own);
    int code = run(&o, &own, &e);
    if (e.code)
        die_err(&e);
    free(own.model);
    free(own.extract);
    free(own.expected);
    opt_free(&o);
    return code;
}
