//! Answers as responses, whole or distorted.

use std::io;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};

use crate::{Answer, Fault};

/// The answer as it is.
pub(super) fn response(answer: Answer) -> Response {
    let body = Body::from(answer.body);
    finish(answer.status, answer.headers, body)
}

/// The answer after what goes wrong with it.
pub(super) fn distorted(answer: Answer, fault: &Fault) -> Response {
    match fault {
        Fault::Cut => cut(answer),
        Fault::Garbage => response(Answer {
            status: StatusCode::OK,
            // Neither JSON nor XML, and not UTF-8 either.
            body: Bytes::from_static(b"{\"value\": \xff\xfe<html>"),
            ..answer
        }),
        Fault::Flood(size) => response(Answer {
            status: StatusCode::OK,
            body: Bytes::from(vec![b' '; *size]),
            ..answer
        }),
        Fault::Redirect(to) => response(Answer::new(307).header("location", to)),
        Fault::Status { .. } | Fault::Hang | Fault::Late(_) => response(answer),
    }
}

/// Half of the body; the length that was promised never comes, and the connection ends.
fn cut(answer: Answer) -> Response {
    let whole = answer.body.len().max(2);
    let half = answer.body.slice(..answer.body.len() / 2);
    // The pause lets the first half reach the client before the server ends the connection.
    let end = stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let body = Body::from_stream(stream::once(async move { Ok(half) }).chain(end));
    let mut headers = answer.headers;
    headers.push((header::CONTENT_LENGTH, HeaderValue::from(whole)));
    finish(answer.status, headers, body)
}

fn finish(
    status: StatusCode,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    body: Body,
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    response
}
