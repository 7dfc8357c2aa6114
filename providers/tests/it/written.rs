//! What the vendors' own clients wrote is what is read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jasm_fakes::azure::{CONFIGURATION_AUDIENCES, VAULT_AUDIENCE};
use jasm_providers::{ErrorKind, Known, Source, gcp};
use serde_json::{Value, json};

use crate::azure::{PRINCIPAL, World as Azure};
use crate::gcp::{PROJECT, SHOP, World as Google};
use crate::support::{Calls, kind, list, read_one, soon, text, versioned, want};
use crate::vendor::{Writer, word};

/// Whoever writes may do everything, and is not who reads.
const WRITER: &str = "user:writer";
const REGION: &str = "europe-west1";
const UNICODE: &str = "zwei é \u{1f511} \"quoted\" \\ \n end";

/// `global` is no part of the name of a secret, but is one of a parameter.
struct Place {
    secrets: String,
    parameters: String,
    options: gcp::Options,
}

fn place(world: &Google, region: Option<&str>) -> Place {
    let project = format!("projects/{PROJECT}");
    Place {
        secrets: match region {
            Some(region) => format!("{project}/locations/{region}/secrets"),
            None => format!("{project}/secrets"),
        },
        parameters: format!(
            "{project}/locations/{}/parameters",
            region.unwrap_or("global")
        ),
        options: gcp::Options {
            location: region.map(str::to_owned),
            ..world.options()
        },
    }
}

impl Google {
    fn writer(&self, kind: &'static str) -> Writer {
        self.cloud.grants.allow(WRITER, "*");
        Writer::new(kind, &self.server.endpoint(), &self.cloud.token(WRITER))
    }
}

fn base64(value: impl AsRef<[u8]>) -> String {
    STANDARD.encode(value)
}

async fn secrets_are_read(region: Option<&str>) {
    let world = Google::new().await;
    let place = place(&world, region);
    let name = |secret: &str| format!("{}/{secret}", place.secrets);
    let every_byte: Vec<u8> = (0..=255).collect();
    let largest = vec![b'x'; 64 << 10];
    let writer = world.writer("gcp-secret");
    let written = writer
        .write(&[
            json!({"name": name("db"), "value": base64("one"), "alias": "stable"}),
            json!({"name": name("db"), "value": base64(UNICODE)}),
            json!({"name": name("bytes"), "value": base64(&every_byte)}),
            json!({"name": name("large"), "value": base64(&largest)}),
            json!({"name": name("off"), "value": base64("one")}),
            json!({"name": name("off"), "value": base64("two"), "state": "DISABLED"}),
            json!({"name": name("over"), "value": base64("one"), "state": "DESTROYED"}),
        ])
        .await;
    world
        .cloud
        .grants
        .allow(SHOP, &format!("{}*", place.secrets));
    let parent = place.secrets.trim_end_matches("/secrets");
    world.cloud.grants.allow(SHOP, parent);

    let connection = gcp::Connection::new(&place.options).unwrap();
    let (identity, _) = world.web().identity();
    let source =
        gcp::SecretManager::new(&connection, identity, Calls::default().observer()).unwrap();
    let current = read_one(&source, want("db")).await;
    assert_eq!(text(&current), UNICODE);
    assert_eq!(current.unwrap().version.0, word(&written[1], "version"));
    for version in ["1", "stable"] {
        assert_eq!(
            text(&read_one(&source, versioned("db", version)).await),
            "one"
        );
    }
    for (name, value) in [("bytes", &every_byte), ("large", &largest)] {
        let entry = read_one(&source, want(name)).await.unwrap();
        assert!(entry.value.expose() == value.as_slice(), "{name}");
    }
    for name in ["off", "over"] {
        assert_eq!(
            kind(&read_one(&source, want(name)).await),
            Some(ErrorKind::Gone),
            "{name}"
        );
    }
    assert_eq!(text(&read_one(&source, versioned("off", "1")).await), "one");
    assert_eq!(
        list(&source, "").await.unwrap(),
        ["bytes", "db", "large", "off", "over"]
    );
}

#[tokio::test]
async fn googles_client_writes_secrets() {
    secrets_are_read(None).await;
}

#[tokio::test]
async fn googles_client_writes_secrets_of_a_region() {
    secrets_are_read(Some(REGION)).await;
}

async fn parameters_are_read(region: Option<&str>) {
    let world = Google::new().await;
    let place = place(&world, region);
    let (secret, name) = (format!("{}/db", place.secrets), |name: &str| {
        format!("{}/{name}", place.parameters)
    });
    world
        .writer("gcp-secret")
        .write_one(json!({"name": secret, "value": base64(UNICODE)}))
        .await;
    let template = format!(
        "{{\"user\": \"shop\", \"password\": \
         \"__REF__('//secretmanager.googleapis.com/{secret}/versions/latest')\"}}"
    );
    let written = world
        .writer("gcp-parameter")
        .write(&[
            json!({"name": name("app"), "version": "v1", "format": "JSON", "value": base64(&template)}),
            // The newest, which nobody is to have.
            json!({"name": name("app"), "version": "v2", "format": "JSON", "value": base64("{}"), "disabled": true}),
            json!({"name": name("plain"), "version": "first", "value": base64(b"\xff\x00")}),
            json!({"name": name("lines"), "version": "a", "format": "YAML", "value": base64("a: 1\n")}),
        ])
        .await;
    world
        .cloud
        .grants
        .allow(SHOP, &format!("{}*", place.parameters));
    let parent = place.parameters.trim_end_matches("/parameters");
    world.cloud.grants.allow(SHOP, parent);

    let connection = gcp::Connection::new(&place.options).unwrap();
    let (identity, _) = world.web().identity();
    let source = |render| {
        let observer = Calls::default().observer();
        gcp::ParameterManager::new(&connection, identity.clone(), render, observer).unwrap()
    };
    let (raw, rendered) = (source(false), source(true));
    let current = read_one(&raw, want("app")).await;
    assert_eq!(text(&current), template);
    // By when it was made too: one that is deleted can give its name to another.
    let version = current.unwrap().version.0;
    assert!(version.starts_with("v1@20"), "{version}");
    let plain = read_one(&raw, want("plain")).await.unwrap();
    assert_eq!(plain.value.expose(), b"\xff\x00");
    assert_eq!(text(&read_one(&raw, want("lines")).await), "a: 1\n");
    for source in [&raw, &rendered] {
        assert_eq!(
            kind(&read_one(source, versioned("app", "v2")).await),
            Some(ErrorKind::Gone)
        );
    }
    let plain = read_one(&rendered, want("plain")).await.unwrap();
    assert_eq!(plain.value.expose(), b"\xff\x00");
    assert_eq!(list(&raw, "").await.unwrap(), ["app", "lines", "plain"]);

    // The parameter reads the secret with rights of its own.
    assert_eq!(
        kind(&read_one(&rendered, want("app")).await),
        Some(ErrorKind::Denied)
    );
    world
        .cloud
        .grants
        .allow(word(&written[0], "principal"), &secret);
    let entry = read_one(&rendered, want("app")).await;
    let found: Value = serde_json::from_str(text(&entry)).unwrap();
    assert!(found == json!({"user": "shop", "password": UNICODE}));
    assert_eq!(text(&read_one(&rendered, want("lines")).await), "a: 1\n");
}

#[tokio::test]
async fn googles_client_writes_parameters() {
    parameters_are_read(None).await;
}

#[tokio::test]
async fn googles_client_writes_parameters_of_a_region() {
    parameters_are_read(Some(REGION)).await;
}

impl Azure {
    fn writer(&self, kind: &'static str, address: &str, audience: &str) -> Writer {
        for resource in ["vaults/*", "configurations/*"] {
            self.azure.grants.allow(WRITER, resource);
        }
        Writer::new(kind, address, &self.azure.token(WRITER, audience)).trusting(&self.ca)
    }

    fn secret_writer(&self) -> Writer {
        self.writer(
            "azure-secret",
            &self.vault_server.endpoint(),
            VAULT_AUDIENCE,
        )
    }
}

#[tokio::test]
async fn azures_client_writes_secrets() {
    let world = Azure::new().await;
    let written = world
        .secret_writer()
        .write(&[
            json!({"name": "db", "value": "one"}),
            json!({"name": "Db", "value": UNICODE}),
            json!({"name": "off", "value": "x", "enabled": false}),
            json!({"name": "over", "value": "x", "ends": -1}),
            json!({"name": "tomorrow", "value": "x", "starts": 24}),
            json!({"name": "today", "value": "x", "starts": -1, "ends": 24}),
        ])
        .await;
    world.azure.grants.allow(PRINCIPAL, "vaults/default*");
    let (source, _) = world.secrets(world.web());
    let current = read_one(&source, want("db")).await;
    assert_eq!(text(&current), UNICODE);
    assert_eq!(current.unwrap().version.0, word(&written[1], "version"));
    let first = versioned("db", word(&written[0], "version"));
    assert_eq!(text(&read_one(&source, first).await), "one");
    for name in ["off", "over", "tomorrow"] {
        assert_eq!(
            kind(&read_one(&source, want(name)).await),
            Some(ErrorKind::Gone),
            "{name}"
        );
    }
    assert_eq!(text(&read_one(&source, want("today")).await), "x");
    // What a read would call gone is not listed.
    assert_eq!(list(&source, "").await.unwrap(), ["db", "today"]);
}

#[tokio::test]
async fn azures_client_writes_settings() {
    let world = Azure::new().await;
    let secrets = world
        .secret_writer()
        .write(&[
            json!({"name": "db", "value": "hidden"}),
            json!({"name": "db", "value": "newer"}),
        ])
        .await;
    // As it would be called if it were in its own place.
    let current = "https://default.vault.azure.net/secrets/db";
    let first = format!("{current}/{}", word(&secrets[0], "version"));
    let settings = world.writer(
        "azure-setting",
        &world.store_server.endpoint(),
        CONFIGURATION_AUDIENCES[0],
    );
    let written = settings
        .write(&[
            json!({"key": "app:a", "value": UNICODE}),
            json!({"key": "app:a", "value": "labelled", "label": "prod"}),
            json!({"key": "app:empty", "value": ""}),
            json!({"key": "app:json", "value": "{\"a\": 1}", "content_type": "application/json"}),
            json!({"key": "app:db", "refers": current}),
            json!({"key": "app:first", "refers": first}),
            json!({"key": "app:foreign", "refers": "https://evil.vault.azure.net/secrets/db"}),
            json!({"key": "beta", "flag": true}),
        ])
        .await;
    for resource in ["configurations/default", "vaults/default/secrets/db"] {
        world.azure.grants.allow(PRINCIPAL, resource);
    }
    let source = world.settings(&Calls::default());
    let plain = read_one(&source, want("app:a")).await;
    assert_eq!(text(&plain), UNICODE);
    let plain = plain.unwrap();
    assert_eq!(
        (plain.version.0.as_str(), plain.secret),
        (word(&written[0], "etag"), false)
    );
    for (want, value) in [
        (versioned("app:a", "prod"), "labelled"),
        (want("app:empty"), ""),
        (want("app:json"), "{\"a\": 1}"),
        (want("app:db"), "newer"),
        (want("app:first"), "hidden"),
    ] {
        assert_eq!(text(&read_one(&source, want).await), value);
    }
    assert!(read_one(&source, want("app:db")).await.unwrap().secret);
    assert_eq!(
        kind(&read_one(&source, want("app:foreign")).await),
        Some(ErrorKind::Denied)
    );
    // A flag is in the store, and not among its values.
    assert!(word(&written[7], "key").starts_with(".appconfig.featureflag/"));
    assert_eq!(
        list(&source, "*").await.unwrap(),
        [
            "app:a",
            "app:db",
            "app:empty",
            "app:first",
            "app:foreign",
            "app:json"
        ]
    );

    // What it writes anew is another version.
    settings
        .write_one(json!({"key": "app:a", "value": "changed"}))
        .await;
    let known = Known {
        want: want("app:a"),
        version: plain.version,
    };
    let changed = source.read_changed(&[known], soon()).await.remove(0);
    assert_eq!(changed.unwrap().unwrap().value.expose(), b"changed");
}
