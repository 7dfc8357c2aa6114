//! What a scripted fault looks like on the wire.

use std::sync::Arc;
use std::time::Duration;

use jasm_fakes::gcp::Gcp;
use jasm_fakes::{Fault, Server, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATH: &str = "/v1/projects/p/secrets/s/versions/latest:access";

async fn cloud() -> (Arc<Gcp>, Server, String) {
    let gcp = Arc::new(Gcp::new(Arc::new(Trust::default())));
    gcp.grants.allow("user:a", "projects/p/secrets/*");
    gcp.secrets
        .put("projects/p/secrets/s", b"a value that must not be recorded");
    let token = gcp.token("user:a");
    let server = Server::start(Arc::clone(&gcp), 0, None).await.unwrap();
    (gcp, server, token)
}

/// All that comes back before the server ends the connection.
async fn ask(server: &Server, token: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = format!(
        "GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An error after some bytes is how a connection that is cut looks.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    let (_gcp, server, token) = cloud().await;
    let whole = ask(&server, &token).await;
    assert!(whole.starts_with("HTTP/1.1 200"), "the status is another");

    server
        .faults
        .play("*:access", Fault::throttled(Some("2")), Some(1));
    let throttled = ask(&server, &token).await;
    assert!(throttled.starts_with("HTTP/1.1 429") && throttled.contains("retry-after: 2"));
    assert!(throttled.contains("RESOURCE_EXHAUSTED"));

    server.faults.play("*:access", Fault::Cut, Some(1));
    let cut = ask(&server, &token).await;
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.len();
    assert_eq!(body(&cut), body(&whole) / 2);

    server.faults.play("*:access", Fault::Garbage, Some(1));
    assert!(!ask(&server, &token).await.ends_with('}'));

    server.faults.play(
        "*:access",
        Fault::Redirect("http://elsewhere/".to_owned()),
        Some(1),
    );
    assert!(
        ask(&server, &token)
            .await
            .contains("location: http://elsewhere/")
    );

    server.faults.play("*:access", Fault::Hang, Some(1));
    assert!(
        timeout(Duration::from_millis(300), ask(&server, &token))
            .await
            .is_err()
    );

    assert!(ask(&server, &token).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_record_knows_who_and_no_value() {
    let (gcp, server, token) = cloud().await;
    ask(&server, &token).await;
    gcp.tokens.revoke_all();
    assert!(ask(&server, &token).await.starts_with("HTTP/1.1 401"));
    let seen = server.record.of(":access");
    assert_eq!(
        seen.iter().map(|seen| seen.status).collect::<Vec<_>>(),
        [Some(200), Some(401)]
    );
    assert_eq!(
        (seen[0].principal.as_deref(), seen[1].principal.as_deref()),
        (Some("user:a"), None)
    );
    assert_eq!(seen[0].credential, seen[1].credential);
    let all = format!("{seen:?} {gcp:?} {server:?}");
    for secret in ["a value", token.as_str()] {
        assert!(!all.contains(secret), "a secret is in what can be printed");
    }
}
