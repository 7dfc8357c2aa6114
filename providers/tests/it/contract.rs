//! What every kind of store does alike.

use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use jasm_providers::{ErrorKind, Kind, Scope, Source, aws, file};

use crate::moto::Cloud;
use crate::support::{Calls, assert_clean, kind, list, read_one, soon, text, want};

/// A store that can be written.
#[async_trait]
trait Store: Send + Sync {
    fn kind(&self) -> Kind;
    fn source(&self) -> &dyn Source;
    /// The name that the kind has for a relative path.
    fn name(&self, path: &str) -> String;
    async fn put(&self, name: &str, value: &str);
}

async fn holds(store: &dyn Store, calls: &Calls) {
    let source = store.source();
    let name = |path: &str| store.name(path);
    let paths = ["app/b", "app/a", "app/sub/c", "apple", "App/x", "other/a"];
    for path in paths {
        let name = name(path);
        assert!(
            store.kind().entry(&Scope::default(), &name, None).is_ok(),
            "{name}"
        );
        store
            .put(
                &name,
                &format!("{{\"of\": \"{path}\", \"é\": \"\\u00e9\"}}\n"),
            )
            .await;
    }
    calls.take();

    // One by one, byte for byte.
    let entry = read_one(source, want(name("app/a"))).await;
    assert_eq!(text(&entry), "{\"of\": \"app/a\", \"é\": \"\\u00e9\"}\n");
    assert_eq!(calls.take().len(), 1);

    // Many at once: in the order asked, each by itself, the same one twice.
    let mut wants: Vec<_> = paths.iter().map(|path| want(name(path))).collect();
    wants.insert(2, want(name("missing")));
    wants.push(want(name("app/a")));
    let answers = source.read(&wants, soon()).await;
    assert_eq!(answers.len(), wants.len());
    for (want, answer) in wants.iter().zip(&answers) {
        if want.path.ends_with("missing") {
            assert_eq!(kind(answer), Some(ErrorKind::NotFound));
            assert_clean(answer.as_ref().unwrap_err());
        } else {
            let path = want.path.trim_start_matches('/');
            assert!(
                text(answer).contains(&format!("\"of\": \"{path}\"")),
                "{path}"
            );
        }
    }
    let every: Vec<_> = (0..45)
        .map(|number| name(&format!("many/{number:02}")))
        .collect();
    for name in &every {
        store.put(name, name).await;
    }
    let wants: Vec<_> = every.iter().map(want).collect();
    for (want, answer) in wants.iter().zip(source.read(&wants, soon()).await) {
        assert_eq!(text(&answer), want.path);
    }
    assert!(source.read(&[], soon()).await.is_empty());

    // A missing entry by itself.
    assert_eq!(
        kind(&read_one(source, want(name("missing"))).await),
        Some(ErrorKind::NotFound)
    );

    // The version is that of the value.
    let first = entry.unwrap().version;
    assert_eq!(
        read_one(source, want(name("app/a"))).await.unwrap().version,
        first
    );
    store.put(&name("app/a"), "changed").await;
    let changed = read_one(source, want(name("app/a"))).await;
    assert_eq!(text(&changed), "changed");
    assert_ne!(changed.unwrap().version, first);

    // Everything below a prefix, sorted, and nothing beside it.
    let below = |paths: &[&str]| paths.iter().map(|path| name(path)).collect::<Vec<_>>();
    assert_eq!(
        list(source, &name("app")).await.unwrap(),
        below(&["app/a", "app/b", "app/sub/c"])
    );
    assert_eq!(
        list(source, &name("app/sub")).await.unwrap(),
        below(&["app/sub/c"])
    );
    assert_eq!(list(source, &name("nothing")).await.unwrap(), below(&[]));
    assert_eq!(list(source, &name("many")).await.unwrap(), every);
    assert_eq!(
        list(source, "").await.unwrap().len(),
        paths.len() + every.len()
    );
}

struct Files {
    root: PathBuf,
    source: file::Directory,
}

#[async_trait]
impl Store for Files {
    fn kind(&self) -> Kind {
        Kind::File
    }

    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }

    async fn put(&self, name: &str, value: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[tokio::test]
async fn a_directory_holds_the_contract() {
    let root = std::env::temp_dir().join(format!("jasm-contract-{}", std::process::id()));
    fs::create_dir_all(&root).unwrap();
    let calls = Calls::default();
    let source = file::Directory::new(&root, calls.observer()).unwrap();
    holds(&Files { root, source }, &calls).await;
}

struct Secrets {
    cloud: Cloud,
    source: aws::SecretsManager,
}

#[async_trait]
impl Store for Secrets {
    fn kind(&self) -> Kind {
        Kind::AwsSecretsManager
    }

    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }

    async fn put(&self, name: &str, value: &str) {
        let created = self
            .cloud
            .secrets
            .create_secret()
            .name(name)
            .secret_string(value)
            .send()
            .await;
        if created.is_err() {
            self.cloud
                .secrets
                .put_secret_value()
                .secret_id(name)
                .secret_string(value)
                .send()
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn secrets_manager_holds_the_contract() {
    let cloud = Cloud::new().await;
    let calls = Calls::default();
    let source = aws::SecretsManager::new(&cloud.connection, calls.observer());
    holds(&Secrets { cloud, source }, &calls).await;
}

struct Parameters {
    cloud: Cloud,
    source: aws::ParameterStore,
}

#[async_trait]
impl Store for Parameters {
    fn kind(&self) -> Kind {
        Kind::AwsParameterStore
    }

    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn name(&self, path: &str) -> String {
        format!("/{path}")
    }

    async fn put(&self, name: &str, value: &str) {
        let put = self
            .cloud
            .parameters
            .put_parameter()
            .name(name)
            .value(value)
            .overwrite(true);
        put.r#type(ParameterType::SecureString)
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn parameter_store_holds_the_contract() {
    let cloud = Cloud::new().await;
    let calls = Calls::default();
    let source = aws::ParameterStore::new(&cloud.connection, calls.observer());
    holds(&Parameters { cloud, source }, &calls).await;
}
