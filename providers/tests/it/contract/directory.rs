//! A directory: what of the list a disk can do.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jasm_providers::{Kind, file};

use super::faults::{Sample, Says, Stage, State, Subject, holds, uncounted};
use super::table::Column;
use crate::support::MARKER;
use crate::wire::Wire;

struct Directory;

/// One that ends with the test.
struct Root(PathBuf);

impl Root {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("jasm-faults-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(root.join("p")).unwrap();
        Self(root)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[async_trait]
impl Subject for Directory {
    fn kind(&self) -> Kind {
        Kind::File
    }

    fn column(&self) -> Column {
        Column::File
    }

    fn name(&self, path: &str) -> String {
        path.to_owned()
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn base(&self) -> String {
        "p".to_owned()
    }

    fn below(&self, name: &str) -> String {
        format!("p/{name}")
    }

    /// What a file's name can be.
    fn hostile(&self) -> Vec<&'static str> {
        vec!["a b", "a\u{202e}b", "a%2fb", "*", "a\nb", "a:b"]
    }

    fn sample(&self, sample: Sample) -> Option<Vec<u8>> {
        Some(match sample {
            Sample::Marked => format!("value {MARKER}").into_bytes(),
            Sample::Binary => (0..=255).collect(),
            Sample::Empty => Vec::new(),
            Sample::Unicode => "Grüße, 秘密 \u{1f511}\u{0}\n".as_bytes().to_vec(),
            Sample::TooLarge => vec![b'x'; 1024 * 1024 + 1],
        })
    }

    async fn stage(&self, state: State) -> Option<Stage> {
        let root = Root::new();
        match state {
            State::Says(Says::Missing) => {}
            State::Holds(value) => fs::write(root.0.join("a"), value).unwrap(),
            State::Lists(names) => names
                .iter()
                .for_each(|name| fs::write(root.0.join(name), name).unwrap()),
            State::Says(_) | State::Revoked(..) | State::Does(_) | State::Cut => return None,
        }
        let source = file::Directory::new(&root.0, uncounted()).unwrap();
        Some(Stage {
            source: Arc::new(source),
            _alive: Box::new(root),
        })
    }

    async fn elsewhere(&self) -> Option<Wire> {
        None
    }
}

#[tokio::test]
async fn a_directory_bears_what_a_disk_can_do() {
    holds(&Directory).await;
}
