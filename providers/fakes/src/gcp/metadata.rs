//! The metadata server of a node: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys

use std::sync::Mutex;

use serde_json::json;

use super::{AUDIENCE, Gcp, HOUR};
use crate::lock::lock;
use crate::{Answer, Ask};

/// Where the node is, and as whom it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The project's id.
    pub project: String,
    /// The GKE cluster's name.
    pub cluster: String,
    /// Its location.
    pub location: String,
    /// The Google service account of whoever asks.
    pub email: String,
}

#[derive(Debug, Default)]
pub(super) struct Place(Mutex<Option<Node>>);

impl Place {
    pub(super) fn set(&self, node: Node) {
        *lock(&self.0) = Some(node);
    }
}

pub(super) fn answer(gcp: &Gcp, ask: &Ask) -> Answer {
    found(gcp, ask)
        .header("metadata-flavor", "Google")
        .header("server", "Metadata Server for VM")
}

fn found(gcp: &Gcp, ask: &Ask) -> Answer {
    if ask.path == "/" {
        return Answer::with_body(200, "text/html", "computeMetadata/\n");
    }
    // So that no page in a browser can ask.
    if ask.header("metadata-flavor") != Some("Google") {
        return Answer::with_body(403, "text/html", "Missing Metadata-Flavor:Google header.");
    }
    let Some(node) = lock(&gcp.node.0).clone() else {
        return Answer::new(404);
    };
    let text = |text: &str| Answer::with_body(200, "application/text", text.to_owned());
    let path = ask
        .path
        .strip_prefix("/computeMetadata/v1/")
        .unwrap_or_default();
    match path.trim_end_matches('/') {
        "project/project-id" => text(&node.project),
        "project/numeric-project-id" => text(&gcp.projects.number(&node.project)),
        "instance/attributes/cluster-name" => text(&node.cluster),
        "instance/attributes/cluster-location" => text(&node.location),
        "instance/service-accounts/default/email" => text(&node.email),
        "universe/universe-domain" | "universe/universe_domain" => text("googleapis.com"),
        "instance/service-accounts/default" => {
            let scopes = ["https://www.googleapis.com/auth/cloud-platform"];
            let body = json!({"aliases": ["default"], "email": node.email, "scopes": scopes});
            Answer::json(200, &body)
        }
        "instance/service-accounts/default/token" => {
            let principal = format!("serviceAccount:{}", node.email);
            let token = gcp.tokens.issue("ya29.n.", &principal, AUDIENCE, HOUR);
            let body = json!({"access_token": token, "expires_in": HOUR.as_secs(), "token_type": "Bearer"});
            Answer::json(200, &body).by(principal)
        }
        _ => Answer::new(404),
    }
}
