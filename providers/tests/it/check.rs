//! Sources that are asked about themselves: as whom they read, and whether they are let in.

use jasm_fakes::gcp::Node;
use jasm_providers::{Check, ErrorKind, Identity, Kind, gcp};

use crate::support::{Calls, assert_clean, kind, soon};
use crate::{azure, gcp as google};

#[tokio::test]
async fn azure_names_the_application_and_its_tenant() {
    let world = azure::World::new().await;
    let (vault, _) = world.secrets(world.web());
    let settings = world.settings(&Calls::default());
    let sources: [(&dyn Check, &str); 2] = [
        (&vault, "vaults/default"),
        (&settings, "configurations/default"),
    ];
    for (source, grant) in sources {
        // The fake's tokens say nothing, so that it is what the ServiceAccount says.
        assert_eq!(
            source.whoami(soon()).await.as_deref(),
            Ok(
                "the application 22222222-2222-2222-2222-222222222222 of the tenant \
                 11111111-1111-1111-1111-111111111111"
            )
        );
        let refused = source.probe(soon()).await;
        assert_eq!(kind(&refused), Some(ErrorKind::Denied), "{grant}");
        assert_clean(refused.as_ref().unwrap_err());
        world.azure.grants.allow(azure::PRINCIPAL, grant);
        assert_eq!(source.probe(soon()).await, Ok(()), "{grant}");
    }
}

#[tokio::test]
async fn google_names_the_principal_as_a_binding_does() {
    let world = google::World::new().await;
    let connection = gcp::Connection::new(&world.options()).unwrap();
    let of = |identity: Identity| {
        gcp::ParameterManager::new(&connection, identity, true, Calls::default().observer())
            .unwrap()
    };
    let (web, _) = world.web().identity();
    let web = of(web);
    assert_eq!(web.whoami(soon()).await.as_deref(), Ok(google::SHOP));
    assert_eq!(kind(&web.probe(soon()).await), Some(ErrorKind::Denied));

    // The program's own: there is no machine, then there is one.
    let own = of(Identity::Controller);
    let nobody = own.whoami(soon()).await;
    assert_eq!(kind(&nobody), Some(ErrorKind::Unauthenticated));
    let email = "jasm@acme-prod.iam.gserviceaccount.com";
    world.cloud.set_node(Node {
        project: google::PROJECT.to_owned(),
        cluster: "prod".to_owned(),
        location: "europe-west1".to_owned(),
        email: email.to_owned(),
    });
    let own = of(Identity::Controller);
    let said = format!("serviceAccount:{email}, by the metadata server");
    assert_eq!(own.whoami(soon()).await, Ok(said));
    let all = format!("projects/{}*", google::PROJECT);
    world
        .cloud
        .grants
        .allow(&format!("serviceAccount:{email}"), &all);
    assert_eq!(own.probe(soon()).await, Ok(()));
    let host = connection.address(Kind::GcpParameterManager).unwrap();
    assert_eq!(host.trim_end_matches('/'), world.server.endpoint());
}

#[tokio::test]
async fn addresses_are_those_of_region_and_kind() {
    let options = jasm_providers::aws::Options::new("cn-north-1");
    let aws = crate::support::connect(&options).await;
    assert_eq!(
        aws.address(Kind::AwsParameterStore),
        "https://ssm.cn-north-1.amazonaws.com.cn"
    );
    let options = jasm_providers::aws::Options::new("eu-west-1");
    let aws = crate::support::connect(&options).await;
    assert_eq!(
        aws.address(Kind::AwsSecretsManager),
        "https://secretsmanager.eu-west-1.amazonaws.com"
    );
}
