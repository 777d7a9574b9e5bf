#include "common/text/chat.h"

#include <jansson.h>
#include <string.h>

static const char *string_of(json_t *object, const char *key, size_t *n) {
    json_t *value = json_object_get(object, key);
    *n = json_string_length(value);
    return json_string_value(value);
}

static int add_part(struct text_bytes *chat, json_t *part, struct err *e) {
    size_t n;
    const char *type = string_of(part, "type", &n);
    if (!type)
        return err_set(e, ERR_DATA, "a part of a message has no type");
    if (strcmp(type, "input_audio") == 0 || strcmp(type, "audio") == 0) {
        text_chat_audio(chat);
        return 0;
    }
    if (strcmp(type, "text") != 0)
        return err_set(e, ERR_DATA, "a part of type '%.40s' (text and input_audio are known)",
                       type);
    const char *text = string_of(part, "text", &n);
    if (!text)
        return err_set(e, ERR_DATA, "a part of type 'text' without text");
    text_bytes_add(chat, text, n);
    return 0;
}

static int add_content(struct text_bytes *chat, json_t *content, struct err *e) {
    size_t i;
    json_t *part;
    if (json_is_string(content)) {
        text_bytes_add(chat, json_string_value(content), json_string_length(content));
        return 0;
    }
    if (!json_is_array(content))
        return err_set(e, ERR_DATA, "content of a message is neither text nor a list of parts");
    json_array_foreach(content, i, part) {
        if (add_part(chat, part, e))
            return e->code;
    }
    return 0;
}

/* "system", "user" or "assistant"; NULL after an error. */
static const char *role_of(json_t *message, struct err *e) {
    static const char *const roles[] = {"system", "user", "assistant"};
    size_t n;
    const char *role = string_of(message, "role", &n);
    for (size_t i = 0; role && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(role, roles[i]) == 0)
            return roles[i];
    err_set(e, ERR_DATA, "role of a message: '%.40s' (system, user and assistant are known)",
            role ? role : "");
    return NULL;
}

/* The message without its end. */
static int add_message(struct text_bytes *chat, json_t *message, struct err *e) {
    const char *role = role_of(message, e);
    if (!role)
        return e->code;
    text_chat_open(chat, role);
    return add_content(chat, json_object_get(message, "content"), e);
}

static int add_messages(struct text_bytes *chat, json_t *list, struct text_chat_line *line,
                        struct err *e) {
    size_t i, n = json_array_size(list);
    json_t *message;
    const char *role = n > 0 ? role_of(json_array_get(list, 0), e) : NULL;
    if (!role)
        return err_set(e, ERR_DATA, "a conversation without messages");
    line->has_system = strcmp(role, "system") == 0;
    json_array_foreach(list, i, message) {
        if (add_message(chat, message, e))
            return e->code;
        role = role_of(message, e);
        line->open = line->whole && i + 1 == n && strcmp(role, "assistant") == 0;
        if (!line->open)
            text_chat_close(chat);
    }
    line->ends_with_user = strcmp(role, "user") == 0;
    return 0;
}

/* As text_chat_messages, of parsed JSON; NULL if it is neither. */
static json_t *messages_of(json_t *json, bool *whole) {
    json_t *list = json_is_object(json) ? json_object_get(json, "messages") : json;
    *whole = list != NULL;
    if (list)
        return json_is_array(list) ? json_incref(list) : NULL;
    return json_pack("[O]", json);
}

json_t *text_chat_messages(const char *json, size_t n, bool *whole, struct err *e) {
    json_error_t why;
    json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    json_t *list = root ? messages_of(root, whole) : NULL;
    if (!root)
        err_set(e, ERR_DATA, "message is not JSON: %s", why.text);
    else if (!list)
        err_set(e, ERR_DATA, "message is neither a JSON object nor a list of messages");
    json_decref(root);
    return list;
}

int text_chat_json(struct text_bytes *chat, const char *json, size_t n, struct text_chat_line *line,
                   struct err *e) {
    *line = (struct text_chat_line){0};
    json_t *list = text_chat_messages(json, n, &line->whole, e);
    size_t before = chat->n;
    if (list)
        add_messages(chat, list, line, e);
    if (e->code)
        chat->n = before;
    json_decref(list);
    return e->code;
}
