-- Ends the history of mails after a number of days; called daily by filerd.
--
-- Dropping a partition locks the whole history for a moment; lock_timeout keeps that moment short, and a day that could
-- not be dropped is dropped the next time. Rows that went to the default partition are deleted.
CREATE FUNCTION drop_event_partitions(keep_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    first_day date := (now() AT TIME ZONE 'UTC')::date - greatest(keep_days, 1);
    partition_name text;
    dropped integer := 0;
BEGIN
    FOR partition_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'mail_event'::regclass AND c.relname ~ '^mail_event_[0-9]{8}$'
            AND c.relname < 'mail_event_' || to_char(first_day, 'YYYYMMDD')
        ORDER BY c.relname
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE %I', partition_name);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            RETURN dropped;
        END;
    END LOOP;
    DELETE FROM mail_event_default WHERE at < first_day::timestamp AT TIME ZONE 'UTC';
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION drop_event_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_event_partitions(integer) TO martlet_filerd;
REVOKE ALL ON FUNCTION ensure_event_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_event_partitions(integer) TO martlet_filerd;
