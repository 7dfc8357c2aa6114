//! The same by Google Cloud and Azure, each as an identity that the object names.

use serde_json::json;

use super::stage::{FOLDER, Stage, counts, message};
use crate::support::clouds::{Clouds, PROJECT, TENANT, member};
use crate::support::controller::Controller;

const EMAIL: &str = "shop@acme-prod.iam.gserviceaccount.com";
/// As the key vault and the store are called at the fakes.
const NAME: &str = "default";

fn rule(identity: &str) -> String {
    format!(
        "  allowWrite: [{{namespaces: [\"*\"], paths: [\"**\"], identities: [\"{identity}\"]}}]\n"
    )
}

async fn offer(stage: &Stage, revision: &str, secret: &str, setting: &str) {
    let env = format!("{FOLDER}/application.secrets.env");
    let properties = format!("{FOLDER}/application.properties");
    let secrets = format!("KEY_A={secret}\nKEY_B=same\n");
    let settings = format!("log.level={setting}\n");
    stage
        .source(
            "shop",
            revision,
            &[(&env, &secrets), (&properties, &settings)],
        )
        .await;
}

#[tokio::test]
async fn google_cloud_is_written_as_a_service_account_that_jasm_impersonates() {
    let stage = Stage::without_config("smc-gcp").await;
    let clouds = Clouds::beside(&stage.world).await;
    let at = clouds.gcp_server.endpoint();
    let common = format!(
        "  identity: controller\n  project: {PROJECT}\n  endpoint: {at}\n  iamEndpoint: {at}\n  stsEndpoint: {at}\n"
    );
    stage.config(&format!(
        "- name: gsm\n  kind: gcp-secretmanager\n{common}{}- name: gpm\n  kind: gcp-parametermanager\n{common}{}",
        rule(EMAIL),
        rule(EMAIL)
    ));
    let own = member(stage.namespace(), "jasm");
    let becomes = "iam.serviceAccounts.getAccessToken";
    let account = format!("serviceAccounts/{EMAIL}");
    clouds.gcp.grants.permit(&own, becomes, &account);
    let principal = format!("serviceAccount:{EMAIL}");
    clouds.gcp.grants.allow(&principal, "*");
    // JASM's own credentials: a token of its ServiceAccount, which Google's token service takes.
    let token = stage
        .world
        .token_for(&format!("{PROJECT}.svc.id.goog"), "google-token")
        .await;
    let file = stage.world.dir.path().join("google.json");
    let credentials = json!({
        "type": "external_account",
        "audience": format!("identitynamespace:{PROJECT}.svc.id.goog:https://container.googleapis.com/v1/projects/{PROJECT}/locations/europe-west1/clusters/prod"),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {"file": token},
    });
    std::fs::write(&file, credentials.to_string()).unwrap();
    let mut spec = stage.spec("shop");
    spec["provider"] = json!({"type": "gcp", "gcp": {"projectId": PROJECT,
        "auth": {"authType": "WorkloadIdentity", "serviceAccountEmail": EMAIL}}});
    spec["configs"] = json!({"enabled": true, "store": "ParameterManager"});
    stage.object("shop", spec).await;
    offer(&stage, "main@sha1:1", "one", "info").await;
    let mut start = stage.world.start(&["--log-level", "debug"]).await;
    start.environment = vec![("GOOGLE_APPLICATION_CREDENTIALS", file.display().to_string())];
    let jasm = Controller::start(start).await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    assert_eq!(status["entries"]["created"], 3, "{}", message(&status));
    let secret = |key: &str| format!("projects/{PROJECT}/secrets/{}", stage.entry(key));
    let value = |key: &str| {
        clouds
            .gcp
            .secrets
            .value(&secret(key))
            .map(String::from_utf8)
    };
    assert_eq!(value("KEY_A"), Some(Ok("one".into())));
    let written = clouds.gcp.secrets.annotations(&secret("KEY_A"));
    assert!(
        format!("{written:?}").contains("main@sha1:1"),
        "{written:?}"
    );

    offer(&stage, "main@sha1:2", "two", "debug").await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(
        counts(&status),
        [
            ("total".to_owned(), 3),
            ("unchanged".to_owned(), 1),
            ("updated".to_owned(), 2)
        ]
    );
    assert_eq!(value("KEY_A"), Some(Ok("two".into())));
    assert_eq!(clouds.gcp.secrets.versions(&secret("KEY_A")), 2);
    assert_eq!(clouds.gcp.secrets.versions(&secret("KEY_B")), 1);
    let parameter = format!(
        "projects/{PROJECT}/locations/global/parameters/{}",
        stage.entry("log_level")
    );
    let found = clouds
        .gcp
        .parameters
        .value(&parameter)
        .map(String::from_utf8);
    assert_eq!(found, Some(Ok("debug".into())));
    assert_eq!(clouds.gcp.parameters.versions(&parameter), 2);
    let writers: Vec<_> = { clouds.gcp_server.record.all().into_iter() }
        .filter(|seen| seen.path.contains("/secrets") || seen.path.contains("/parameters"))
        .map(|seen| seen.principal.unwrap_or_default())
        .collect();
    assert!(
        !writers.is_empty() && writers.iter().all(|who| *who == principal),
        "{writers:?}"
    );
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn azure_is_written_as_an_application_that_trusts_jasm() {
    let stage = Stage::without_config("smc-azure").await;
    let clouds = Clouds::beside(&stage.world).await;
    let client = clouds.app("shop", stage.namespace(), "jasm");
    let (kv, settings) = (
        clouds.vault_server.endpoint(),
        clouds.configuration_server.endpoint(),
    );
    let common = format!(
        "  identity: controller\n  tenant: {TENANT}\n  authority: {}\n  caFile: {}\n",
        clouds.entra_server.endpoint(),
        stage.world.dir.path().join("ca.pem").display()
    );
    stage.config(&format!(
        "- name: kv\n  kind: azure-keyvault\n  vault: {NAME}\n  endpoint: {kv}\n{common}{}\
         - name: ac\n  kind: azure-appconfiguration\n  configuration: {NAME}\n  endpoint: {settings}\n{common}{}",
        rule(&client),
        rule(&client)
    ));
    clouds.azure.grants.allow("shop", "*");
    let token = stage
        .world
        .token_for("api://AzureADTokenExchange", "azure-token")
        .await;
    let mut spec = stage.spec("shop");
    spec["provider"] = json!({"type": "azure", "azure": {"vaultName": NAME,
        "auth": {"authType": "WorkloadIdentity", "clientId": client}}});
    spec["configs"] = json!({"enabled": true, "appConfigEndpoint": settings, "label": "prod"});
    stage.object("shop", spec).await;
    offer(&stage, "main@sha1:1", "one", "info").await;
    let mut start = stage.world.start(&["--log-level", "debug"]).await;
    start.environment = vec![("AZURE_FEDERATED_TOKEN_FILE", token.display().to_string())];
    let jasm = Controller::start(start).await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    assert_eq!(status["entries"]["created"], 3, "{}", message(&status));
    let (a, b) = (
        stage.entry("KEY_A").replace('_', "-"),
        stage.entry("KEY_B").replace('_', "-"),
    );
    let value = |name: &str| clouds.vault.value(NAME, name).map(String::from_utf8);
    assert_eq!(value(&a), Some(Ok("one".into())));
    let tags = clouds.vault.tags(NAME, &a);
    assert!(format!("{tags:?}").contains("main@sha1:1"), "{tags:?}");

    offer(&stage, "main@sha1:2", "two", "debug").await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(
        counts(&status),
        [
            ("total".to_owned(), 3),
            ("unchanged".to_owned(), 1),
            ("updated".to_owned(), 2)
        ]
    );
    assert_eq!(value(&a), Some(Ok("two".into())));
    assert_eq!(clouds.vault.versions(NAME, &a), 2);
    assert_eq!(clouds.vault.versions(NAME, &b), 1);
    let key = format!("{}:prod:log.level", stage.namespace());
    let found = clouds.configuration.get(NAME, &key, Some("prod")).unwrap();
    assert_eq!(found.value, "debug");
    let writers: Vec<_> = { clouds.vault_server.record.all().into_iter() }
        .chain(clouds.configuration_server.record.all())
        .filter_map(|seen| seen.principal)
        .collect();
    assert!(
        !writers.is_empty() && writers.iter().all(|who| who == "shop"),
        "{writers:?}"
    );
    assert_eq!(jasm.terminate().await, 0);
}
