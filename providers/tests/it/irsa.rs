//! AWS as a workload: the fake token service, and its gate in front of moto.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jasm_fakes::aws::{Aws, Role};
use jasm_fakes::{Server, Signer};
use jasm_providers::{ErrorKind, Source, aws};
use serde_json::json;

use crate::moto::Cloud;
use crate::support::{Calls, assert_clean, connect, kind, options, read_one, soon, text, want};
use crate::wire::{Reply, Wire};
use crate::workload::{Account, ISSUER, cluster};

const ROLE: &str = "arn:aws:iam::123456789012:role/shop-reader";
const ANNOTATION: &str = "eks.amazonaws.com/role-arn";
const AUDIENCE: &str = "eks.amazonaws.com/audience";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/shop-reader/jasm-shop-web";

#[tokio::test]
async fn a_workload_reads_as_the_role_that_it_names() {
    let cloud = Cloud::new().await;
    let name = "irsa/db";
    let create = cloud
        .secrets
        .create_secret()
        .name(name)
        .secret_string("one");
    create.send().await.unwrap();
    let (trust, signer) = cluster();
    // What moto is asked for in this test; its own region and account are the cloud's.
    let aws = Aws::new(trust, Some(&cloud.endpoint)).unwrap();
    aws.add_role(Role::new(ROLE, ISSUER).trusts("shop", "web"));
    aws.grants.allow(SESSION, &format!("secretsmanager:{name}"));
    let server = Server::start(Arc::clone(&aws), 0, None).await.unwrap();
    let connection = connect(&aws::Options {
        sts_endpoint: Some(server.endpoint()),
        ..options(&server.endpoint(), &cloud.region)
    })
    .await;
    let source = |account: Account| {
        let (identity, account) = account.identity();
        let calls = Calls::default();
        let source = aws::SecretsManager::new(&connection.of(identity).unwrap(), calls.observer());
        (source, account)
    };

    let (web, account) = source(Account::new(
        &signer,
        ("shop", "web"),
        &[(ANNOTATION, ROLE)],
    ));
    let mut reads = tokio::task::JoinSet::new();
    // Not more, as moto answers them one after another.
    for _ in 0..30 {
        let web = web.clone();
        reads.spawn(async move { read_one(&web, want("irsa/db")).await.is_ok() });
    }
    assert!(reads.join_all().await.into_iter().all(|read| read));
    assert_eq!(account.tokens.load(Ordering::SeqCst), 1);
    assert_eq!(*account.audiences.lock().unwrap(), ["sts.amazonaws.com"]);
    aws.revoke_sessions();
    assert_eq!(text(&read_one(&web, want(name)).await), "one");
    assert_eq!(account.tokens.load(Ordering::SeqCst), 2);

    // Another ServiceAccount with the same role, an expired token, a foreign cluster.
    let (_, foreign) = cluster();
    let role = [(ANNOTATION, ROLE)];
    let refused = [
        (
            Account::new(&signer, ("else", "web"), &role),
            ErrorKind::Denied,
            "does not trust the ServiceAccount else/web",
        ),
        (
            Account::new(&signer, ("shop", "web"), &role).expired(),
            ErrorKind::Unauthenticated,
            "shop/web for expired",
        ),
        (
            Account::new(&foreign, ("shop", "web"), &role),
            ErrorKind::Denied,
            "cannot verify the token of the ServiceAccount shop/web",
        ),
    ];
    let before = reads_of(&server);
    assert_ne!(before, 0);
    for (account, expected, part) in refused {
        let (source, _) = source(account);
        let error = read_one(&source, want(name)).await.unwrap_err();
        assert_eq!(error.kind, expected, "{error}");
        assert!(error.message.contains(part), "{error}");
        assert_clean(&error);
    }
    assert_eq!(reads_of(&server), before);
    let (identity, _) = Account::new(&signer, ("shop", "web"), &[]).identity();
    let missing = connection.of(identity).map(drop);
    assert_eq!(kind(&missing), Some(ErrorKind::Denied));
}

#[tokio::test]
async fn a_token_is_for_the_audience_that_the_provider_and_the_role_want() {
    const OTHER: &str = "arn:aws:iam::123456789012:role/other-reader";
    let cloud = Cloud::new().await;
    let create = cloud.secrets.create_secret().name("irsa/audience");
    create.secret_string("one").send().await.unwrap();
    let (trust, signer) = cluster();
    let aws = Aws::new(trust, Some(&cloud.endpoint)).unwrap();
    aws.add_role(Role::new(ROLE, ISSUER).trusts("shop", "web"));
    aws.add_role(
        Role::new(OTHER, ISSUER)
            .trusts("shop", "web")
            .audience("aws.shop.test"),
    );
    let session = SESSION.replace("shop-reader", "other-reader");
    aws.grants.allow(&session, "secretsmanager:irsa/audience");
    let server = Server::start(Arc::clone(&aws), 0, None).await.unwrap();
    let connection = connect(&aws::Options {
        sts_endpoint: Some(server.endpoint()),
        ..options(&server.endpoint(), &cloud.region)
    })
    .await;
    let read = async |account: Account| {
        let (identity, account) = account.identity();
        let own = connection.of(identity).unwrap();
        let source = aws::SecretsManager::new(&own, Calls::default().observer());
        (read_one(&source, want("irsa/audience")).await, account)
    };
    let web = |signer: &Arc<Signer>, role: &str, audience: Option<&str>| {
        let annotations = [(ANNOTATION, role), (AUDIENCE, audience.unwrap_or_default())];
        Account::new(signer, ("shop", "web"), &annotations)
    };

    let (answer, account) = read(web(&signer, OTHER, Some("aws.shop.test"))).await;
    assert_eq!(text(&answer), "one");
    assert_eq!(*account.audiences.lock().unwrap(), ["aws.shop.test"]);

    // Its keys are good, and no provider of the account is that issuer's.
    let unknown = Arc::new(Signer::new("https://other.test").unwrap());
    let provider = "create the IAM OIDC provider of this cluster's issuer, with the audience";
    let trusts = "to system:serviceaccount:shop:web with the audience";
    let table = [
        (
            web(&unknown, ROLE, None),
            "InvalidIdentityToken",
            format!("{provider} sts.amazonaws.com, in the account of {ROLE}"),
        ),
        (
            web(&signer, ROLE, Some("nobody.test")),
            "InvalidIdentityToken",
            format!("{provider} nobody.test, in the account of {ROLE}"),
        ),
        // The provider has it, and the role's trust policy another.
        (
            web(&signer, ROLE, Some("aws.shop.test")),
            "AccessDenied",
            format!("{trusts} aws.shop.test"),
        ),
        (
            web(&signer, OTHER, None),
            "AccessDenied",
            format!("{trusts} sts.amazonaws.com"),
        ),
    ];
    let before = reads_of(&server);
    for (account, code, part) in table {
        let refused = read(account).await.0.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Denied, "{refused}");
        assert_eq!(refused.code.as_deref(), Some(code), "{refused}");
        assert!(refused.message.contains(&part), "{part}: {refused}");
        assert_clean(&refused);
    }
    assert_eq!(reads_of(&server), before);
}

#[tokio::test]
async fn of_a_batch_each_secret_says_for_itself_who_may_read_it() {
    let cloud = Cloud::new().await;
    for name in ["mine/a", "mine/b", "theirs"] {
        let create = cloud.secrets.create_secret().name(name);
        create.secret_string(name).send().await.unwrap();
    }
    let (trust, signer) = cluster();
    let aws = Aws::new(trust, Some(&cloud.endpoint)).unwrap();
    aws.add_role(Role::new(ROLE, ISSUER).trusts("shop", "web"));
    aws.grants.permit(
        SESSION,
        "secretsmanager:GetSecretValue",
        "secretsmanager:mine/*",
    );
    let server = Server::start(Arc::clone(&aws), 0, None).await.unwrap();
    let connection = connect(&aws::Options {
        sts_endpoint: Some(server.endpoint()),
        ..options(&server.endpoint(), &cloud.region)
    })
    .await;
    let wants = ["mine/a", "theirs", "mine/b"].map(want);
    let read = async || {
        let (identity, _) =
            Account::new(&signer, ("shop", "web"), &[(ANNOTATION, ROLE)]).identity();
        let connection = connection.of(identity).unwrap();
        let source = aws::SecretsManager::new(&connection, Calls::default().observer());
        let before = server.record.all().len();
        let answers = source.read(&wants, soon()).await;
        assert_eq!(text(&answers[0]), "mine/a");
        assert_eq!(kind(&answers[1]), Some(ErrorKind::Denied));
        assert_eq!(text(&answers[2]), "mine/b");
        let calls = server.record.all().split_off(before);
        let mut calls: Vec<_> = calls.into_iter().filter_map(|it| it.operation).collect();
        calls.retain(|it| it != "AssumeRoleWithWebIdentity");
        calls.sort();
        calls
    };
    // Without the right to the call, each is asked for by itself.
    assert_eq!(
        read().await,
        [
            "BatchGetSecretValue",
            "GetSecretValue",
            "GetSecretValue",
            "GetSecretValue"
        ]
    );
    aws.grants
        .permit(SESSION, "secretsmanager:BatchGetSecretValue", "*");
    assert_eq!(read().await, ["BatchGetSecretValue"]);
}

/// How many reads of secrets came to the gate.
fn reads_of(server: &Server) -> usize {
    let seen = server.record.all();
    let reads = seen
        .iter()
        .filter(|seen| seen.operation.as_deref() == Some("GetSecretValue"));
    reads.count()
}

/// A pool of connections for each, with its own copy of the certificates, would be the most of what an
/// identity costs.
#[tokio::test]
async fn identities_share_connections() {
    const IDENTITIES: usize = 10;
    let wire = Wire::new(|request| match request.operation.as_str() {
        "GetSecretValue" => Reply::Json(
            200,
            json!({"Name": "db", "VersionId": "v1", "SecretString": "one"}),
        ),
        _ => Reply::Raw(200, "", ASSUMED.into()),
    })
    .await;
    let connection = connect(&aws::Options {
        sts_endpoint: Some(wire.endpoint.clone()),
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    let (_, signer) = cluster();
    for _ in 0..IDENTITIES {
        let account = Account::new(&signer, ("shop", "web"), &[(ANNOTATION, ROLE)]);
        let own = connection.of(account.identity().0).unwrap();
        let source = aws::SecretsManager::new(&own, Calls::default().observer());
        assert_eq!(text(&read_one(&source, want("db")).await), "one");
    }
    assert_eq!(wire.requests().len(), 2 * IDENTITIES);
    // One, but for an answer whose connection is not free yet when the next call leaves.
    assert!(wire.connections() < IDENTITIES, "{}", wire.connections());
}

const ASSUMED: &str = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>\
    <SecretAccessKey>key</SecretAccessKey><SessionToken>session</SessionToken>\
    <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
    </AssumeRoleWithWebIdentityResponse>";
