//! Outgoing webhooks: customers' addresses that are told of events. [`fanout`] turns events into deliveries, [`deliver`]
//! makes them; both are jobs. What a customer verifies is in [`sign`].

pub mod deliver;
pub mod fanout;
pub mod schedule;
pub mod sign;
