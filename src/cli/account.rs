//! A ServiceAccount as the command line names it.

/// Which one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// Reads `NAMESPACE/SERVICEACCOUNT`, two names that a URL can hold.
pub(super) fn account(text: &str) -> Result<Account, String> {
    let valid = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !word.is_empty()
            && word.len() <= 253
            && word
                .bytes()
                .all(|byte| plain(byte) || matches!(byte, b'-' | b'.'))
            && !word.contains("..")
    };
    match text.split_once('/') {
        Some((namespace, name)) if valid(namespace) && valid(name) => Ok(Account {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err("write NAMESPACE/SERVICEACCOUNT, for example shop/web".to_owned()),
    }
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
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
