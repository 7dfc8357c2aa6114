//! Whose token it is, as the server says.

use serde::Deserialize;
use tokio::time::Instant;

use super::{Desk, Token};
use crate::Error;
use crate::http::observed;
use crate::vault::answer;

const PATH: &str = "auth/token/lookup-self";
/// Far more than a token's metadata.
const LARGEST: usize = 256 * 1024;
/// Longest name, and most policies, that are shown.
const LONGEST: usize = 128;
const MOST: usize = 20;

#[derive(Deserialize)]
struct Looked {
    data: Owner,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    entity_id: String,
    #[serde(default)]
    policies: Vec<String>,
    identity_policies: Option<Vec<String>>,
}

impl Desk {
    pub(in crate::vault) async fn whoami(
        &self,
        token: &Token,
        deadline: Instant,
    ) -> Result<String, Error> {
        let owner = observed(&self.observer, "LookupToken", async {
            let answer = self
                .connection
                .get("LookupToken", PATH, None, LARGEST, &token.secret, deadline)
                .await?;
            match answer.status {
                403 => Ok(None),
                200 => serde_json::from_slice::<Looked>(&answer.body)
                    .map(|looked| Some(looked.data))
                    .map_err(|_| answer.senseless(PATH)),
                _ => Err(answer::refused(&answer, PATH, PATH)),
            }
        })
        .await?;
        Ok(match owner {
            Some(owner) => owner.words(),
            None => "a token that may not ask about itself".to_owned(),
        })
    }
}

impl Owner {
    fn words(self) -> String {
        let mut words = match plain(&self.display_name) {
            name if name.is_empty() => "a token without a name".to_owned(),
            name => name,
        };
        let entity = plain(&self.entity_id);
        if !entity.is_empty() {
            words.push_str(&format!(", entity {entity}"));
        }
        let mut policies = self.policies;
        policies.extend(self.identity_policies.unwrap_or_default());
        policies.sort();
        policies.dedup();
        policies.truncate(MOST);
        let policies: Vec<_> = policies.iter().map(|policy| plain(policy)).collect();
        if !policies.is_empty() {
            words.push_str(&format!(", with the policies {}", policies.join(", ")));
        }
        words
    }
}

/// Names of the server's users, cut and without what a terminal would take for a command.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_named_with_what_it_may() {
        let owner: Owner = serde_json::from_str(
            r#"{"id":"s.marker","accessor":"marker","display_name":"kubernetes-shop\u001b[1m","entity_id":"e-1",
                "policies":["shop","default"],"identity_policies":["shop","team"]}"#,
        )
        .unwrap();
        assert_eq!(
            owner.words(),
            "kubernetes-shop[1m, entity e-1, with the policies default, shop, team"
        );
        let owner: Owner = serde_json::from_str("{}").unwrap();
        assert_eq!(owner.words(), "a token without a name");
    }
}
