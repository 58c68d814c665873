//! Routes for operators.

use server::ServerOptions;

use crate::loopback::Loopback;

#[test]
fn health_says_ok() {
    let server = Loopback::start(ServerOptions::default());
    let answer = server.get("/health");
    assert_eq!((answer.status, answer.text()), (200, r#"{"status":"ok"}"#));
}
