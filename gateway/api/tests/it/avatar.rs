//! A person's picture.

use std::net::SocketAddr;

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Method, Request, StatusCode},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::people::World;

/// The smallest picture there is: one pixel, in two colours.
const BLACK: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
const RED: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

async fn send(
    world: &World,
    method: Method,
    path: &str,
    access: Option<&str>,
    body: &'static [u8],
) -> (StatusCode, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "image/png");
    if let Some(access) = access {
        request = request.header("authorization", format!("Bearer {access}"));
    }
    let mut request = request.body(Body::from(body)).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4000))));
    let response = world.router.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    (status, to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec())
}

#[tokio::test]
async fn a_picture_is_seen_while_the_account_names_it() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let upload = async |picture: &'static [u8]| {
        let (status, body) = send(&world, Method::POST, "/v1/me/avatar", Some(&ada.access), picture).await;
        (status, serde_json::from_slice::<Value>(&body).expect("JSON"))
    };
    let (status, refused) = upload(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>").await;
    assert_eq!((status, &refused["field"]), (StatusCode::BAD_REQUEST, &json!("body")));
    let url = |profile: &Value| {
        let url = profile["data"]["avatar_url"].as_str().expect("an address");
        format!("/v1/{}", url.split_once("/v1/").expect("an address of ours").1)
    };
    let (status, profile) = upload(BLACK).await;
    assert_eq!(status, StatusCode::OK, "{profile}");
    let black = url(&profile);
    // Everybody sees it, and nobody sees another's below its own id.
    assert_eq!(send(&world, Method::GET, &black, None, b"").await, (StatusCode::OK, BLACK.to_vec()));
    let elsewhere =
        format!("/v1/public/avatars/{}/{}", world.id(), black.rsplit('/').next().expect("a digest"));
    assert_eq!(send(&world, Method::GET, &elsewhere, None, b"").await.0, StatusCode::NOT_FOUND);
    let (_, profile) = upload(RED).await;
    let red = url(&profile);
    assert_eq!(send(&world, Method::GET, &red, None, b"").await.1, RED);
    assert_eq!(send(&world, Method::GET, &black, None, b"").await.0, StatusCode::NOT_FOUND);
    world.delete(&ada.access, "/v1/me/avatar").await.expect(204);
    assert_eq!(send(&world, Method::GET, &red, None, b"").await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&ada.access, "/v1/me").await.expect(200).data()["avatar_url"], Value::Null);
}
