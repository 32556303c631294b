# Who is who in the local system: database roles, broker users, certificates, accounts. Sourced by `run`.
# Anybody on the machine can read a command line: passwords travel by standard input, environment and closed files.

as_superuser() { # as_superuser DATABASE SQL
    PGPASSWORD=$(secret postgres.password) psql -X -q -At -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U postgres -d "$1" <<<"$2"
}

make_database() {
    [ -n "$(as_superuser postgres "SELECT 1 FROM pg_roles WHERE rolname = 'martlet_owner'")" ] ||
        as_superuser postgres "CREATE ROLE martlet_owner LOGIN CREATEROLE PASSWORD '$(secret owner.password)'"
    [ -n "$(as_superuser postgres "SELECT 1 FROM pg_database WHERE datname = 'martlet'")" ] || {
        as_superuser postgres "CREATE DATABASE martlet OWNER martlet_owner"
        as_superuser martlet "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO martlet_owner"
    }
}

# url_password URL: the password in user:password@host, percent-decoded; nothing when there is none.
url_password() {
    local rest=${1#*://} user
    case ${rest%%/*} in *@*) user=${rest%%@*} ;; *) return 0 ;; esac
    case $user in *:*) user=${user#*:} ;; *) return 0 ;; esac
    user=${user//\\/\\\\}
    printf '%b' "${user//%/\\x}"
}

url_without_password() {
    local scheme=${1%%://*} rest=${1#*://} user
    case ${rest%%/*} in *@*) ;; *) echo "$1"; return 0 ;; esac
    user=${rest%%@*}
    echo "$scheme://${user%%:*}@${rest#*@}"
}

# Each daemon has a role and a broker user of its own, with a password of its own.
give_roles_passwords() {
    local name password
    password=$(url_password "$admin_url")
    for name in $daemons; do
        printf "ALTER ROLE martlet_%s LOGIN PASSWORD '%s';\n" "$name" "$(secret "$name.password")"
    done | PGPASSWORD=${password:-${PGPASSWORD:-}} psql -X -q -v ON_ERROR_STOP=1 "$(url_without_password "$admin_url")" ||
        die "the daemons' roles could not be given passwords" "The database user needs CREATEROLE."
}

broker_definitions() {
    local name
    {
        printf '{"martlet_admin":"%s"' "$(secret admin.password)"
        for name in $daemons; do printf ',"martlet_%s":"%s"' "$name" "$(secret "$name.password")"; done
        printf '}'
    } | "$bin/martlet" topology --definitions --passwords-stdin
}

daemon_postgres_url() { # the admin's URL with the daemon's own role in it
    local rest=${admin_url#*://}
    case ${rest%%/*} in *@*) rest=${rest#*@} ;; esac
    echo "postgresql://martlet_$1:$(secret "$1.password")@$rest"
}

daemon_amqp_url() { echo "${MARTLET_AMQP_URL:-amqp://martlet_$1:$(secret "$1.password")@127.0.0.1:$amqp_port/%2F}"; }

setting() { printf '%s' "$2" >"$services/.$daemon.env/MARTLET_$1"; }

# The settings of this system that a person may edit; the environment of each daemon has what must be as it is here.
make_config() {
    [ ! -e "$config" ] || return 0
    (umask 027 && "$bin/martlet" config keys --yaml >"$config.new") || die "the file of settings could not be made"
    [ "$is_root" = no ] || chgrp martlet "$config.new"
    mv "$config.new" "$config"
}

# make_daemon NAME: its settings as an environment folder that only it is started with, and its service.
make_daemon() {
    local daemon=$1
    rm -rf "$services/.$daemon.env"
    (umask 077 && mkdir -p "$services/.$daemon.env")
    setting POSTGRES_URL "$(daemon_postgres_url "$daemon")"
    setting AMQP_URL "$(daemon_amqp_url "$daemon")"
    setting CONFIG "$config"
    case $daemon in
        smtpd)
            setting SMTP_HOST 127.0.0.1
            setting SMTP_HOSTNAME mail.example.test
            setting SMTP_MX_PORT "$smtp_port"
            setting SMTP_SUBMISSION_PORT "$submission_port"
            setting SMTP_SUBMISSIONS_PORT "$submissions_port"
            ;;
        relayd) setting SMTP_HOSTNAME mail.example.test ;;
        accessd)
            setting IMAP_HOST 127.0.0.1
            setting IMAP_PORT "$imap_port"
            setting IMAP_IMAPS_PORT "$imaps_port"
            setting POP3_HOST 127.0.0.1
            setting POP3_PORT "$pop3_port"
            setting POP3_POP3S_PORT "$pop3s_port"
            ;;
        classifyd) setting CLASSIFY_SNAPSHOT "$data/share/$(basename "$(ls "$root"/Services/Classify/Classifier/Snapshot/*.model)")" ;;
        watchd)
            setting WATCH_HOST 127.0.0.1
            setting WATCH_PORT "$http_port"
            ;;
    esac
    case $daemon in
        smtpd | accessd)
            setting TLS_CERTIFICATE "$data/tls/server.pem"
            setting TLS_KEY "$data/tls/server.key"
            ;;
    esac
    # What the caller set for a daemon's own keys (MARTLET_SMTP_..., MARTLET_IMAP_...) wins.
    local name
    for name in $(compgen -e MARTLET_ || true); do
        case $name in
            MARTLET_HOME | MARTLET_PORT_BASE | MARTLET_POSTGRES_URL | MARTLET_AMQP_URL | MARTLET_ALLOW_ROOT | MARTLET_TEST_*) ;;
            *) printf '%s' "${!name}" >"$services/.$daemon.env/$name" ;;
        esac
    done
    # The daemons' user may not get to where the caller keeps it.
    if [ -n "${MARTLET_DNS_ZONE_FILE:-}" ]; then
        install -m 644 "$MARTLET_DNS_ZONE_FILE" "$data/dns.zone"
        setting DNS_ZONE_FILE "$data/dns.zone"
    fi
    # On one machine acceptance comes first: what is accepted can wait, who wants to be accepted cannot.
    local nice=0
    case $daemon in classifyd) nice=10 ;; filerd | relayd) nice=5 ;; esac
    service "$daemon" "ulimit -n 65536 2>/dev/null || true; exec nice -n $nice chpst -e $(printf %q "$services/.$daemon.env") $(as_prefix "$daemon") $(printf %q "$data/bin/martlet-$daemon")"
}

# What `martlet doctor` and `martlet domain dns` know of the daemons: what they are started with.
cli_settings() {
    local pair
    for pair in SMTP_HOSTNAME=mail.example.test SMTP_HOST=127.0.0.1 SMTP_MX_PORT="$smtp_port" \
        SMTP_SUBMISSION_PORT="$submission_port" SMTP_SUBMISSIONS_PORT="$submissions_port" IMAP_HOST=127.0.0.1 \
        IMAP_PORT="$imap_port" IMAP_IMAPS_PORT="$imaps_port" POP3_PORT="$pop3_port" POP3_POP3S_PORT="$pop3s_port" \
        WATCH_PORT="$http_port" TLS_CERTIFICATE="$data/tls/server.pem" TLS_KEY="$data/tls/server.key" \
        DOCTOR_PATHS="$data,/tmp" DNS_ZONE_FILE="${MARTLET_DNS_ZONE_FILE:-}" QUEUES_TYPE="${MARTLET_QUEUES_TYPE:-}"; do
        [ -z "${pair#*=}" ] ||
            printf '[ -n "${MARTLET_%s:-}" ] || export MARTLET_%s=%q\n' "${pair%%=*}" "${pair%%=*}" "${pair#*=}"
    done
}

# The operator's command with the owner's rights: $home/martlet.
make_cli() {
    local amqp_url=${MARTLET_AMQP_URL:-amqp://martlet_admin:$(secret admin.password)@127.0.0.1:$amqp_port/%2F}
    (umask 077 && cat >"$home/martlet" <<CLI
#!/bin/bash
# martlet, the operator's command, set up for this local system
[ -n "\${MARTLET_POSTGRES_URL:-}" ] || export MARTLET_POSTGRES_URL=$(printf %q "$admin_url")
[ -n "\${MARTLET_AMQP_URL:-}" ] || export MARTLET_AMQP_URL=$(printf %q "$amqp_url")
[ -n "\${MARTLET_CONFIG+set}" ] || export MARTLET_CONFIG=$(printf %q "$config")
$(cli_settings)
exec $(printf %q "$data/bin/martlet") "\$@"
CLI
    )
    chmod 700 "$home/martlet"
}

# A certificate authority of this system, and a server certificate for 800 days.
make_certificates() {
    local folder=$data/tls
    [ ! -s "$folder/server.pem" ] || return 0
    step "creating TLS certificates"
    mkdir -p "$folder"
    chmod 755 "$folder"
    (
        cd "$folder"
        umask 077
        openssl ecparam -name prime256v1 -genkey -noout -out ca.key &&
            openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=Martlet local CA" \
                -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -out ca.pem &&
            openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out server.key &&
            openssl req -new -key server.key -subj "/CN=mail.example.test" -out server.csr &&
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -sha256 -days 800 -out leaf.pem -extfile <(
                printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n'
                printf 'subjectAltName=DNS:mail.example.test,DNS:example.test,DNS:localhost,IP:127.0.0.1,IP:::1\n'
            ) &&
            cat leaf.pem ca.pem >server.pem.new &&
            rm -f server.csr &&
            chmod 644 ca.pem server.pem.new leaf.pem &&
            { [ "$is_root" = no ] || chown martlet server.key; } &&
            mv server.pem.new server.pem # last: where it is, all is
    ) >"$data/log/certificates.log" 2>&1 || die "openssl could not make the certificates" "See $data/log/certificates.log"
}

# The domain and two accounts of the first start, and welcome.json, the facts for programs.
make_accounts() {
    "$home/martlet" admin list | grep -q '^admin ' ||
        secret account.admin | "$home/martlet" admin set admin --password-stdin >/dev/null ||
        die "the admin of the page could not be added"
    # Also for a domain of an earlier release, which has no signing keys yet.
    "$home/martlet" domain add example.test >/dev/null || die "the domain could not be added"
    [ ! -s "$home/welcome.json" ] || { write_welcome; return 0; }
    step "creating example.test with alice and bob"
    local name
    for name in alice bob; do
        # There already when an earlier first start was interrupted.
        "$home/martlet" account list | grep -q "[[:space:]]$name@example.test[[:space:]]" ||
            secret "account.$name" | "$home/martlet" account add "$name@example.test" --password-stdin >/dev/null ||
            die "the account $name@example.test could not be added"
    done
    # RFC 5321 4.5.1: every domain has a postmaster.
    "$home/martlet" alias add postmaster@example.test alice@example.test >/dev/null || die "the postmaster could not be added"
    write_welcome
}

welcome_rabbitmq() { # with an external broker there is no page of ours
    [ -z "${MARTLET_AMQP_URL:-}" ] || return 0
    cat <<JSON
,
  "rabbitmq": {
    "management": "http://127.0.0.1:$management_port", "user": "martlet_admin", "password": "$(secret admin.password)"
  }
JSON
}

write_welcome() {
    (umask 077 && cat >"$home/welcome.json.new" <<JSON
{
  "domain": "example.test",
  "accounts": [
    {"address": "alice@example.test", "password": "$(secret account.alice)"},
    {"address": "bob@example.test", "password": "$(secret account.bob)"}
  ],
  "admin": {"user": "admin", "password": "$(secret account.admin)"},
  "ports": {
    "smtp": $smtp_port, "submission": $submission_port, "submissions": $submissions_port,
    "imap": $imap_port, "imaps": $imaps_port, "pop3": $pop3_port, "pop3s": $pop3s_port, "http": $http_port
  },
  "ca": "$data/tls/ca.pem"$(welcome_rabbitmq)
}
JSON
    )
    chmod 600 "$home/welcome.json.new"
    mv "$home/welcome.json.new" "$home/welcome.json"
}

# imap_has TEXT: whether alice's Inbox holds a mail with that subject.
imap_has() {
    printf 'user = "alice@example.test:%s"\n' "$(secret account.alice)" |
        curl -s -m 5 -K - --cacert "$data/tls/ca.pem" "imaps://localhost:$imaps_port/INBOX?SUBJECT%20%22${1// /%20}%22" | grep -q '^\* SEARCH [0-9]'
}

# One mail through the whole path, so that "ready" has been seen and not assumed. Only on the first start.
send_welcome() {
    [ ! -e "$data/welcomed" ] || return 0
    step "sending a welcome mail through the whole path"
    sed 's/$/\r/' >"$data/welcome.eml" <<MAIL
From: Martlet <postmaster@example.test>
To: Alice <alice@example.test>
Subject: Welcome to Martlet
Date: $(LC_ALL=C date -R)
Message-ID: <welcome-$(date +%s)@example.test>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello Alice,

this mail was accepted over SMTP, judged by the classifier, filed into your
Inbox and read over IMAP, each by a program of its own. Its way is kept:

    $home/martlet trace MAIL     (the id is in this mail's Received line)

Have a look at how mails move: http://127.0.0.1:$http_port
MAIL
    curl -s -m 10 "smtp://127.0.0.1:$smtp_port/localhost" --mail-from postmaster@example.test \
        --mail-rcpt alice@example.test -T "$data/welcome.eml" || die "the welcome mail was not accepted" "See $data/log/smtpd/current"
    wait_for 15 "the welcome mail" imap_has "Welcome to Martlet" ||
        die "the welcome mail did not arrive in alice's Inbox within 15 s" "See $data/log/*/current"
    : >"$data/welcomed"
}

print_where() {
    say ""
    say "$1"
    say ""
    say "  SMTP         127.0.0.1:$smtp_port   submission $submission_port (STARTTLS), $submissions_port (TLS)"
    say "  IMAP         127.0.0.1:$imap_port (STARTTLS), $imaps_port (TLS)"
    say "  POP3         127.0.0.1:$pop3_port (STLS), $pop3s_port (TLS)"
    say "  live page    http://127.0.0.1:$http_port   log in as admin, or as an account"
    say "  health       http://127.0.0.1:$http_port/health/ready   metrics: /metrics"
    [ -n "${MARTLET_AMQP_URL:-}" ] || say "  RabbitMQ     http://127.0.0.1:$management_port   user martlet_admin"
    say "  accounts     alice@example.test and bob@example.test; passwords, also of admin, in $home/welcome.json"
    say "  operator     $home/martlet --help"
    say "  settings     $config   (then: make reload)"
    say "  data, logs   $data, $data/log/<name>/current"
    say ""
}
