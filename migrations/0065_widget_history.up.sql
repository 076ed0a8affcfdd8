SET LOCAL ROLE bb_owner;

-- A visitor's history by number: the next number, what comes after one, what comes before one.
CREATE INDEX ix_widget_messages_5 ON widget_messages (organization_id, visitor_id, seq);

RESET ROLE;
