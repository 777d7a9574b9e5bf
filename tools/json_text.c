#include "tools/json_text.h"

#include "common/text/utf8.h"

json_t *json_text(const char *s, size_t n) {
    struct text_bytes good = {0};
    text_bytes_reserve(&good, 1);
    text_utf8_repair(s, n, &good);
    json_t *text = json_stringn(good.data, good.n);
    text_bytes_free(&good);
    return text;
}
