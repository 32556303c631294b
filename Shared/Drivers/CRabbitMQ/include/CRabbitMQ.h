// librabbitmq 0.11 and the few system calls its event loop needs, as Swift can call them.
#ifndef MARTLET_CRABBITMQ_H
#define MARTLET_CRABBITMQ_H

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

// amqp_login is variadic. Announces that we understand connection.blocked and consumer_cancel_notify, and shows
// `connection_name` in the broker's list of connections.
amqp_rpc_reply_t crabbitmq_login(amqp_connection_state_t state, const char *vhost, int channel_max, int frame_max,
                                 int heartbeat, const char *connection_name, const char *user, const char *password);

// An eventfd, non-blocking and closed on exec; -1 with errno set when there is none.
int crabbitmq_eventfd(void);
void crabbitmq_signal(int eventfd);
void crabbitmq_drain(int eventfd);

// What keeps a vanished or blocked peer from holding the thread: TCP_USER_TIMEOUT, keep-alive, a send buffer large
// enough that a socket that polls as writable takes a whole message. 0, or -1 when the socket refused one of them.
int crabbitmq_harden_socket(int fd, unsigned int unacknowledged_milliseconds, int send_buffer);

#endif
