//! The trivial function on AWS's Rust client, lambda_runtime, on a runtime of one thread: no work is handed to others.

mod function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    function::run().await
}
