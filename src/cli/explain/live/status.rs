//! What the status of a pod says.

use serde_json::Value;

/// The text at a place of it, empty where there is none.
pub(super) fn text_at(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// Why containers do not run: the kubelet's reasons, or the scheduler's.
pub(super) fn waits(pod: &Value) -> Vec<String> {
    let mut waits = Vec::new();
    for list in ["initContainerStatuses", "containerStatuses"] {
        let statuses = pod["status"][list].as_array();
        for status in statuses.into_iter().flatten() {
            let waiting = &status["state"]["waiting"];
            if let Some(reason) = waiting["reason"].as_str() {
                let name = text_at(status, "/name");
                let message = text_at(waiting, "/message");
                let message = match message.as_str() {
                    "" => String::new(),
                    message => format!(": {message}"),
                };
                waits.push(format!("container {name} {reason}{message}"));
            }
        }
    }
    let conditions = pod["status"]["conditions"].as_array();
    for condition in conditions.into_iter().flatten() {
        if condition["type"] == "PodScheduled" && condition["status"] == "False" {
            let message = text_at(condition, "/message");
            waits.push(format!("no node takes it: {message}"));
        }
    }
    waits
}
