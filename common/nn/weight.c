#include "common/nn/weight.h"

int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]) {
    if (weights_get(w, t, e, name, shape))
        return e->code;
    struct tensor stored = *t;
    run_upload(run, t);
    if (t->data != stored.data)
        weights_forget(w, &stored);
    return 0;
}
