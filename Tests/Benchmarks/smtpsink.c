/* smtpsink: takes mail on some addresses and throws it away (one thread, epoll), until COUNT mails have come.
 *
 * smtpsink COUNT MAXSECS ADDRESS:PORT...
 *   Offers PIPELINING, 8BITMIME and SIZE. Prints "ready", and at the end one JSON object: how many mails and connections,
 *   when the first and the last final dot came (CLOCK_MONOTONIC, microseconds), the octets of content.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct peer { int fd, listens, data, at; char line[1024]; int n; char out[65536]; int outn; };
static long count, taken, connections; static uint64_t first, last, octets;
static const char dot[] = "\r\n.\r\n";
static uint64_t now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000ull + t.tv_nsec / 1000; }
static void say(struct peer *p, const char *s) { size_t n = strlen(s); if (p->outn + n <= sizeof p->out) { memcpy(p->out + p->outn, s, n); p->outn += n; } }

/* A command; returns 0 when the connection is over. */
static int command(struct peer *p) {
	if (!strncasecmp(p->line, "EHLO", 4)) say(p, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000\r\n");
	else if (!strncasecmp(p->line, "DATA", 4)) { say(p, "354 go\r\n"); p->data = 1; p->at = 2; }
	else if (!strncasecmp(p->line, "QUIT", 4)) { say(p, "221 bye\r\n"); return 0; }
	else say(p, "250 ok\r\n");
	return 1;
}
/* Returns 0 when the connection is over. */
static int feed(struct peer *p, const char *b, ssize_t n) {
	ssize_t i = 0;
	while (i < n) {
		if (p->data) {
			if (p->at == 0) { const char *r = memchr(b + i, '\r', n - i); ssize_t to = r ? r - b : n; octets += to - i; i = to; if (i == n) break; }
			char c = b[i++]; octets++;
			p->at = c == dot[p->at] ? p->at + 1 : c == '\r' ? 1 : 0;
			if (p->at == 5) { p->data = 0; taken++; last = now_us(); if (!first) first = last; say(p, "250 2.0.0 taken\r\n"); }
		} else {
			char c = b[i++];
			if (p->n < (int)sizeof p->line - 1) p->line[p->n++] = c;
			if (c == '\n') { p->line[p->n] = 0; p->n = 0; if (!command(p)) return 0; }
		}
	}
	return 1;
}
int main(int argc, char **argv) {
	if (argc < 4) return 1;
	count = atol(argv[1]); double maxsecs = atof(argv[2]); if (maxsecs > 600) return 1;
	int ep = epoll_create1(0);
	for (int i = 3; i < argc; i++) {
		char *colon = strchr(argv[i], ':'); if (!colon || strncmp(argv[i], "127.", 4)) { fprintf(stderr, "only 127.x:PORT\n"); return 1; }
		*colon = 0; struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(atoi(colon + 1)) }; inet_pton(AF_INET, argv[i], &sa.sin_addr);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1; setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (void *)&sa, sizeof sa) || listen(fd, 1024)) { perror(argv[i]); return 2; }
		struct peer *p = calloc(1, sizeof *p); p->fd = fd; p->listens = 1;
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = p }; epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	}
	puts("ready"); fflush(stdout);
	struct epoll_event ev[256]; static char buf[262144]; uint64_t start = now_us(); int lingers = 0;
	while (now_us() - start < maxsecs * 1e6) {
		/* The last answers are still to be written, and QUIT to be heard: a moment without events ends it. */
		if (taken >= count && ++lingers > 50) break;
		int n = epoll_wait(ep, ev, 256, taken >= count ? 20 : 200);
		if (taken >= count && n == 0) break;
		for (int i = 0; i < n; i++) {
			struct peer *p = ev[i].data.ptr;
			if (p->listens) {
				int fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1; if (fd < 0) continue;
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); connections++;
				struct peer *q = calloc(1, sizeof *q); q->fd = fd; struct epoll_event e = { .events = EPOLLIN, .data.ptr = q }; epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
				say(q, "220 sink ESMTP\r\n"); if (write(fd, q->out, q->outn) < 0) perror("write"); q->outn = 0; continue;
			}
			ssize_t r = recv(p->fd, buf, sizeof buf, 0);
			int over = r == 0 || (r < 0 && errno != EAGAIN) || (r > 0 && !feed(p, buf, r));
			/* Answers are few and short: the socket takes them. */
			if (p->outn && write(p->fd, p->out, p->outn) < 0 && errno != EPIPE && errno != ECONNRESET) perror("write");
			p->outn = 0;
			if (over) { close(p->fd); free(p); }
		}
	}
	printf("{\"n\": %ld, \"connections\": %ld, \"first_us\": %lu, \"last_us\": %lu, \"octets\": %lu}\n", taken, connections, first, last, octets);
	return taken >= count ? 0 : 3;
}
