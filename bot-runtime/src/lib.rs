//! Consumer loop, turn commit and executors.
