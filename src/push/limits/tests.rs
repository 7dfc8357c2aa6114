use super::*;

#[test]
fn the_last_byte_that_each_kind_takes() {
    for (kind, limit) in [
        (Kind::AwsSecretsManager, 65_536),
        (Kind::AwsParameterStore, 4096),
        (Kind::GcpSecretManager, 65_536),
        (Kind::GcpParameterManager, 1_048_576),
        (Kind::AzureKeyVault, 25_000),
        (Kind::AzureAppConfiguration, 8991),
    ] {
        assert_eq!(
            check(kind, "name", Some("label"), &vec![b'x'; limit]),
            Ok(()),
            "{kind}"
        );
        let refusal = check(kind, "name", Some("label"), &vec![b'x'; limit + 1]).unwrap_err();
        assert_eq!(refusal.reason(), "TooLarge");
        let sentence = refusal.sentence(kind);
        assert!(
            sentence.contains(&format!("{kind} takes {limit}")),
            "{sentence}"
        );
    }
}

#[test]
fn what_a_kind_cannot_hold_is_said() {
    let why = |kind, value: &[u8]| check(kind, "a", None, value).err();
    for kind in [
        Kind::AwsParameterStore,
        Kind::AzureKeyVault,
        Kind::AzureAppConfiguration,
    ] {
        assert_eq!(why(kind, b"\xff"), Some(Refusal::Binary), "{kind}");
    }
    for kind in [
        Kind::AwsSecretsManager,
        Kind::GcpSecretManager,
        Kind::GcpParameterManager,
    ] {
        assert_eq!(why(kind, b"\xff{{x}}"), None, "{kind}");
    }
    assert_eq!(
        why(Kind::AwsParameterStore, b"a {{b}}"),
        Some(Refusal::Braces)
    );
    assert_eq!(why(Kind::AwsParameterStore, b"a {b}}"), None);
    assert!(
        Refusal::Braces
            .sentence(Kind::AwsParameterStore)
            .starts_with("has \"{{\" in it")
    );
}
