SET LOCAL ROLE bb_owner;

DROP TABLE call_segments;
DROP TABLE calls;

RESET ROLE;
