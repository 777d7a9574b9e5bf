#include "tools/sink.h"

#include "tools/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_stdout(const struct sink *s) {
    return !s->name || strcmp(s->name, "-") == 0;
}

static const char *turn_mark(const struct sink *s) {
    return is_stdout(s) ? NULL : strstr(s->name, "%d");
}

/* path = name with the turn's number for "%d", part = path + ".part". */
static int make_paths(struct sink *s, int64_t turn, struct err *e) {
    const char *mark = turn_mark(s);
    int head = mark ? (int)(mark - s->name) : (int)strlen(s->name), n;
    if (mark)
        n = snprintf(s->path, sizeof s->path, "%.*s%" PRId64 "%s", head, s->name, turn, mark + 2);
    else
        n = snprintf(s->path, sizeof s->path, "%s", s->name);
    if (n >= PATH_MAX ||
        snprintf(s->part, sizeof s->part, "%s.part", s->path) >= (int)sizeof s->part)
        return err_set(e, ERR_CANTCREAT, "the name of the output file is too long");
    return 0;
}

static int cannot(struct err *e, int code, const char *path) {
    return err_set(e, code, "%s: %s", path, strerror(errno));
}

/* What is there and is no regular file is written where it is: nobody wants /dev/null replaced. */
static bool is_no_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int refuse_terminal(int fd, struct err *e) {
    if (!isatty(fd))
        return 0;
    return err_set(e, ERR_USAGE, "the output is sound; send it to a pipe or a file");
}

static int open_file(struct sink *s, int64_t turn, struct err *e) {
    if (make_paths(s, turn, e))
        return e->code;
    s->in_place = is_no_file(s->path);
    const char *path = s->in_place ? s->path : s->part;
    s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (s->fd < 0)
        return cannot(e, ERR_CANTCREAT, path);
    if (!s->in_place)
        stage_unfinished(s->part);
    if (refuse_terminal(s->fd, e)) {
        sink_abandon(s);
        return e->code;
    }
    if (sound_writer_open(&s->writer, s->fd, s->kind, s->rate, e)) {
        sink_abandon(s);
        return err_prefix(e, path);
    }
    return 0;
}

int sink_open(struct sink *s, const char *name, const char *raw, size_t rate, struct err *e) {
    *s = (struct sink){.name = name, .kind = SOUND_WAV, .rate = rate, .fd = -1};
    if (raw && strcmp(raw, "s16") != 0 && strcmp(raw, "f32") != 0)
        return err_set(e, ERR_USAGE, "--raw %s: raw samples are s16 or f32", raw);
    if (raw)
        s->kind = raw[0] == 's' ? SOUND_S16 : SOUND_F32;
    else if (!is_stdout(s) && !sound_kind_of(name, &s->kind) && !is_no_file(name))
        return err_set(e, ERR_USAGE, "%s: no known extension (.wav .flac .ogg .oga .opus)", name);
    if (turn_mark(s))
        return 0;
    if (!is_stdout(s))
        return open_file(s, 0, e);
    if (refuse_terminal(STDOUT_FILENO, e))
        return e->code;
    s->fd = STDOUT_FILENO;
    return sound_writer_open(&s->writer, s->fd, s->kind, rate, e);
}

int sink_turn(struct sink *s, int64_t turn, struct err *e) {
    s->begun = true;
    return turn_mark(s) ? open_file(s, turn, e) : 0;
}

int sink_write(struct sink *s, const float *samples, size_t n, struct err *e) {
    if (sound_writer_write(s->writer, samples, n, e) && e->code != ERR_PIPE && !is_stdout(s))
        err_prefix(e, s->path);
    return e->code;
}

/* Ends the open file and gives it its name. */
static int keep(struct sink *s, struct err *e) {
    int failed = sound_writer_close(s->writer, e);
    s->writer = NULL;
    if (is_stdout(s))
        return e->code;
    if (failed)
        err_prefix(e, s->path);
    if (close(s->fd) && !failed)
        failed = cannot(e, ERR_IO, s->path);
    s->fd = -1;
    if (!failed && !s->in_place && rename(s->part, s->path))
        failed = cannot(e, ERR_CANTCREAT, s->path);
    if (failed && !s->in_place)
        unlink(s->part);
    stage_unfinished(NULL);
    return e->code;
}

int sink_done(struct sink *s, struct err *e) {
    s->ended = true;
    return turn_mark(s) ? keep(s, e) : 0;
}

void sink_lose(struct sink *s) {
    if (turn_mark(s))
        sink_abandon(s);
}

int sink_close(struct sink *s, struct err *e) {
    if (!s->writer)
        return 0;
    if (is_stdout(s) || s->ended || !s->begun)
        return keep(s, e);
    sink_abandon(s);
    return 0;
}

void sink_abandon(struct sink *s) {
    struct err ignored = {.code = 0}; /* the file goes anyway */
    if (is_stdout(s) || s->fd < 0)
        return;
    if (s->writer)
        sound_writer_close(s->writer, &ignored);
    close(s->fd);
    if (!s->in_place)
        unlink(s->part);
    stage_unfinished(NULL);
    s->writer = NULL;
    s->fd = -1;
}
