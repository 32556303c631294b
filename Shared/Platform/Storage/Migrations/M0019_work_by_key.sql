-- Whoever has a batch of mails finds their work by its key, and only unparked work. While this index held just that, a plan could
-- walk all of it for each mail instead: on a table that was empty when it was last looked at, both seem to cost nothing.
DROP INDEX work_due;
CREATE INDEX work_due ON work (stage, next_hint_at);
