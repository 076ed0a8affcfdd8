//! Who may do what only one process may do: advisory locks of PostgreSQL, held by one connection of the process.
//!
//! They are the server's: when the process dies, or its connection breaks, they are free again at once. So whoever holds
//! one has to look now and then whether the connection is still there ([`Leases::hold`]), and stop where it is not.

use sqlx::{Connection as _, PgConnection};

use crate::{Error, Store};

/// The leases of this process. Dropping them gives all back.
pub struct Leases(PgConnection);

impl Store {
    /// A connection to hold leases with.
    pub async fn leases(&self) -> Result<Leases, Error> {
        Ok(Leases(self.worker.acquire().await?.detach()))
    }
}

impl Leases {
    /// Takes the lease of this name, if nobody has it. One that is held already is held once more, and has to be given
    /// back as often.
    #[tracing::instrument(level = "debug", name = "store.leases.take", skip_all)]
    pub async fn take(&mut self, name: &str) -> Result<bool, Error> {
        let taken = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        Ok(sqlx::query_scalar(taken).bind(name).fetch_one(&mut self.0).await?)
    }

    /// Gives a lease back.
    #[tracing::instrument(level = "debug", name = "store.leases.give_back", skip_all)]
    pub async fn give_back(&mut self, name: &str) -> Result<(), Error> {
        let given = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";
        sqlx::query(given).bind(name).execute(&mut self.0).await?;
        Ok(())
    }

    /// Fails where the leases are lost.
    pub async fn hold(&mut self) -> Result<(), Error> {
        Ok(self.0.ping().await?)
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_testkit::database::TestDatabase;

    use crate::Store;

    #[tokio::test]
    async fn one_holds_it_and_the_next_has_it_when_the_first_is_gone() {
        let database = TestDatabase::new().await;
        let store = Store::connect(database.url(), 2).await.unwrap();
        let (mut first, mut second) = (store.leases().await.unwrap(), store.leases().await.unwrap());
        assert!(first.take("source:a").await.unwrap());
        assert!(!second.take("source:a").await.unwrap());
        assert!(second.take("source:b").await.unwrap());
        first.give_back("source:a").await.unwrap();
        assert!(second.take("source:a").await.unwrap());
        second.hold().await.unwrap();
        drop(second);
        // The server notices a moment later.
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
        while !first.take("source:b").await.unwrap() {
            assert!(tokio::time::Instant::now() < deadline, "the lease was not given back");
            tokio::task::yield_now().await;
        }
    }
}
