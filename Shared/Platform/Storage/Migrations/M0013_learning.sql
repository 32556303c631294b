-- What people say about mail, and what became of it. A lesson is learnt once by each model line (`kind`): its outcome is
-- written in the transaction that makes the model version, and never changed again.

CREATE TABLE learn_event (
    event_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL DEFAULT 'spam',  -- model.kind
    mail_id        uuid,                          -- NULL: a sample of the operator's
    account_id     bigint,                        -- who said so; NULL: the operator
    source         smallint NOT NULL,             -- LessonSource
    label          text NOT NULL,                 -- Verdict.Label
    category       text,
    digest         bytea,                         -- SHA-256 of the sample, so that a folder trained twice counts once
    noted_at       timestamptz NOT NULL DEFAULT now(),
    tries          smallint NOT NULL DEFAULT 0,   -- of trainers that did not come back from it
    lease_until    timestamptz,                   -- a trainer is at it
    outcome        text,                          -- LessonOutcome; NULL while it waits
    learnt_version bigint,                        -- the first model version that knows it
    settled_at     timestamptz,
    CHECK (mail_id IS NOT NULL OR digest IS NOT NULL),
    CHECK ((outcome = 'learnt') = (learnt_version IS NOT NULL))
);
CREATE INDEX learn_event_waiting ON learn_event (event_id) WHERE outcome IS NULL;
CREATE INDEX learn_event_mail ON learn_event (mail_id) WHERE mail_id IS NOT NULL;
CREATE INDEX learn_event_digest ON learn_event (digest) WHERE digest IS NOT NULL;
CREATE INDEX learn_event_account ON learn_event (account_id, noted_at) WHERE outcome = 'learnt';
CREATE INDEX learn_event_version ON learn_event (learnt_version) WHERE outcome = 'learnt';

-- The beginning of a mail that only `martlet train` has brought; deleted when its lesson is settled.
CREATE TABLE learn_sample (
    event_id bigint PRIMARY KEY,
    bytes    bytea COMPRESSION lz4 NOT NULL
);

-- accessd notes, and reads nothing back. classifyd learns, and prunes the models. watchd shows.
GRANT INSERT (mail_id, account_id, source, label) ON learn_event TO martlet_accessd;
GRANT SELECT, UPDATE (tries, lease_until, outcome, learnt_version, settled_at) ON learn_event TO martlet_classifyd;
GRANT SELECT, DELETE ON learn_sample TO martlet_classifyd;
GRANT DELETE ON model TO martlet_classifyd;
GRANT SELECT ON learn_event TO martlet_watchd;
