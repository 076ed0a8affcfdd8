SET LOCAL ROLE bb_owner;

DROP TABLE email_notifications;

RESET ROLE;
