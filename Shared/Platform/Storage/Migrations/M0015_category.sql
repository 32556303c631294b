-- What kind of wanted mail it is (personal, transaction, newsletter, promotion, notification, forum); NULL for unwanted
-- mail, for mail that is of none clearly enough, and for verdicts of older versions.
ALTER TABLE verdict ADD COLUMN category text;
