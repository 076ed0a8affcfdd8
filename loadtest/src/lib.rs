//! Scenario driver, kill suite and reports.
