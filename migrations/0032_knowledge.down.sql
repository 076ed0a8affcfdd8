SET LOCAL ROLE bb_owner;

DROP TABLE agent_knowledge_bases;
DROP TABLE chunks;
DROP TABLE documents;
DROP TABLE knowledge_bases;

RESET ROLE;
