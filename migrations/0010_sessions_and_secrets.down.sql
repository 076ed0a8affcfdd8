SET LOCAL ROLE bb_owner;

DROP TABLE password_reset_tokens;
DROP TABLE two_factor_backup_codes;
DROP TABLE user_sessions;

RESET ROLE;
