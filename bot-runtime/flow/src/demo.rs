//! Flows that come with the program.

/// "Order status and opening hours": a menu, a validated order number with a look-up among invented sample
/// orders, opening hours by the clock, a request for a call. What is typed beside the menu goes to the intents `order_status`,
/// `opening_hours` and `talk_to_person`, if the bot is taught them. Set `utc_offset_minutes` to the shop's clock.
pub const DEMO_FLOW: &str = include_str!("../testdata/demo_flow.json");

/// Ten nodes a turn, one reply that holds the incoming text, for ever: for load tests.
pub const TEN_NODE_FLOW: &str = include_str!("../testdata/ten_nodes.json");
