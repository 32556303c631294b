#define _GNU_SOURCE
#include "CRabbitMQ.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static amqp_table_entry_t boolean(const char *key) {
    amqp_table_entry_t entry;
    memset(&entry, 0, sizeof entry);
    entry.key = amqp_cstring_bytes(key);
    entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    entry.value.value.boolean = 1;
    return entry;
}

amqp_rpc_reply_t crabbitmq_login(amqp_connection_state_t state, const char *vhost, int channel_max, int frame_max,
                                 int heartbeat, const char *connection_name, const char *user, const char *password) {
    amqp_table_entry_t capabilities[2] = {boolean("connection.blocked"), boolean("consumer_cancel_notify")};
    amqp_table_entry_t properties[2];
    memset(properties, 0, sizeof properties);
    properties[0].key = amqp_cstring_bytes("capabilities");
    properties[0].value.kind = AMQP_FIELD_KIND_TABLE;
    properties[0].value.value.table.num_entries = 2;
    properties[0].value.value.table.entries = capabilities;
    properties[1].key = amqp_cstring_bytes("connection_name");
    properties[1].value.kind = AMQP_FIELD_KIND_UTF8;
    properties[1].value.value.bytes = amqp_cstring_bytes(connection_name);
    amqp_table_t table = {2, properties};
    return amqp_login_with_properties(state, vhost, channel_max, frame_max, heartbeat, &table, AMQP_SASL_METHOD_PLAIN,
                                      user, password);
}

int crabbitmq_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// Both fail harmlessly on a full or empty counter.
void crabbitmq_signal(int eventfd) { (void)eventfd_write(eventfd, 1); }

void crabbitmq_drain(int eventfd) {
    eventfd_t count;
    (void)eventfd_read(eventfd, &count);
}

int crabbitmq_harden_socket(int fd, unsigned int unacknowledged_milliseconds, int send_buffer) {
    int on = 1, idle = 5, interval = 5, count = 3;
    if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_milliseconds, sizeof unacknowledged_milliseconds))
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on)) return -1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle)) return -1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval)) return -1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count)) return -1;
    return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
}
