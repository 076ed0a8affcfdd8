SET LOCAL ROLE bb_owner;

DROP TABLE payment_history;

RESET ROLE;
