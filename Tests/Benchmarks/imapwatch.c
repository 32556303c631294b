/* imapwatch: watches Inboxes by IDLE over TLS and fetches what arrives (one thread, epoll).
 *
 * imapwatch HOST PORT PASS FIRST LAST EXPECT keep|empty USER...
 *   HOST must be in 127.0.0.0/8; "empty" deletes what the Inboxes hold before it begins to watch.
 * On an EXISTS a client sends DONE, a FETCH of the X-Bench-Id of what is new and the next IDLE in one go.
 * Prints "ready" when all are in IDLE, and ends when EXPECT mails with ids FIRST...LAST have been seen, at SIGTERM or
 * after 180 s. Then a line "ID MICROSECONDS" for each, the time (CLOCK_MONOTONIC) being that of the EXISTS which told of it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct client {
	SSL *tls; int fd;
	long exists, asked, fetching;   /* messages told of, asked for; the one whose FETCH is being read */
	uint64_t *told; long room;      /* when message n was told of */
	int idling; unsigned tag;
	char line[4096]; int n;
};

static const char *host, *pass; static int port;
static long first, last, expect, seen; static uint64_t *at;
static volatile sig_atomic_t ended;
static uint64_t now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000ull + t.tv_nsec / 1000; }
static void end(int signal) { (void)signal; ended = 1; }
static void fail(const char *what, const char *line) { fprintf(stderr, "imapwatch: %s: %s\n", what, line); exit(2); }

static void tell(struct client *c, long n) {
	if (n > c->room) {
		c->room = n * 2 + 64;
		if (!(c->told = realloc(c->told, c->room * sizeof *c->told))) fail("no memory", "");
	}
	for (uint64_t now = now_us(); c->exists < n; c->exists++) c->told[c->exists] = now;
	c->exists = n;
}

/* A line of an answer, without its CRLF. */
static void take(struct client *c) {
	long n; char word[16];
	if (c->line[0] == '+') c->idling = 1;
	else if (!strncasecmp(c->line, "X-Bench-Id: ", 12)) {
		long id = atol(c->line + 12);
		if (id >= first && id <= last && c->fetching >= 1 && c->fetching <= c->exists && !at[id - first]) {
			at[id - first] = c->told[c->fetching - 1];
			seen++;
		}
	} else if (sscanf(c->line, "* %ld %15s", &n, word) == 2) {
		if (!strcmp(word, "EXISTS")) tell(c, n);
		else if (!strcmp(word, "EXPUNGE")) c->exists--;
		else if (!strcmp(word, "FETCH")) c->fetching = n;
	} else if (c->line[0] == 'x' && !strstr(c->line, " OK")) fail("refused", c->line);
}

static void put(struct client *c, const char *text, int n) {
	if (SSL_write(c->tls, text, n) != n) fail("cannot write", text);   /* a few hundred bytes at most */
}

static void follow(struct client *c) {
	char text[256];
	if (!c->idling || c->exists == c->asked) return;
	int n = snprintf(text, sizeof text, "DONE\r\nx%u FETCH %ld:%ld (BODY.PEEK[HEADER.FIELDS (X-BENCH-ID)])\r\nx%u IDLE\r\n",
		c->tag + 1, c->asked + 1, c->exists, c->tag + 2);
	c->tag += 2; c->asked = c->exists; c->idling = 0;
	put(c, text, n);
}

/* Reads what is there; false when there is nothing more for now. */
static int feed(struct client *c) {
	char bytes[16384];
	int n = SSL_read(c->tls, bytes, sizeof bytes);
	if (n <= 0) {
		if (SSL_get_error(c->tls, n) != SSL_ERROR_WANT_READ) fail("the server left", c->line);
		return 0;
	}
	for (char *b = bytes, *stop = bytes + n; b < stop; b++) {
		if (*b != '\n') { if (*b != '\r' && c->n < (int)sizeof c->line - 1) c->line[c->n++] = *b; continue; }
		c->line[c->n] = 0; c->n = 0;
		take(c);
	}
	return 1;
}

static void command(struct client *c, const char *text) {
	char line[512], tag[16]; int n = snprintf(line, sizeof line, "x%u %s\r\n", ++c->tag, text), t = snprintf(tag, sizeof tag, "x%u ", c->tag);
	put(c, line, n);
	do { feed(c); } while (strncmp(c->line, tag, t) && !(c->idling && !strcmp(text, "IDLE")));
}

static void open_client(struct client *c, SSL_CTX *context, const char *user, int empty) {
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &address.sin_addr);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (void *)&address, sizeof address)) fail("cannot connect", host);
	c->tls = SSL_new(context); SSL_set_fd(c->tls, c->fd);
	if (SSL_connect(c->tls) != 1) fail("no TLS", host);
	char login[256]; snprintf(login, sizeof login, "LOGIN %s %s", user, pass);
	feed(c);                                                       /* the greeting */
	command(c, login);
	command(c, "SELECT INBOX");
	if (empty && c->exists) { command(c, "STORE 1:* +FLAGS.SILENT (\\Deleted)"); command(c, "EXPUNGE"); }
	c->asked = c->exists;
	command(c, "IDLE");
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

int main(int argc, char **argv) {
	if (argc < 9) { fprintf(stderr, "see the head of imapwatch.c\n"); return 1; }
	host = argv[1]; port = atoi(argv[2]); pass = argv[3]; first = atol(argv[4]); last = atol(argv[5]); expect = atol(argv[6]);
	if (strncmp(host, "127.", 4) || last < first || !(at = calloc(last - first + 1, sizeof *at))) return 1;
	signal(SIGPIPE, SIG_IGN); signal(SIGTERM, end);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int count = argc - 8, epoll = epoll_create1(0);
	struct client *clients = calloc(count, sizeof *clients);
	for (int i = 0; i < count; i++) {
		open_client(&clients[i], context, argv[8 + i], !strcmp(argv[7], "empty"));
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &clients[i] };
		epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
	}
	printf("ready\n"); fflush(stdout);
	struct epoll_event events[64];
	for (uint64_t stop = now_us() + 180000000ull; !ended && seen < expect && now_us() < stop;) {
		int n = epoll_wait(epoll, events, 64, 1000);
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;
			while (feed(c)) {}
			follow(c);
		}
	}
	for (long id = first; id <= last; id++) if (at[id - first]) printf("%ld %lu\n", id, at[id - first]);
	return 0;
}
