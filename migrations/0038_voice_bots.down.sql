SET LOCAL ROLE bb_owner;

DROP TABLE phone_numbers;
DROP TABLE voice_bots;

RESET ROLE;
