//! A page of Markdown, as far as the checks need to understand it.

use std::collections::BTreeSet;

use crate::support::manifests;
use crate::support::root;

/// A page with its place in the checkout.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) path: String,
    pub(super) text: String,
}

/// A block of code.
#[derive(Debug)]
pub(super) struct Block {
    /// What is behind the fence; nothing for indented ones.
    pub(super) language: String,
    pub(super) text: String,
    /// Its first line, from 1.
    pub(super) line: usize,
}

/// All pages of the checkout.
pub(super) fn pages() -> Vec<Page> {
    let mut paths: Vec<_> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    paths.sort();
    paths.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned));
    paths.iter().map(|path| Page::read(path)).collect()
}

impl Page {
    pub(super) fn new(path: String, text: String) -> Self {
        Self { path, text }
    }

    pub(super) fn read(path: &str) -> Self {
        Self::new(path.to_owned(), manifests::read(path))
    }

    /// Lines of prose and blocks of code, in order.
    fn parts(&self) -> (Vec<&str>, Vec<Block>) {
        let mut prose = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        let mut fenced = false;
        let mut indented = false;
        for (at, line) in self.text.lines().enumerate() {
            if let Some(language) = line.strip_prefix("```") {
                fenced = !fenced;
                indented = false;
                if fenced {
                    blocks.push(Block {
                        language: language.to_owned(),
                        text: String::new(),
                        line: at + 1,
                    });
                }
            } else if fenced {
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            } else if let Some(code) = line.strip_prefix("    ") {
                if !indented {
                    blocks.push(Block {
                        language: String::new(),
                        text: String::new(),
                        line: at + 1,
                    });
                }
                indented = true;
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(code);
                text.push('\n');
            } else {
                indented = false;
                prose.push(line);
            }
        }
        assert!(!fenced, "{}: a fence is not closed", self.path);
        (prose, blocks)
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        self.parts().1
    }

    pub(super) fn headings(&self) -> Vec<String> {
        self.parts()
            .0
            .iter()
            .filter(|line| line.starts_with('#'))
            .map(|line| line.trim_start_matches('#').trim().to_owned())
            .collect()
    }

    /// The anchors of the headings, as GitHub makes them.
    pub(super) fn anchors(&self) -> BTreeSet<String> {
        let anchor = |heading: String| {
            heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        };
        self.headings().into_iter().map(anchor).collect()
    }

    /// Where `[text](target)` leads.
    pub(super) fn links(&self) -> Vec<String> {
        self.parts()
            .0
            .iter()
            .flat_map(|line| line.split("](").skip(1))
            .filter_map(|rest| rest.split_once(')'))
            .map(|(target, _)| target.to_owned())
            .collect()
    }

    /// Lines of code that are not YAML, and code within prose.
    pub(super) fn commands(&self) -> Vec<String> {
        let (prose, blocks) = self.parts();
        let lines = blocks
            .iter()
            .filter(|block| matches!(block.language.as_str(), "" | "sh"))
            .flat_map(|block| block.text.lines())
            .map(str::to_owned);
        let spans = prose
            .iter()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .map(str::to_owned);
        lines.chain(spans).collect()
    }

    /// What tables quote of events: the code in the first cells below "the event says".
    pub(super) fn events(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut within = false;
        for line in self.parts().0 {
            let cells = line.strip_prefix("| ");
            within = cells.is_some_and(|cells| within || cells.starts_with("the event says |"))
                || (within && line.starts_with("|---"));
            if let Some((first, _)) = cells.filter(|_| within).and_then(|it| it.split_once(" | ")) {
                found.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
        found
    }

    /// Quoted lines.
    pub(super) fn quotes(&self) -> Vec<String> {
        self.parts()
            .0
            .iter()
            .filter_map(|line| line.strip_prefix("> "))
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}
