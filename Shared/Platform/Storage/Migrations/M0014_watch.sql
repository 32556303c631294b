-- Who looks at the live page: admins, the key of the login tokens, tokens that ended before their time.

CREATE TABLE watch_admin (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),  -- never an address
    scram      text NOT NULL,                    -- RFC 5803 SCRAM-SHA-256 verifier
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One key for all watchd processes, made by the first.
CREATE TABLE watch_key (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    private_key bytea NOT NULL,                  -- P-256, raw (32 bytes)
    made_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE watch_revoked (
    token_id   uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL              -- the token's own end; then the row may go
);
CREATE INDEX watch_revoked_expiry ON watch_revoked (expires_at);

-- The mails that an account sent. Mail from other hosts is not in it, and costs nothing.
CREATE INDEX mail_submitter ON mail (account_id, mail_id) WHERE origin = 2;

-- watchd: shows mails without their bodies, and gives parked work another try.
GRANT SELECT ON watch_admin TO martlet_watchd;
GRANT SELECT, INSERT ON watch_key TO martlet_watchd;
GRANT SELECT, INSERT, DELETE ON watch_revoked TO martlet_watchd;
GRANT SELECT (account_id, address, scram, disabled_at, deleted_at) ON account TO martlet_watchd;
GRANT SELECT (mail_id, received_at, origin, envelope_from, account_id, peer, helo, size, traceparent, summary)
    ON mail TO martlet_watchd;
GRANT SELECT ON recipient, verdict, mail_event, work, relay_copy, relay_destination TO martlet_watchd;
GRANT SELECT (account_id, mailbox_id, uid, flags, mail_id) ON mailbox_message TO martlet_watchd;
GRANT SELECT (account_id, mailbox_id, name) ON mailbox TO martlet_watchd;
GRANT UPDATE (parked_at, attempts, next_hint_at, hint_interval) ON work TO martlet_watchd;
