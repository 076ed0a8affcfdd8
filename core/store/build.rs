//! The migrations are embedded at compile time, so a new one must cause a new build.
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
