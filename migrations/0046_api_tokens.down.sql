SET LOCAL ROLE bb_owner;

DROP TABLE api_tokens;

RESET ROLE;
