-- A chunk that fits on a page compressed stays in its row, compressed: a third less to write, to ship to a standby and to keep in memory
-- of real mails around 4 KiB. Larger chunks go to the TOAST table as before. What is there already stays as it is.
ALTER TABLE body_chunk ALTER COLUMN bytes SET STORAGE MAIN;
ALTER TABLE body_chunk RESET (toast_tuple_target);
