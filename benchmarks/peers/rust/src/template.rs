//! The trivial function on AWS's Rust client, lambda_runtime, as the template of `cargo lambda new` starts it.

mod function;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run().await
}
