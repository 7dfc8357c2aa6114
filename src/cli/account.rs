//! A ServiceAccount as the command line names it.

/// Which one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Account {
    /// Whether both are names that an API server takes, and so a URL and a script can hold.
    pub(super) fn is_named(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        [&self.namespace, &self.name].into_iter().all(|word| {
            !word.is_empty()
                && word.len() <= 253
                && word
                    .bytes()
                    .all(|byte| plain(byte) || matches!(byte, b'-' | b'.'))
                && !word.contains("..")
        })
    }
}

/// Reads `NAMESPACE/SERVICEACCOUNT`.
pub(super) fn account(text: &str) -> Result<Account, String> {
    let account = text.split_once('/').map(|(namespace, name)| Account {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    });
    account
        .filter(Account::is_named)
        .ok_or_else(|| "write NAMESPACE/SERVICEACCOUNT, for example shop/web".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_two_names_that_a_url_can_hold() {
        let read = |text| account(text).map(|it| (it.namespace, it.name));
        assert_eq!(read("shop/web"), Ok(("shop".to_owned(), "web".to_owned())));
        for bad in [
            "",
            "web",
            "/web",
            "shop/",
            "shop/web/x",
            "shop/..",
            "shop/We",
            "shop/a%2f",
            "shop/a b",
            "shop/a?b",
            "shop/x'; touch y; echo '",
            "shop/x\ny",
            "shop/x}$(y)",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
