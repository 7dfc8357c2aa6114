//! Manifests of everything that makes pods.

use serde_json::{Value, json};

/// One annotated pod template with a container that cannot start without what it refers to.
#[derive(Clone)]
pub(crate) struct Template {
    annotations: Value,
    env_from: Vec<Value>,
    env: Vec<Value>,
    volumes: Vec<Value>,
    unschedulable: bool,
    service_account: Option<String>,
}

/// A template with annotations under our prefix, by their names without it.
pub(crate) fn template(annotations: &[(&str, &str)]) -> Template {
    let annotations = annotations
        .iter()
        .map(|(name, text)| (format!("jasm.codnod.io/{name}"), json!(text)))
        .collect();
    Template {
        annotations: Value::Object(annotations),
        env_from: Vec::new(),
        env: Vec::new(),
        volumes: Vec::new(),
        unschedulable: false,
        service_account: None,
    }
}

impl Template {
    pub(crate) fn env_from(mut self, secret: &str) -> Self {
        self.env_from.push(json!({"secretRef": {"name": secret}}));
        self
    }

    pub(crate) fn env(mut self, secret: &str, key: &str) -> Self {
        self.env.push(json!({"name": format!("V{}", self.env.len()),
            "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}));
        self
    }

    pub(crate) fn secret_volume(mut self, secret: &str) -> Self {
        self.volumes
            .push(json!({"name": secret, "secret": {"secretName": secret}}));
        self
    }

    pub(crate) fn config_volume(mut self, config_map: &str) -> Self {
        self.volumes
            .push(json!({"name": config_map, "configMap": {"name": config_map}}));
        self
    }

    /// No node takes it, so that it waits for ever.
    pub(crate) fn unschedulable(mut self) -> Self {
        self.unschedulable = true;
        self
    }

    /// Runs as this ServiceAccount, with no token of it in the pod.
    pub(crate) fn service_account(mut self, name: &str) -> Self {
        self.service_account = Some(name.to_owned());
        self
    }

    fn spec(&self) -> Value {
        let mounts: Vec<_> = self
            .volumes
            .iter()
            .map(|volume| json!({"name": volume["name"], "mountPath": format!("/mnt/{}", volume["name"].as_str().unwrap())}))
            .collect();
        let mut spec = json!({
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "app", "envFrom": self.env_from, "env": self.env, "volumeMounts": mounts}],
            "volumes": self.volumes,
        });
        if self.unschedulable {
            spec["nodeSelector"] = json!({"nowhere": "yes"});
        }
        if let Some(account) = &self.service_account {
            spec["serviceAccountName"] = json!(account);
            spec["automountServiceAccountToken"] = json!(false);
        }
        spec
    }

    fn template(&self, name: &str) -> Value {
        json!({"metadata": {"labels": {"app": name}, "annotations": self.annotations}, "spec": self.spec()})
    }

    pub(crate) fn pod(&self, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "annotations": self.annotations}, "spec": self.spec()})
    }

    pub(crate) fn deployment(&self, name: &str, replicas: u32) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": self.template(name)}})
    }

    pub(crate) fn stateful_set(&self, name: &str, replicas: u32) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": {
            "replicas": replicas, "serviceName": name, "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": name}}, "template": self.template(name)}})
    }

    pub(crate) fn daemon_set(&self, name: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}, "spec": {
            "selector": {"matchLabels": {"app": name}}, "template": self.template(name)}})
    }

    pub(crate) fn job(&self, name: &str) -> Value {
        let mut template = self.template(name);
        template["spec"]["restartPolicy"] = json!("Never");
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}})
    }

    pub(crate) fn cron_job(&self, name: &str) -> Value {
        let job = self.job(name)["spec"].clone();
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": {
            "schedule": "* * * * *", "suspend": true, "jobTemplate": {"spec": job}}})
    }
}
