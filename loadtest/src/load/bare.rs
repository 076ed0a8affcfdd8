//! The yardstick of a bare server: one axum route, one query, no credentials, no rights, no row policies. It runs in a
//! process of its own, started by the driver.

use std::{net::SocketAddr, path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    routing::get,
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};
use uuid::Uuid;

/// The server in its process.
#[derive(Debug)]
pub struct Bare {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Bare {
    /// Starts it over a database, with as many connections as the program has for tenants.
    pub async fn start(database_url: &str, connections: u32) -> Result<Self> {
        let driver: PathBuf = std::env::current_exe()?;
        let mut child = Command::new(driver)
            .arg("bare")
            .arg("--connections")
            .arg(connections.to_string())
            .env("BARE_DATABASE_URL", database_url)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().context("the bare server has no output")?;
        let line = BufReader::new(output).lines().next_line().await?;
        let address = line.context("the bare server did not start")?.parse()?;
        Ok(Self { child, address })
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// Is the server, until it is killed. Prints its address.
pub async fn serve(database_url: &str, connections: u32) -> Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .connect(database_url)
        .await?;
    let router = Router::new().route("/bots/{id}", get(one)).route("/contacts", get(list)).with_state(pool);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

type Answer = ([(header::HeaderName, &'static str); 1], String);

fn json(body: String) -> Answer {
    ([(header::CONTENT_TYPE, "application/json")], body)
}

async fn one(State(pool): State<PgPool>, Path(id): Path<Uuid>) -> Result<Answer, StatusCode> {
    let sql = "SELECT row_to_json(b)::text FROM bots b WHERE id = $1";
    let row: Option<String> = sqlx::query_scalar(sql)
        .bind(id)
        .fetch_optional(&pool)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(json(row.ok_or(StatusCode::NOT_FOUND)?))
}

async fn list(State(pool): State<PgPool>) -> Result<Answer, StatusCode> {
    let sql = "SELECT row_to_json(c)::text FROM channel_contacts c ORDER BY id LIMIT 50";
    let rows: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(&pool).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(json(format!("[{}]", rows.join(","))))
}
