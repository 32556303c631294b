#!/usr/bin/env bash
# The peers on 127.0.0.1, private configurations below $PEERS_DIR: Postfix as durable intake ("hold": a commit per mail
# and nothing else), Postfix + Dovecot LMTP as the whole path to IMAP and POP3. Defaults as Debian ships them, fsync on.
# IMAP and POP3 over TLS with the certificate in $TLS_DIR, as Martlet speaks it. Dovecot's limits allow 1,000 connections over
# TLS, each with the login process and the imap process of its own that are its default.
#   peers.sh up|down
#   peers.sh rspamd-up|rspamd-down       Rspamd as the filter alone
#   peers.sh out-fill|out-stop|out-go    a third Postfix: takes mail and sends none; stops; sends what it has
set -euo pipefail
hold_port=32527 path_port=32529 lmtp_port=32024 imap_port=32143 imaps_port=32993 pop3s_port=32995
here=$PEERS_DIR

postfix_instance() { # NAME PORT EXTRA-MAIN.CF
    local folder=$here/postfix-$1
    mkdir -p "$folder"/{etc,data,spool}
    chown postfix "$folder/data"
    cat >"$folder/etc/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $folder/spool
data_directory = $folder/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
maillog_file = $folder/maillog
maillog_file_prefixes = $here
message_size_limit = 60000000
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_tls_security_level = none
smtpd_tls_security_level = none
biff = no
$3
CONF
    cat >"$folder/etc/master.cf" <<CONF
127.0.0.1:$2 inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
$([ "${queue_manager:-yes}" = no ] || echo "qmgr unix n - n 300 1 qmgr")
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
CONF
    postfix -c "$folder/etc" start 2>/dev/null
}

dovecot_instance() {
    local folder=$here/dovecot
    id vmail >/dev/null 2>&1 || useradd -r -d /nonexistent -s /usr/sbin/nologin vmail
    mkdir -p "$folder"/{run,mail}
    chown vmail "$folder/mail"
    cat >"$folder/dovecot.conf" <<CONF
base_dir = $folder/run
state_dir = $folder/run
log_path = $folder/log
ssl = yes
ssl_cert = <$TLS_DIR/server.pem
ssl_key = <$TLS_DIR/server.key
disable_plaintext_auth = no
auth_mechanisms = plain
protocols = imap pop3 lmtp
listen = 127.0.0.1
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 100
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_home = $folder/mail/%n
mail_max_userip_connections = 10000
passdb {
  driver = static
  args = password=pass
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=$folder/mail/%n allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  inet_listener imap {
    port = $imap_port
  }
  inet_listener imaps {
    port = $imaps_port
  }
  process_limit = 4000
}
service imap {
  process_limit = 4000
}
service anvil {
  client_limit = 20000
}
service auth {
  client_limit = 20000
}
service stats {
  client_limit = 20000
}
service pop3-login {
  inet_listener pop3 {
    port = 0
  }
  inet_listener pop3s {
    port = $pop3s_port
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = $lmtp_port
  }
}
CONF
    dovecot -c "$folder/dovecot.conf"
}

# The sinks of the outbound benchmark, by name of the destination.
out_instance() { # yes|no: whether the queue manager runs
    local n
    for n in 0 1 2 3 4 5 6 7 8 9; do echo "d$n.sink.test smtp:[127.0.2.$((n + 1))]:32626"; done >"$here/transport"
    queue_manager=$1 postfix_instance out 32530 "transport_maps = texthash:$here/transport
in_flow_delay = 0"
}

# The filter of the benchmark: two workers, Bayes in a Redis of its own, nothing that asks the network.
rspamd_instance() {
    local folder=$here/rspamd module
    mkdir -p "$folder"/{etc/local.d,etc/override.d,db,run,log}
    for module in rbl surbl spf dkim dkim_signing dmarc arc asn mx_check phishing fuzzy_check url_redirector greylist ratelimit \
        history_redis neural reputation replies whitelist hfilter rspamd_update antivirus external_services milter_headers bimi p0f \
        aws_s3 metric_exporter metadata_exporter clickhouse elastic dcc spamtrap; do
        echo 'enabled = false;' >"$folder/etc/override.d/$module.conf"
    done
    cat >"$folder/etc/override.d/options.inc" <<CONF
filters = "chartable,regexp";
dns { nameserver = ["127.0.0.1:32853"]; timeout = 0.05s; retransmits = 1; }
control_socket = "$folder/run/control.sock mode=0600";
pidfile = "$folder/run/rspamd.pid";
CONF
    echo "bind_socket = \"127.0.0.1:32833\"; count = 2; enabled = true;" >"$folder/etc/override.d/worker-normal.inc"
    echo 'bind_socket = "127.0.0.1:32834"; count = 1;' >"$folder/etc/override.d/worker-controller.inc"
    echo 'bind_socket = "127.0.0.1:32832"; count = 1; milter = yes; upstream "local" { default = yes; hosts = "127.0.0.1:32833"; }' >"$folder/etc/override.d/worker-proxy.inc"
    echo 'servers = "127.0.0.1:32379";' | tee "$folder/etc/override.d/redis.conf" >"$folder/etc/local.d/classifier-bayes.conf"
    echo 'level = "warning";' >"$folder/etc/override.d/logging.inc"
    chown -R _rspamd "$folder"
    setsid redis-server --port 32379 --bind 127.0.0.1 --dir "$folder/db" --save "" --appendonly no --daemonize no >"$folder/log/redis.log" 2>&1 </dev/null &
    echo $! >"$folder/redis.pid"
    wait_for_port 32379
    rspamd -c /etc/rspamd/rspamd.conf --var LOCAL_CONFDIR="$folder/etc" --var DBDIR="$folder/db" --var RUNDIR="$folder/run" \
        --var LOGDIR="$folder/log" -u _rspamd -g _rspamd >"$folder/log/start" 2>&1
    wait_for_port 32833
    wait_for_port 32834
}

wait_for_port() {
    local n
    for n in {1..150}; do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done
    echo "nothing listens on port $1" >&2
    return 1
}

end_pid() { # end_pid FILE
    local pid n
    pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && kill "$pid" 2>/dev/null || return 0
    for n in {1..100}; do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
}

rspamd_down() {
    end_pid "$here/rspamd/run/rspamd.pid"
    end_pid "$here/rspamd/redis.pid"
    rm -rf "$here/rspamd/run/rspamd.pid" "$here/rspamd/redis.pid"
}

case ${1:-} in
    rspamd-up) rspamd_instance ;;
    rspamd-down) rspamd_down ;;
    out-fill)
        postfix -c "$here/postfix-out/etc" stop 2>/dev/null || true
        out_instance no
        ;;
    out-stop) postfix -c "$here/postfix-out/etc" stop 2>/dev/null || true ;;
    out-go) out_instance yes ;;
    up)
        [ "$(id -u)" = 0 ] || { echo "Postfix and Dovecot need root; run the bench as root, or with --no-peers" >&2; exit 1; }
        mkdir -p "$here"
        chmod 755 "$here"
        dovecot_instance
        postfix_instance hold $hold_port "smtpd_recipient_restrictions = check_client_access static:HOLD
in_flow_delay = 0"
        postfix_instance path $path_port "default_transport = lmtp:inet:127.0.0.1:$lmtp_port"
        ;;
    down)
        for name in hold path out; do postfix -c "$here/postfix-$name/etc" stop 2>/dev/null || true; done
        doveadm -c "$here/dovecot/dovecot.conf" stop 2>/dev/null || true
        rspamd_down
        ;;
    *) sed -n '2,8s/^# //p' "$0" ;;
esac
