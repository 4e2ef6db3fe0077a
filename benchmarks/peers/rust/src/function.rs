//! The trivial function, and how the template of `cargo lambda new` has it served.

use lambda_runtime::{service_fn, tracing, Error, LambdaEvent};
use serde_json::{json, Value};

async fn handler(_event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({"ok": true}))
}

/// Serve invocations until the Runtime API closes the connection.
pub async fn run() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(handler)).await
}
