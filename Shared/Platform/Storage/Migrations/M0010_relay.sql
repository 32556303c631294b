-- Copies that leave for other hosts. Their work row (stage 3) stays the outbox; here is what relayd knows of them.

-- The address of ours that forwards to a foreign one; NULL: the recipient was given at RCPT.
ALTER TABLE recipient ADD COLUMN via text;

-- One row per domain that mail waits for. Its lock orders all that happens to the copies of the domain.
CREATE TABLE relay_destination (
    domain     text PRIMARY KEY,                 -- lower case
    next_at    timestamptz,                      -- when somebody should look; NULL: nothing waits unattended
    held_until timestamptz,                      -- no connection before
    failures   integer NOT NULL DEFAULT 0,       -- in a row, of the domain as a whole
    last_reply text,
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX relay_destination_next ON relay_destination (next_at) WHERE next_at IS NOT NULL;

-- The right to deliver to a domain: one connection at most. Slots are numbered, which is the limit on all hosts together.
CREATE TABLE relay_lease (
    domain text        NOT NULL,
    slot   integer     NOT NULL,
    fence  bigint      NOT NULL UNIQUE,          -- never used twice
    holder text        NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (domain, slot)
);
CREATE INDEX relay_lease_until ON relay_lease (until);
CREATE SEQUENCE relay_fence_seq;

-- One row per copy on its way.
CREATE TABLE relay_copy (
    mail_id     uuid        NOT NULL,
    recipient   integer     NOT NULL,
    domain      text        NOT NULL,
    due_at      timestamptz NOT NULL,            -- never after expires_at
    expires_at  timestamptz NOT NULL,
    fence       bigint      NOT NULL DEFAULT 0,  -- of the lease it is worked on under; 0: free, -1: parked
    starts      smallint    NOT NULL DEFAULT 0,  -- attempts begun since the last one that had an end
    tries       integer     NOT NULL DEFAULT 0,  -- attempts that ended without success
    tried_at    timestamptz,
    last_status text,
    last_reply  text,
    last_host   text,
    prefix      bytea COMPRESSION lz4,           -- what the copy has in front of the body; NULL until its first attempt
    PRIMARY KEY (mail_id, recipient)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX relay_copy_due ON relay_copy (domain, due_at) WHERE fence = 0;
CREATE INDEX relay_copy_expiry ON relay_copy (domain, expires_at) WHERE fence = 0;
CREATE INDEX relay_copy_fence ON relay_copy (fence) WHERE fence > 0;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'martlet_relayd') THEN
        BEGIN
            CREATE ROLE martlet_relayd NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the whole cluster; another database's migration was first
        END;
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO martlet_relayd;

-- relayd: delivers, sweeps, and writes notifications, which are new mails to whoever sent the old one.
GRANT SELECT, INSERT, UPDATE, DELETE ON relay_destination, relay_lease, relay_copy, work TO martlet_relayd;
GRANT USAGE ON SEQUENCE relay_fence_seq TO martlet_relayd;
GRANT SELECT ON mail, recipient, body_chunk, domain, alias TO martlet_relayd;
GRANT SELECT (account_id, address, disabled_at, deleted_at) ON account TO martlet_relayd;
GRANT INSERT ON mail, recipient, body, body_chunk, mail_event, body_release TO martlet_relayd;
GRANT SELECT (body_id, due_at), UPDATE (due_at) ON body_release TO martlet_relayd;
