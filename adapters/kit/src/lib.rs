//! What every channel is made of: traits, planner, contract suite.
