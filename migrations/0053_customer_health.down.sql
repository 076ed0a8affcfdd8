SET LOCAL ROLE bb_owner;

DROP TABLE customer_health_score_history;
DROP TABLE customer_health_scores;
DROP FUNCTION app.health_history();

RESET ROLE;
