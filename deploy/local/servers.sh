# The private PostgreSQL and RabbitMQ of the local system. Sourced by `run` and `stop`, after lib.sh.

# service NAME SCRIPT: a runit service whose run script is SCRIPT; its output goes to log/NAME/current.
service() {
    local folder=$services/$1
    mkdir -p "$folder/log" "$data/log/$1"
    printf '#!/bin/bash\nexec 2>&1\n%s\n' "$2" >"$folder/run.new"
    printf '#!/bin/sh\nexec svlogd -tt %q\n' "$data/log/$1" >"$folder/log/run.new"
    chmod 755 "$folder/run.new" "$folder/log/run.new"
    mv "$folder/log/run.new" "$folder/log/run"
    mv "$folder/run.new" "$folder/run"
}

as_prefix() { [ "$is_root" = yes ] && printf 'setpriv --reuid=%s --regid=%s --init-groups --' "$(owner "$1")" "$(id -g "$(owner "$1")")" || true; }

make_postgres() {
    local cluster=$data/postgres
    if [ ! -s "$cluster/PG_VERSION" ]; then
        step "creating a private PostgreSQL in $cluster"
        mkdir -p "$cluster"
        chmod 700 "$cluster"
        [ "$is_root" = no ] || chown "$(owner postgres)" "$cluster"
        local password_file
        password_file=$(mktemp)
        secret postgres.password >"$password_file"
        [ "$is_root" = no ] || chown "$(owner postgres)" "$password_file"
        (cd / && as postgres "$postgres_bin/initdb" -D "$cluster" -U postgres --pwfile="$password_file" \
            -A scram-sha-256 --no-locale -E UTF8 >"$data/log/initdb.log" 2>&1) ||
            die "initdb failed" "See $data/log/initdb.log"
        rm -f "$password_file"
    fi
    cat >"$cluster/martlet.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $postgres_port
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = lz4
fsync = on
synchronous_commit = on
log_line_prefix = '%m [%p] %u %a '
CONF
    grep -q "include 'martlet.conf'" "$cluster/postgresql.conf" || echo "include 'martlet.conf'" >>"$cluster/postgresql.conf"
    [ "$is_root" = no ] || chown -R "$(owner postgres)" "$cluster/martlet.conf"
    service postgres "cd /; exec $(as_prefix postgres) $postgres_bin/postgres -D $(printf %q "$cluster")"
    # TERM would wait for every client to leave; INT is PostgreSQL's fast shutdown.
    mkdir -p "$services/postgres/control"
    printf '#!/bin/sh\nexec kill -INT "$(cat supervise/pid)"\n' >"$services/postgres/control/t"
    chmod 755 "$services/postgres/control/t"
}

postgres_url() { # postgres_url ROLE PASSWORD [DATABASE]
    echo "postgresql://$1:$2@127.0.0.1:$postgres_port/${3:-martlet}"
}

make_rabbitmq() { # make_rabbitmq DEFINITIONS
    local folder=$data/rabbitmq
    mkdir -p "$folder"/{etc,log,home,mnesia}
    cat >"$folder/etc/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$amqp_port
management.tcp.ip = 127.0.0.1
management.tcp.port = $management_port
management.load_definitions = $folder/etc/definitions.json
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 1GB
loopback_users = none
CONF
    [ -z "${1:-}" ] || cp "$1" "$folder/etc/definitions.json"
    echo '[rabbitmq_management].' >"$folder/etc/enabled_plugins"
    : >"$folder/etc/rabbitmq-env.conf"
    cat >"$folder/environment" <<ENV
export HOME=$(printf %q "$folder/home") RABBITMQ_NODENAME=martlet-$base@localhost
export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$amqp_port RABBITMQ_DIST_PORT=$distribution_port
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd_port
export RABBITMQ_MNESIA_BASE=$(printf %q "$folder/mnesia") RABBITMQ_LOG_BASE=$(printf %q "$folder/log")
export RABBITMQ_CONFIG_FILE=$(printf %q "$folder/etc/rabbitmq.conf") RABBITMQ_CONF_ENV_FILE=$(printf %q "$folder/etc/rabbitmq-env.conf")
export RABBITMQ_ENABLED_PLUGINS_FILE=$(printf %q "$folder/etc/enabled_plugins") RABBITMQ_PID_FILE=$(printf %q "$folder/pid")
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
ENV
    chmod 640 "$folder/etc/definitions.json"
    [ "$is_root" = no ] || chown -R "$(owner rabbitmq)" "$folder"
    service epmd "export ERL_EPMD_RELAXED_COMMAND_CHECK=true; exec $(as_prefix epmd) epmd -address 127.0.0.1 -port $epmd_port"
    service rabbitmq "cd /; ulimit -n 65536 2>/dev/null || true; . $(printf %q "$folder/environment"); exec $(as_prefix rabbitmq) $(rabbit_sbin)/rabbitmq-server"
}

# The supervisor: runit's runsvdir restarts what dies, at most once a second.
start_supervisor() {
    running && return
    setsid runsvdir -P "$services" </dev/null >>"$data/log/runsvdir" 2>&1 &
    echo $! >"$data/runsvdir.pid"
}

# Stops services side by side and waits for them (and not for the supervisor, which may be our child too).
stop_services() { # stop_services SECONDS NAME...
    local limit=$1 name pids=()
    shift
    for name in "$@"; do
        [ -d "$services/$name" ] || continue
        sv -w "$limit" force-stop "$services/$name" >/dev/null 2>&1 &
        pids+=($!)
    done
    [ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" || true
}

# A supervisor of one service that outlived the one of all, and its service with it.
orphans() {
    local name
    for name in "$services"/*; do
        if [ -d "$name" ] && ! supervisor_gone "$name"; then return 0; fi
    done
    return 1
}

stop_everything() {
    local pid= name
    if running; then pid=$(cat "$data/runsvdir.pid"); elif ! orphans; then return 0; fi
    # shellcheck disable=SC2086 # a list of names
    stop_services 35 $daemons
    stop_services 40 rabbitmq postgres
    stop_services 5 epmd
    if [ -n "$pid" ]; then
        kill -HUP "$pid" 2>/dev/null || true # runsvdir: TERM every runsv, then leave
        wait_for 10 "the supervisor to leave" not_alive "$pid" || kill -9 "$pid" 2>/dev/null || true
    fi
    for name in "$services"/*; do
        supervisor_gone "$name" || sv exit "$name" >/dev/null 2>&1 || true
        wait_for 10 "$name" supervisor_gone "$name" || true
    done
    rm -f "$data/runsvdir.pid"
}

not_alive() { ! kill -0 "$1" 2>/dev/null; }
supervisor_gone() { ! fuser_lock "$1/supervise/lock"; }
fuser_lock() { [ -e "$1" ] && ! flock -n "$1" true; }
