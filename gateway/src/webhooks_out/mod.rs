//! Outgoing webhooks: customers' addresses that are told of events. [`fanout`] turns events into deliveries, [`deliver`]
//! makes them; both are jobs. What a customer verifies is in
//! [`botbuilder_store::signature`].

pub mod deliver;
pub mod fanout;
pub mod schedule;
