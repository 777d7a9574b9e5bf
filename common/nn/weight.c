#include "common/nn/weight.h"

int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]) {
    if (weights_get(w, t, e, name, shape))
        return e->code;
    run_upload(run, t);
    return 0;
}
