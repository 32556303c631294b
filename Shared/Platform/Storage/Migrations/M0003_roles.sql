-- A role for each daemon with the rights of its arrows, and no more. They get LOGIN and a password at deployment.
REVOKE EXECUTE ON FUNCTION ensure_event_partitions(integer) FROM PUBLIC;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['martlet_smtpd', 'martlet_classifyd', 'martlet_filerd', 'martlet_accessd', 'martlet_watchd'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- roles belong to the whole cluster; another database's migration was first
            END;
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role_name);
    END LOOP;
END $$;

-- smtpd: reads addresses and verifiers, inserts mail, finds its own mails by id; sees no mailbox and no body.
GRANT SELECT ON domain, account, alias TO martlet_smtpd;
GRANT INSERT ON body, body_chunk, body_release, mail, recipient, work, mail_event TO martlet_smtpd;
GRANT SELECT (mail_id) ON mail TO martlet_smtpd;
GRANT SELECT (body_id, size), UPDATE (size) ON body TO martlet_smtpd;
GRANT SELECT (body_id), UPDATE (due_at) ON body_release TO martlet_smtpd;
GRANT SELECT (mail_id, stage, parked_at) ON work TO martlet_smtpd;

-- classifyd: reads mails and bodies, writes verdicts, turns classify work into file work; keeps the models.
GRANT SELECT ON mail, recipient, body_chunk TO martlet_classifyd;
GRANT SELECT (mail_id), INSERT ON verdict TO martlet_classifyd;
GRANT INSERT ON mail_event TO martlet_classifyd;
GRANT SELECT, INSERT, UPDATE, DELETE ON work TO martlet_classifyd;
GRANT SELECT, INSERT ON model TO martlet_classifyd;

-- filerd: files, sweeps, reaps.
-- (The update of a body's size is the right to lock the body.)
GRANT SELECT ON installation TO martlet_filerd;
GRANT SELECT (account_id, deleted_at) ON account TO martlet_filerd;
GRANT SELECT, INSERT, UPDATE, DELETE ON work, mailbox_message, body_release TO martlet_filerd;
GRANT SELECT, INSERT, UPDATE ON mailbox, expunged TO martlet_filerd;
GRANT SELECT, DELETE ON body, body_chunk, mail, recipient, verdict TO martlet_filerd;
GRANT UPDATE (size) ON body TO martlet_filerd;
GRANT INSERT ON mail_event TO martlet_filerd;
GRANT USAGE ON SEQUENCE mailbox_id_seq TO martlet_filerd;
GRANT EXECUTE ON FUNCTION ensure_event_partitions(integer) TO martlet_filerd;

-- accessd: the mailboxes of whoever logged in, and APPEND.
GRANT SELECT ON installation, account, mail, body, body_chunk TO martlet_accessd;
GRANT INSERT ON mail, body, body_chunk, mail_event TO martlet_accessd;
GRANT UPDATE (size) ON body TO martlet_accessd;
GRANT SELECT, INSERT, UPDATE, DELETE ON mailbox, mailbox_message, expunged TO martlet_accessd;
GRANT SELECT, INSERT, DELETE ON subscription TO martlet_accessd;
GRANT SELECT, INSERT, UPDATE ON body_release TO martlet_accessd;
GRANT USAGE ON SEQUENCE mailbox_id_seq TO martlet_accessd;

-- watchd: counts the unfinished work and sees nothing else. (Traces are the operator's.)
GRANT SELECT (stage, created_at, parked_at) ON work TO martlet_watchd;
