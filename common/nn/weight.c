#include "common/nn/weight.h"

void nn_weight_move(struct run *run, struct weights *w, const struct tensor *dst,
                    const struct tensor *stored) {
    struct weights_place p;
    if (!weights_place(w, stored, &p)) {
        run_write(run, dst, stored->data);
        return;
    }
    run_load(run, dst, &(struct gpu_file){p.fd, p.offset, p.file});
    weights_forget(w, stored);
}

int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]) {
    if (weights_get(w, t, e, name, shape))
        return e->code;
    struct tensor stored = *t;
    if (run->gpu) {
        *t = run_new_like(run, RUN_MODEL, t);
        nn_weight_move(run, w, t, &stored);
    }
    return 0;
}
