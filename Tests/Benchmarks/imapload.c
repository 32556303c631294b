/* imapload: a bounded IMAP load generator over TLS (one thread, epoll, no pipelining).
 *
 * imapload HOST PORT USERFMT USERS PASS MODE CLIENTS SECS [MBOX] [SEED]
 *   USERFMT  e.g. u%d, users 1..USERS      HOST must be in 127.0.0.0/8
 *            Where a client stays connected, the clock starts when all have logged in.
 *   MODE     mix     LOGIN, then with the odds of imaptest's defaults LIST, STATUS, SELECT, FETCH metadata,
 *                    FETCH body, STORE, STORE \Deleted, EXPUNGE, APPEND, and LOGOUT; a new connection per session
 *            steady  as mix, but a client logs in once and stays
 *            read    as steady, without deleting and expunging
 *            login   connect, LOGIN, LOGOUT
 *            append  LOGIN once, then APPEND again and again
 *            noop    LOGIN, SELECT once, then NOOP again and again
 *            body    LOGIN, SELECT once, then FETCH n BODY.PEEK[] of random messages
 *   MBOX     mbox file with CRLF lines for APPEND (default: one 4 KiB message)
 * Prints one JSON object: per command count, mean, p50, p99 in microseconds, and totals.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { C_CONNECT, C_LOGIN, C_LIST, C_STATUS, C_SELECT, C_FETCH, C_FETCH2, C_STORE, C_DELETE, C_EXPUNGE, C_APPEND, C_LOGOUT, C_NOOP, C_N };
static const char *names[C_N] = { "connect", "login", "list", "status", "select", "fetch", "fetch2", "store", "delete", "expunge", "append", "logout", "noop" };
enum { M_MIX, M_STEADY, M_LOGIN, M_APPEND, M_NOOP, M_BODY, M_READ };

struct hist { uint32_t *v; size_t n, cap; double sum; };
static struct hist H[C_N];
static uint64_t errors, bytes_in;

struct client {
	SSL *tls;
	int fd, mode, cmd, step, appending, again;
	unsigned tag; char tags[16]; int taglen;
	uint64_t t0;
	long lit;                 /* literal bytes still to skip */
	char line[8192]; int ll; int cont;   /* start of the current line; cont: line continues after a literal */
	char *out; size_t outn, outoff;
	const char *body; size_t bodyn;
	long msgs; int user;
};

static const char *host, *userfmt, *pass; static int port, users, nclients, mode, ep; static double secs;
static char **mb; static size_t *mbn; static size_t mbc;
static uint64_t rs, begun; static SSL_CTX *tls; static int waiting;
static uint64_t rnd(void) { rs ^= rs << 13; rs ^= rs >> 7; rs ^= rs << 17; return rs; }
static uint64_t now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000ull + t.tv_nsec / 1000; }

static void hist_add(int c, uint64_t us) {
	struct hist *h = &H[c];
	if (h->n == h->cap) { h->cap = h->cap ? h->cap * 2 : 1024; h->v = realloc(h->v, h->cap * 4); }
	h->v[h->n++] = us > UINT32_MAX ? UINT32_MAX : us; h->sum += us;
}
static void load_mbox(const char *path) {
	if (!path) {
		char *m = malloc(5000); int n = sprintf(m, "From: a@bench.test\r\nTo: b@bench.test\r\nSubject: append\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <x@bench.test>\r\n\r\n");
		while (n < 4096 - 66) n += sprintf(m + n, "The quick brown fox jumps over the lazy dog and then some more.\r\n");
		mb = malloc(sizeof *mb); mbn = malloc(sizeof *mbn); mb[0] = m; mbn[0] = n; mbc = 1; return;
	}
	FILE *f = fopen(path, "rb"); if (!f) { perror(path); exit(1); }
	fseek(f, 0, SEEK_END); long n = ftell(f); rewind(f); char *b = malloc(n + 1); if (fread(b, 1, n, f) != (size_t)n) exit(1); b[n] = 0;
	size_t cap = 16; mb = malloc(cap * sizeof *mb); mbn = malloc(cap * sizeof *mbn);
	char *p = b, *end = b + n;
	while (p < end) {
		char *e = memchr(p, '\n', end - p); if (!e) break;            /* skips the "From " line */
		char *m = e + 1, *q = memmem(m, end - m, "\nFrom ", 6); char *stop = q ? q + 1 : end;
		if (mbc == cap) { cap *= 2; mb = realloc(mb, cap * sizeof *mb); mbn = realloc(mbn, cap * sizeof *mbn); }
		mb[mbc] = m; mbn[mbc++] = stop - m; p = stop;
	}
	if (!mbc) exit(1);
}
static void arm(struct client *c) {
	struct epoll_event ev = { .events = EPOLLIN | (c->outoff < c->outn ? EPOLLOUT : 0), .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}
static void flush_out(struct client *c) {
	while (c->outoff < c->outn) {
		int r = SSL_write(c->tls, c->out + c->outoff, c->outn - c->outoff), e = r > 0 ? 0 : SSL_get_error(c->tls, r);
		if (r <= 0) { if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ) { arm(c); return; } errors++; return; }
		c->outoff += r;
	}
}
static void put(struct client *c, const char *s, size_t n) {
	if (c->outoff == c->outn) c->outoff = c->outn = 0;
	c->out = realloc(c->out, c->outn + n); memcpy(c->out + c->outn, s, n); c->outn += n;
}
static void cmd(struct client *c, int k, const char *fmt, ...) {
	char b[512]; va_list ap; int n;
	c->cmd = k; c->tag++;
	c->taglen = snprintf(c->tags, sizeof c->tags, "T%u ", c->tag);
	memcpy(b, c->tags, c->taglen);
	va_start(ap, fmt); n = vsnprintf(b + c->taglen, sizeof b - c->taglen - 2, fmt, ap); va_end(ap);
	memcpy(b + c->taglen + n, "\r\n", 2);
	c->t0 = now_us(); put(c, b, c->taglen + n + 2); flush_out(c);
}
static void do_connect(struct client *c) {
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &sa.sin_addr);
	if (c->fd >= 0) { close(c->fd); SSL_free(c->tls); }
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); int one = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c->t0 = now_us(); c->cmd = C_CONNECT; c->step = 0; c->ll = 0; c->lit = 0; c->cont = 0; c->outn = c->outoff = 0; c->msgs = 0; c->tag = 0; c->taglen = 0;
	if (connect(c->fd, (void *)&sa, sizeof sa) < 0) { errors++; perror("connect"); if (errors > 100) exit(2); return; }
	c->tls = SSL_new(tls); SSL_set_fd(c->tls, c->fd);
	if (SSL_connect(c->tls) != 1) { fprintf(stderr, "no TLS with %s\n", host); exit(2); }
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
	c->user = 1 + (mode == M_MIX ? rnd() % users : (uint64_t)(c->user - 1) % users);
}
static int odds(int p) { return (int)(rnd() % 100) < p; }
static void do_append(struct client *c) {
	size_t i = rnd() % mbc; c->body = mb[i]; c->bodyn = mbn[i]; c->appending = 1;
	cmd(c, C_APPEND, "APPEND INBOX {%zu}", c->bodyn);
}
static void range(struct client *c, char *b, int max) {
	long a = 1 + rnd() % (c->msgs > 0 ? c->msgs : 1), z = a + rnd() % max; if (z > c->msgs) z = c->msgs; if (z < a) z = a;
	sprintf(b, "%ld:%ld", a, z);
}
/* what comes next; step counts the place in the session */
static void next(struct client *c) {
	char r[64], u[128];
	if (c->cmd == C_CONNECT) { snprintf(u, sizeof u, userfmt, c->user); cmd(c, C_LOGIN, "LOGIN %s %s", u, pass); c->step = 1; return; }
	if (mode == M_LOGIN) { if (c->cmd == C_LOGIN) cmd(c, C_LOGOUT, "LOGOUT"); else do_connect(c); return; }
	if (mode == M_APPEND) { do_append(c); return; }
	if (mode == M_NOOP || mode == M_BODY) {
		if (c->cmd == C_LOGIN) cmd(c, C_SELECT, "SELECT INBOX");
		else if (mode == M_NOOP) cmd(c, C_NOOP, "NOOP");
		else cmd(c, C_FETCH2, "FETCH %ld BODY.PEEK[]", 1 + (long)(rnd() % (c->msgs > 0 ? c->msgs : 1)));
		return;
	}
	for (;;) switch (c->step++) {
	case 1: if (odds(50)) { cmd(c, C_LIST, "LIST \"\" \"*\""); return; } break;
	case 2: if (odds(50)) { cmd(c, C_STATUS, "STATUS INBOX (MESSAGES UNSEEN RECENT)"); return; } break;
	case 3: cmd(c, C_SELECT, "SELECT INBOX"); return;
	case 4: if (c->msgs > 0) { range(c, r, 30); cmd(c, C_FETCH, odds(50) ? "FETCH %s (UID FLAGS ENVELOPE RFC822.SIZE)" : "FETCH %s (UID FLAGS INTERNALDATE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (From To Subject Date Message-ID References)])", r); return; } break;
	case 5: if (c->msgs > 0) { if (odds(30)) c->step--; cmd(c, C_FETCH2, "FETCH %ld BODY[]", 1 + (long)(rnd() % c->msgs)); return; } break;
	case 6: if (c->msgs > 0 && odds(50)) { range(c, r, 10); cmd(c, C_STORE, odds(50) ? "STORE %s +FLAGS (\\Flagged $x)" : "STORE %s -FLAGS.SILENT (\\Flagged)", r); return; } break;
	case 7: if (mode == M_READ) { c->step = 9; continue; } if (c->msgs > 30) { cmd(c, C_DELETE, "STORE 1:%ld +FLAGS.SILENT (\\Deleted)", c->msgs - 30); return; } break;
	case 8: cmd(c, C_EXPUNGE, "EXPUNGE"); return;
	case 9: if (odds(5)) c->step--; do_append(c); return;
	default:
		if (mode == M_STEADY || mode == M_READ) { c->step = 1; continue; }
		cmd(c, C_LOGOUT, "LOGOUT"); return;
	}
}
static int keeps(void) { return mode != M_MIX && mode != M_LOGIN; }
static void done(struct client *c, int ok) {
	if (!begun) {                             /* all log in first, then the clock starts */
		if (!ok) { fprintf(stderr, "%s: %.200s\n", names[c->cmd], c->line); exit(2); }
		if (c->cmd == C_LOGIN) waiting++; else next(c);
		return;
	}
	hist_add(c->cmd, now_us() - c->t0);
	if (!ok) { errors++; if (errors < 5) fprintf(stderr, "not OK: %.200s\n", c->line); }
	if (c->cmd == C_LOGOUT) { do_connect(c); return; }
	next(c);
}
static void line(struct client *c) {            /* a whole line (or its first 8 KiB) is in c->line */
	if (c->cmd == C_CONNECT) { if (!strncmp(c->line, "* OK", 4) || !strncmp(c->line, "* PREAUTH", 9)) done(c, 1); return; }
	if (c->line[0] == '+' && c->appending) { c->appending = 0; put(c, c->body, c->bodyn); put(c, "\r\n", 2); flush_out(c); return; }
	if (c->line[0] == '*' && c->line[1] == ' ' && c->line[2] >= '0' && c->line[2] <= '9') {
		char *e; long n = strtol(c->line + 2, &e, 10);
		if (!strncmp(e, " EXISTS", 7)) c->msgs = n; else if (!strncmp(e, " EXPUNGE", 8)) c->msgs--;
		return;
	}
	if (c->taglen && !strncmp(c->line, c->tags, c->taglen)) { c->appending = 0; done(c, !strncmp(c->line + c->taglen, "OK", 2) || c->cmd == C_FETCH || c->cmd == C_FETCH2); }
}
static void feed(struct client *c, char *b, ssize_t n) {
	int fd = c->fd;
	while (n > 0) {
		if (c->lit > 0) { long k = c->lit < n ? c->lit : n; b += k; n -= k; c->lit -= k; continue; }
		char *e = memchr(b, '\n', n); ssize_t k = e ? e + 1 - b : n, room = (ssize_t)sizeof c->line - 1 - c->ll, w = k < room ? k : room;
		memcpy(c->line + c->ll, b, w); c->ll += w; b += k; n -= k;
		if (c->ll == (int)sizeof c->line - 1 && !e) { memmove(c->line + 64, c->line + c->ll - 64, 64); c->ll = 128; }   /* keeps the head and the tail */
		if (!e) return;
		c->line[c->ll] = 0;
		char *q = c->line + c->ll - 1; while (q > c->line && (*q == '\n' || *q == '\r')) q--;
		if (*q == '}' && c->line[0] == '*') {
			char *o = q; while (o > c->line && *o != '{') o--;
			c->lit = atol(o + 1); if (c->ll > 4096) { memmove(c->line + 64, c->line + c->ll - 64, 64); c->ll = 128; }
			continue;
		}
		c->ll = 0; line(c);
		if (c->fd != fd) return;
	}
}
static int cmpu(const void *a, const void *b) { uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b; return x < y ? -1 : x > y; }
int main(int argc, char **argv) {
	if (argc < 9) { fprintf(stderr, "see the head of imapload.c\n"); return 1; }
	host = argv[1]; port = atoi(argv[2]); userfmt = argv[3]; users = atoi(argv[4]); pass = argv[5];
	const char *ms[] = { "mix", "steady", "login", "append", "noop", "body", "read" }; mode = -1;
	for (int i = 0; i < 7; i++) if (!strcmp(argv[6], ms[i])) mode = i;
	nclients = atoi(argv[7]); secs = atof(argv[8]);
	if (mode < 0 || strncmp(host, "127.", 4) || secs > 120 || nclients > 5000) { fprintf(stderr, "bad mode, host, time or clients\n"); return 1; }
	load_mbox(argc > 9 && *argv[9] && strcmp(argv[9], "-") ? argv[9] : NULL);
	rs = 88172645463325252ull + 7919ull * (argc > 10 ? atoi(argv[10]) : 1);
	ep = epoll_create1(0);
	struct client *cs = calloc(nclients, sizeof *cs);
	tls = SSL_CTX_new(TLS_client_method()); SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	signal(SIGPIPE, SIG_IGN);
	uint64_t start = now_us(), end = start + 60000000ull;                 /* time to log in */
	if (!keeps()) { begun = start; end = start + (uint64_t)(secs * 1e6); }
	for (int i = 0; i < nclients; i++) { cs[i].fd = -1; cs[i].user = i + 1; do_connect(&cs[i]); }
	static char buf[1 << 18]; struct epoll_event ev[256];
	while (now_us() < end) {
		if (!begun && waiting == nclients) {
			begun = start = now_us(); end = start + (uint64_t)(secs * 1e6); bytes_in = 0;
			for (int i = 0; i < nclients; i++) next(&cs[i]);
		}
		int n = epoll_wait(ep, ev, 256, 100);
		for (int i = 0; i < n; i++) {
			struct client *c = ev[i].data.ptr;
			if (ev[i].events & EPOLLOUT) { flush_out(c); if (c->outoff == c->outn) arm(c); }
			if (!(ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
			for (;;) {                                        /* until TLS has nothing left in its buffer */
				SSL *was = c->tls; int r = SSL_read(was, buf, sizeof buf), e = r > 0 ? 0 : SSL_get_error(was, r);
				if (r > 0) { bytes_in += r; feed(c, buf, r); if (c->tls != was) break; continue; }
				if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) { if (c->cmd != C_LOGOUT) errors++; if (errors > 1000) { fprintf(stderr, "too many errors\n"); return 2; } do_connect(c); }
				break;
			}
		}
	}
	if (!begun) { fprintf(stderr, "%d of %d clients logged in within 60 s\n", waiting, nclients); return 2; }
	double wall = (now_us() - start) / 1e6; uint64_t total = 0; int first = 1;
	printf("{\"by\": {");
	for (int k = 0; k < C_N; k++) if (H[k].n) {
		qsort(H[k].v, H[k].n, 4, cmpu); if (k != C_CONNECT) total += H[k].n;
		printf("%s\"%s\": {\"n\": %zu, \"per_s\": %.1f, \"mean_us\": %.0f, \"p50_us\": %u, \"p99_us\": %u}", first ? "" : ", ", names[k], H[k].n, H[k].n / wall, H[k].sum / H[k].n, H[k].v[H[k].n / 2], H[k].v[(size_t)(H[k].n * 0.99)]);
		first = 0;
	}
	struct rusage ru; getrusage(RUSAGE_SELF, &ru);
	printf("}, \"commands\": %lu, \"wall\": %.3f, \"per_s\": %.1f, \"errors\": %lu, \"mib_in\": %.1f, \"client_cpu\": %.2f}\n", total, wall, total / wall, errors, bytes_in / 1048576.0,
		ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	return 0;
}
