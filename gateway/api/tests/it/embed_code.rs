//! The line that a site's owner pastes.

use axum::http::Method;

use crate::harness::Server;

#[tokio::test]
async fn line_names_the_bots_own_widget_and_nobody_elses() {
    let server = Server::start().await;
    let path = |bot| format!("/v1/bots/{bot}/widget/embed-code");
    let answer =
        server.call(Method::GET, &path(server.acme.bot), &[("host", "chat.example")], None).await.expect(200);
    let key = &server.acme.widget_key;
    assert_eq!(answer.data()["public_key"], key.as_str());
    assert_eq!(
        answer.data()["html"],
        format!(
            "<script async src=\"https://chat.example/widget/v1/loader.js\" data-widget=\"{key}\"></script>"
        )
    );
    server.call(Method::GET, &path(server.other.bot), &[], None).await.expect(404);
}
