SET LOCAL ROLE bb_owner;

DROP TABLE bot_flows;

RESET ROLE;
