# Shared by the scripts of the local system: places, ports, users, messages. Sourced, never run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
home=${MARTLET_HOME:-$root/.martlet}
base=${MARTLET_PORT_BASE:-2000}

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }
die() {
    printf 'martlet: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '         %s\n' "$line" >&2; done
    exit 1
}

case $base in '' | *[!0-9]*) die "MARTLET_PORT_BASE must be a number, not '$base'" ;; esac
[ "$base" -ge 1024 ] && [ "$base" -le 50000 ] || die "MARTLET_PORT_BASE must be within 1024...50000, not $base"

# Every port moves with the base: n + (port - 2000).
port() { echo $((base + $1 - 2000)); }
smtp_port=$(port 2525) submission_port=$(port 2587) submissions_port=$(port 2465)
imap_port=$(port 2143) imaps_port=$(port 2993) pop3_port=$(port 2110) pop3s_port=$(port 2995) http_port=$(port 8025)
postgres_port=$(port 2432) amqp_port=$(port 2672) management_port=$(port 2673)
epmd_port=$(port 2674) distribution_port=$(port 2675)

daemons="smtpd classifyd filerd relayd accessd watchd"
is_root=$([ "$(id -u)" = 0 ] && echo yes || echo no)

# As root the servers run under their own users, the daemons under `martlet`; otherwise everything is the caller's.
owner() {
    if [ "$is_root" = no ]; then id -un; return; fi
    case $1 in
        postgres) echo postgres ;;
        rabbitmq | epmd) echo rabbitmq ;;
        *) echo martlet ;;
    esac
}

# Runs a command as the owner of a part (as root) or as we are.
as() {
    local user
    user=$(owner "$1")
    shift
    if [ "$is_root" = yes ]; then
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"
    else
        "$@"
    fi
}

# Where data and running copies of the binaries live: $home, unless its path is closed to the servers' users
# (a clone below a 0700 home): then below /var/lib/martlet, one folder per home.
place_data() {
    # Open to the servers' users when it is made here; a folder that is there stays as it is.
    [ -d "$home" ] || (umask 022 && mkdir -p "$home")
    home=$(cd "$home" && pwd)
    data=$home
    if [ "$is_root" = yes ]; then
        id martlet >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin martlet
        if ! as postgres test -x "$home" || ! as rabbitmq test -x "$home" || ! as smtpd test -x "$home"; then
            data=/var/lib/martlet/$(printf '%s' "$home" | cksum | cut -d' ' -f1)
            mkdir -p "$data"
            chmod 755 /var/lib/martlet "$data"
        fi
    fi
    services=$data/services
    config=${MARTLET_CONFIG-$data/martlet.yaml}
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; the caller's message on failure.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

# The supervisor of this very system: after a restart of the machine its pid may be anybody's.
running() {
    local pid
    pid=$(cat "$data/runsvdir.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
    [ "$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")" = "runsvdir -P $services " ]
}

postgres_bin=/usr/lib/postgresql/15/bin
rabbit_sbin() { ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin 2>/dev/null | head -1; }

secret() { # secret NAME: reads it, made on first use
    local file=$data/secrets/$1
    [ -s "$file" ] || (umask 077 && mkdir -p "$data/secrets" && head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$file")
    cat "$file"
}
