/* cores ROOT: what cores_there() finds below ROOT. */
#include "common/base/cores.h"

#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2)
        return 64;
    printf("%d\n", cores_there(argv[1]));
    return 0;
}
