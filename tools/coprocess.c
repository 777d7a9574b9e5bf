#include "tools/coprocess.h"

#include "tools/begin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- process ---- */

/* Runs the command with the pipe ends as stdin and stdout. SIGPIPE, which omni ignores, is as usual
 * there; an interrupt reaches both of us. */
static int spawn(struct coprocess *p, int in, int out) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    char *argv[] = {"sh", "-c", (char *)p->command, NULL};
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(&p->pid, "sh", &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Waits for its exit and says how it went. */
static void describe_exit(struct coprocess *p, char *text, size_t size) {
    int status;
    pid_t got;
    do
        got = waitpid(p->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        snprintf(text, size, "gone");
    else if (WIFSIGNALED(status))
        snprintf(text, size, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

/* 76 with its status. Whatever it does, it finds its pipes closed and leaves. */
static int died(struct coprocess *p, struct err *e) {
    char how[64];
    close(p->in);
    close(p->out.fd);
    p->out.ended = true;
    describe_exit(p, how, sizeof how);
    return err_set(e, ERR_PROTOCOL, "co-process '%.200s' ended too early: %s", p->command, how);
}

/* ---- frames ---- */

int coprocess_send(struct coprocess *p, struct frame_head *h, struct err *e) {
    struct err broken = {.code = 0};
    return stream_write(&p->out, h, NULL, 0, &broken) ? died(p, e) : 0;
}

int coprocess_tensor(struct coprocess *p, int64_t turn, const char *name, const struct tensor *t,
                     struct err *e) {
    struct err broken = {.code = 0};
    return stream_tensor(&p->out, turn, name, t, &broken) ? died(p, e) : 0;
}

int coprocess_lose(struct coprocess *p, int64_t turn, const struct err *what, struct err *e) {
    struct err broken = {.code = 0};
    return stream_error(&p->out, turn, what, &broken) ? died(p, e) : 0;
}

struct frame *coprocess_read(struct coprocess *p, struct err *e) {
    struct frame *f = NULL;
    struct err broken = {.code = 0};
    if (frame_read(p->in, &f, &broken) || !f || f->kind == FRAME_END ||
        (f->kind == FRAME_ERROR && f->turn < 0)) {
        frame_free(f);
        died(p, e);
        return NULL;
    }
    return f;
}

/* ---- begin and end ---- */

int coprocess_open(struct coprocess *p, const char *command, const char *producer,
                   const struct config *config, struct err *e) {
    int to[2], from[2];
    *p = (struct coprocess){.command = command};
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        return err_set(e, ERR_MEMORY, "co-process: no pipe: %s", strerror(errno));
    int rc = spawn(p, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    if (rc)
        return err_set(e, ERR_MEMORY, "co-process '%.200s': %s", command, strerror(rc));
    p->in = from[0];
    stream_out_init(&p->out, to[1], producer);
    struct frame_head h;
    begin_head(&h, producer, config);
    if (coprocess_send(p, &h, e))
        return e->code;
    struct frame *f = coprocess_read(p, e);
    if (f)
        begin_check(f, config, e);
    frame_free(f);
    return e->code;
}

int coprocess_close(struct coprocess *p, struct err *e) {
    struct frame *f = NULL;
    struct err broken = {.code = 0};
    char how[64];
    bool ended = false;
    if (stream_end(&p->out, &broken) == 0)
        while (!ended && frame_read(p->in, &f, &broken) == 0 && f) {
            ended = f->kind == FRAME_END;
            frame_free(f);
        }
    if (!ended)
        return died(p, e);
    close(p->in);
    close(p->out.fd);
    stream_out_free(&p->out);
    describe_exit(p, how, sizeof how);
    return 0;
}
