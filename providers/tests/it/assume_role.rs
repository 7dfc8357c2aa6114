//! AWS as a role that the program takes on: the fake token service, and its gate in front of moto.

use std::sync::Arc;

use jasm_fakes::Server;
use jasm_fakes::aws::{Aws, Role};
use jasm_providers::sink::WriteError;
use jasm_providers::{ErrorKind, Identity, Principal, Sink, aws};

use crate::moto::Cloud;
use crate::sinks::{listed, owner, put};
use crate::support::{Calls, assert_clean, connect, options, soon};
use crate::workload::{ISSUER, cluster};

const ROLE: &str = "arn:aws:iam::123456789012:role/shop-writer";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/shop-writer/jasm-prod-shop-config";
/// Who the program is, by the key that the tests' connections have.
const PROGRAM: &str = "arn:aws:iam::123456789012:user/jasm";

struct World {
    aws: Arc<Aws>,
    server: Server,
    connection: aws::Connection,
}

impl World {
    async fn new() -> Self {
        let cloud = Cloud::new().await;
        let (trust, _) = cluster();
        let aws = Aws::new(trust, Some(&cloud.endpoint)).unwrap();
        aws.add_role(Role::new(ROLE, ISSUER).trusts_principal(PROGRAM));
        let server = Server::start(Arc::clone(&aws), 0, None).await.unwrap();
        let options = aws::Options {
            sts_endpoint: Some(server.endpoint()),
            account: Some("123456789012".to_owned()),
            ..options(&server.endpoint(), &cloud.region)
        };
        let aws::Credentials::Static {
            access_key_id,
            secret_access_key,
        } = &options.credentials
        else {
            panic!("the tests' connections have a key")
        };
        let key = std::str::from_utf8(secret_access_key.expose()).unwrap();
        aws.add_key(access_key_id, key, PROGRAM);
        Self {
            connection: connect(&options).await,
            aws,
            server,
        }
    }

    fn of(&self, arn: &str) -> Result<(aws::SecretsManager, Calls), jasm_providers::Error> {
        let role = Principal::AwsRole {
            arn: arn.to_owned(),
            session: "jasm-prod-shop-config".to_owned(),
        };
        let calls = Calls::default();
        let connection = self.connection.of(Identity::Assumed(role))?;
        let sink = aws::SecretsManager::new(&connection, calls.observer());
        Ok((sink, calls))
    }

    /// How often the role was taken on.
    fn assumed(&self) -> usize {
        let all = self.server.record.all();
        let roles = all
            .iter()
            .filter(|seen| seen.operation.as_deref() == Some("AssumeRole"));
        roles.count()
    }
}

fn failed(result: Result<(), WriteError>) -> jasm_providers::Error {
    let Err(WriteError::Failed(error)) = result else {
        panic!("{result:?}")
    };
    assert_clean(&error);
    error
}

#[tokio::test]
async fn an_object_writes_as_the_role_that_it_names_and_nobody_shares_it() {
    let world = World::new().await;
    world.aws.grants.allow(SESSION, "secretsmanager:*");
    let (sink, calls) = world.of(ROLE).unwrap();
    let mine = owner("config");
    for name in ["a", "b"] {
        sink.create(&put(name, "one"), &mine, soon()).await.unwrap();
    }
    assert!(listed(&sink, "a", &mine).await.is_some());
    assert_eq!(world.assumed(), 1);
    assert!(calls.take().contains(&("AssumeRole", "ok")));
    // The program's own rights are none.
    let own = aws::SecretsManager::new(&world.connection, Calls::default().observer());
    let refused = own.held(&mine, soon()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied, "{refused}");
    // Another object with the same role has credentials of its own.
    let (other, _) = world.of(ROLE).unwrap();
    assert!(listed(&other, "a", &mine).await.is_some());
    assert_eq!(world.assumed(), 2);
    // What AWS takes back is got again.
    world.aws.revoke_sessions();
    assert!(listed(&sink, "a", &mine).await.is_some());
    assert_eq!(world.assumed(), 3);
}

#[tokio::test]
async fn a_right_that_lacks_is_named() {
    let world = World::new().await;
    let (sink, _) = world.of(ROLE).unwrap();
    let mine = owner("config");
    let error = failed(sink.create(&put("a", "one"), &mine, soon()).await);
    assert_eq!(error.kind, ErrorKind::Denied);
    assert_eq!(
        error.message,
        "secretsmanager:CreateSecret is not allowed for a: grant it and secretsmanager:TagResource to the identity \
         that writes this store"
    );
    let allow = |operation: &str| {
        world
            .aws
            .grants
            .permit(SESSION, operation, "secretsmanager:*");
    };
    for operation in ["CreateSecret", "ListSecrets", "DescribeSecret"] {
        allow(&format!("secretsmanager:{operation}"));
    }
    sink.create(&put("a", "one"), &mine, soon()).await.unwrap();
    let held = listed(&sink, "a", &mine).await.unwrap();
    let refusals = [
        (
            "UpdateSecret",
            sink.update(&held, &put("a", "two"), &mine, soon()).await,
        ),
        (
            "TagResource",
            sink.remark(&held, &put("a", "one"), &mine, soon()).await,
        ),
        ("DeleteSecret", sink.delete(&held, &mine, soon()).await),
        ("RestoreSecret", sink.restore("a", soon()).await),
    ];
    for (operation, result) in refusals {
        let error = failed(result);
        let sentence = format!(
            "secretsmanager:{operation} is not allowed for a: grant it to the identity that writes this store"
        );
        assert_eq!(error.message, sentence);
    }
}

#[tokio::test]
async fn a_role_that_does_not_trust_gives_nothing() {
    const OTHER: &str = "arn:aws:iam::123456789012:role/other";
    let world = World::new().await;
    world
        .aws
        .add_role(Role::new(OTHER, ISSUER).trusts_principal("arn:aws:iam::123456789012:user/else"));
    for arn in [OTHER, "arn:aws:iam::123456789012:role/missing"] {
        let (sink, _) = world.of(arn).unwrap();
        let error = failed(
            sink.create(&put("a", "one"), &owner("config"), soon())
                .await,
        );
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        assert_eq!(error.code.as_deref(), Some("AccessDenied"));
        let parts = [arn, "its trust policy", "sts:AssumeRole"];
        assert!(
            parts.iter().all(|part| error.message.contains(part)),
            "{error}"
        );
    }
    // No call was made that the role is not for, and none for what cannot be meant.
    let before = world.server.record.all().len();
    let foreign = "arn:aws:iam::210987654321:role/shop-writer";
    let error = world.of(foreign).map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("210987654321"), "{error}");
    let google = Principal::GoogleServiceAccount("a@b.iam.gserviceaccount.com".to_owned());
    let error = world.connection.of(Identity::Assumed(google)).map(drop);
    assert_eq!(error.unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(world.server.record.all().len(), before);
}
