DROP FUNCTION app.outbox_notify();
