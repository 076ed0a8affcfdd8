SET LOCAL ROLE bb_owner;

DROP TABLE ab_test_results;
DROP TABLE ab_tests;

RESET ROLE;
