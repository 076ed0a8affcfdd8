DROP FUNCTION app.own_template_guard();
