-- The mail itself, its unfinished work and its history.

-- One row: facts of this installation. `epoch` is part of every UIDVALIDITY and is raised after a restore.
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch    integer NOT NULL DEFAULT 1
);
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE domain (
    name       text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account (
    account_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address       text NOT NULL UNIQUE,          -- canonical: lower case, no tag
    scram         text NOT NULL,                 -- RFC 5803 SCRAM-SHA-256 verifier
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz,
    deleted_at    timestamptz
);

CREATE TABLE alias (
    address    text NOT NULL,
    target     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (address, target)
);

-- Wire bytes in chunks of exactly 256 KiB (the last one shorter), so that chunk = offset / 262144.
CREATE TABLE body (
    body_id    uuid PRIMARY KEY,
    size       bigint NOT NULL,                  -- -1 while a streamed body is being written
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE body_chunk (
    body_id uuid    NOT NULL,
    seq     integer NOT NULL,
    bytes   bytea COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (body_id, seq)
);

-- Bodies that may have lost their last reference (or never got one); looked at by the reaper after `due_at`.
CREATE TABLE body_release (
    body_id uuid PRIMARY KEY,
    due_at  timestamptz NOT NULL
);
CREATE INDEX body_release_due ON body_release (due_at);

CREATE TABLE mail (
    mail_id       uuid PRIMARY KEY,
    body_id       uuid NOT NULL,
    received_at   timestamptz NOT NULL,
    origin        smallint NOT NULL,             -- MailOrigin
    envelope_from text NOT NULL,                 -- '' is the null sender
    account_id    bigint,                        -- the authenticated submitter
    peer          text NOT NULL,                 -- address of the client
    helo          text NOT NULL,
    size          bigint NOT NULL,               -- of the body, trace headers of acceptance included
    traceparent   text NOT NULL,
    summary       bytea COMPRESSION lz4 NOT NULL -- MessageSummary, encoded
);
CREATE INDEX mail_body ON mail (body_id);

-- Frozen at RCPT; immutable. Recipient numbers start at 1.
CREATE TABLE recipient (
    mail_id    uuid NOT NULL,
    recipient  integer NOT NULL,
    address    text NOT NULL,                    -- as given at RCPT
    account_id bigint,                           -- local copies; NULL for a foreign one
    PRIMARY KEY (mail_id, recipient)
);

-- Unfinished work only: the outbox. Recipient 0 stands for the mail as a whole.
CREATE TABLE work (
    mail_id       uuid NOT NULL,
    recipient     integer NOT NULL,
    stage         smallint NOT NULL,             -- Stage
    created_at    timestamptz NOT NULL DEFAULT now(),
    next_hint_at  timestamptz NOT NULL,
    hint_interval interval NOT NULL DEFAULT '10 s',
    attempts      smallint NOT NULL DEFAULT 0,
    last_error    text,
    lease_until   timestamptz,
    fence         bigint NOT NULL DEFAULT 0,
    parked_at     timestamptz,
    PRIMARY KEY (mail_id, recipient, stage)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX work_due ON work (stage, next_hint_at) WHERE parked_at IS NULL;
CREATE INDEX work_parked ON work (parked_at) WHERE parked_at IS NOT NULL;
CREATE INDEX work_classify_age ON work (stage, created_at);

-- Written once per mail.
CREATE TABLE verdict (
    mail_id       uuid PRIMARY KEY,
    label         text NOT NULL,
    probability   double precision NOT NULL,
    reasons       jsonb NOT NULL,
    model_version bigint NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now()
);

-- What happened to a mail, by day, so that old days are dropped and not deleted.
CREATE TABLE mail_event (
    mail_id   uuid NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    event     text NOT NULL,                     -- accepted, classified, filed, ...
    recipient integer NOT NULL DEFAULT 0,
    detail    jsonb NOT NULL DEFAULT '{}'
) PARTITION BY RANGE (at);
CREATE TABLE mail_event_default PARTITION OF mail_event DEFAULT;
CREATE INDEX mail_event_mail ON mail_event (mail_id);

-- Makes the partitions of today and the next days; called at migration and daily by filerd. A partition locks the whole
-- history for a moment; lock_timeout keeps the wait short, and then the answer is false: ask again later.
CREATE FUNCTION ensure_event_partitions(days integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    day date;
BEGIN
    FOR day IN SELECT (now() AT TIME ZONE 'UTC')::date + n FROM generate_series(0, days) AS n LOOP
        IF to_regclass(format('mail_event_%s', to_char(day, 'YYYYMMDD'))) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF mail_event FOR VALUES FROM (%L) TO (%L)',
                    'mail_event_' || to_char(day, 'YYYYMMDD'),
                    day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
            EXCEPTION
                WHEN check_violation OR duplicate_table THEN
                    NULL;  -- rows of that day are in the default partition already, or another caller was first
                WHEN lock_not_available THEN
                    RETURN false;
            END;
        END IF;
    END LOOP;
    RETURN true;
END $$;
SELECT ensure_event_partitions(3);

-- Models of the AI plane; every worker loads the same newest version.
CREATE TABLE model (
    kind       text NOT NULL,
    version    bigint NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    parameters bytea COMPRESSION lz4 NOT NULL,
    meta       jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (kind, version)
);
