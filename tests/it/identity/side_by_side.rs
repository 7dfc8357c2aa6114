//! Five kinds of store on one controller, each read as the pod that asks.

use jasm_fakes::azure::Setting;

use super::{Stage, data, payload, wants};
use crate::support::aws;
use crate::support::clouds::{CLIENT, Clouds, PROJECT, ROLE, member, principals, session};
use crate::support::eventually;
use crate::support::moto;
use crate::support::place::Place;
use crate::support::pods::template;
use crate::support::vault::Vault;

/// A namespace for each kind of store, whose ServiceAccount `web` may read what its pods want.
struct Five<'a> {
    clouds: &'a Clouds,
    vault: &'a Vault,
    aws: Place<'a>,
    gcp: Place<'a>,
    kv: Place<'a>,
    settings: Place<'a>,
    bao: Place<'a>,
    jwt: Place<'a>,
    /// What is asked for in each kind of store, everywhere the same.
    name: String,
    role: String,
    /// The client ids of those who read the key vault and the settings.
    clients: [String; 2],
}

impl<'a> Five<'a> {
    async fn new(stage: &'a Stage, clouds: &'a Clouds, vault: &'a Vault) -> Self {
        let world = &stage.world;
        let name = format!("{}-db", world.namespace);
        let [aws, gcp, kv, settings, bao, jwt] =
            ["aws", "gcp", "kv", "settings", "bao", "jwt"].map(|suffix| Place::new(world, suffix));
        let (aws, gcp, kv, settings, bao, jwt) = tokio::join!(aws, gcp, kv, settings, bao, jwt);

        aws::create_secret(&name, &payload("in-aws").to_string()).await;
        let role = clouds.role(&format!("{name}-reader"), &aws.name, "web");
        let principal = session(&role, &aws.name, "web");
        clouds
            .aws
            .grants
            .allow(&principal, &format!("secretsmanager:{name}"));
        aws.account("web", &[(ROLE, &role)]).await;

        let full = format!("projects/{PROJECT}/secrets/{name}");
        clouds
            .gcp
            .secrets
            .put(&full, payload("in-gcp").to_string().as_bytes());
        clouds.gcp.grants.allow(&member(&gcp.name, "web"), &full);
        gcp.account("web", &[]).await;

        let clients = [
            clouds.app("kv-web", &kv.name, "web"),
            clouds.app("settings-web", &settings.name, "web"),
        ];
        clouds
            .vault
            .put("default", &name, &payload("in-kv").to_string());
        clouds
            .azure
            .grants
            .allow("kv-web", &format!("vaults/default/secrets/{name}"));
        kv.account("web", &[(CLIENT, &clients[0])]).await;

        clouds.configuration.put(
            "default",
            Setting::new(&format!("app:{name}"), "in-settings"),
        );
        clouds
            .azure
            .grants
            .allow("settings-web", "configurations/default");
        settings.account("web", &[(CLIENT, &clients[1])]).await;

        vault.put(&name, &payload("in-vault")).await;
        for (place, auth) in [(&bao, "kubernetes"), (&jwt, "jwt")] {
            vault.lets(auth, &place.name, "web", &name).await;
            place.account("web", &[]).await;
        }
        Self {
            clouds,
            vault,
            aws,
            gcp,
            kv,
            settings,
            bao,
            jwt,
            name,
            role,
            clients,
        }
    }

    fn places(&self) -> [&Place<'a>; 6] {
        [
            &self.aws,
            &self.gcp,
            &self.kv,
            &self.settings,
            &self.bao,
            &self.jwt,
        ]
    }

    /// The stores that give Secrets, each with who may read it and what is there.
    fn secrets(&self) -> [(&'static str, &Place<'a>, &'static str); 5] {
        [
            ("sm", &self.aws, "in-aws"),
            ("gsm", &self.gcp, "in-gcp"),
            ("kv", &self.kv, "in-kv"),
            ("bao", &self.bao, "in-vault"),
            ("bao-jwt", &self.jwt, "in-vault"),
        ]
    }

    /// A Deployment in each namespace runs, with what it asked for.
    async fn run(&self, app: &str) {
        for (store, place, _) in self.secrets() {
            let source = format!("{store}:{}", self.name);
            let pods = template(&[(&format!("secret.{app}"), &source)]);
            let pods = pods.service_account("web").env_from(app);
            place.create(pods.deployment(app, 1)).await;
        }
        let source = format!(
            "{{provider: settings, path: \"app:{}\", configMapName: {app}, key: colour}}",
            self.name
        );
        let pods = template(&[("config-sync", &source)]).service_account("web");
        self.settings
            .create(pods.config_volume(app).deployment(app, 1))
            .await;
        for (_, place, value) in self.secrets() {
            place.runs(app).await;
            assert_eq!(place.secret(app).await, data("user", value));
        }
        self.settings.runs(app).await;
        assert_eq!(
            self.settings.config_map(app).await,
            data("colour", "in-settings")
        );
    }

    /// Who AWS, Google, the key vault and the settings were read as, each once.
    fn readers(&self) -> [Vec<String>; 4] {
        let clouds = self.clouds;
        let key = format!("secrets/{}", self.name);
        let mut readers = [
            principals(&clouds.aws_server, "GetSecretValue"),
            principals(&clouds.gcp_server, &key),
            principals(&clouds.vault_server, &key),
            principals(&clouds.configuration_server, "/kv"),
        ];
        for names in &mut readers {
            names.sort();
            names.dedup();
            // The challenge, which comes before any credential.
            names.retain(|name| !name.is_empty());
        }
        readers
    }

    /// Who OpenBao was read as.
    async fn readers_of_vault(&self) -> Vec<String> {
        let mut readers = Vec::new();
        for seen in self.vault.seen(&format!("/data/{}", self.name)) {
            readers.push(self.vault.whose(&seen).await);
        }
        readers.sort();
        readers.dedup();
        readers
    }
}

#[tokio::test]
async fn five_kinds_side_by_side_are_each_read_as_the_pod() {
    let stage = Stage::new("five").await;
    let clouds = Clouds::beside(&stage.world).await;
    let vault = Vault::beside(&stage.world).await;
    let five = Five::new(&stage, &clouds, &vault).await;
    let stores =
        clouds.stores() + &vault.store("bao", "kubernetes") + &vault.store("bao-jwt", "jwt");
    let jasm = stage.jasm(&stores).await;
    five.run("shop").await;

    // Every read was made by the pod's own principal, and each had a credential.
    let aws = session(&five.role, &five.aws.name, "web");
    assert_eq!(
        five.readers(),
        [
            vec![aws.clone()],
            vec![member(&five.gcp.name, "web")],
            vec!["kv-web".to_owned()],
            vec!["settings-web".to_owned()],
        ]
    );
    let reads = vault.seen("/data/");
    assert!(!reads.is_empty() && reads.iter().all(|read| read.status == 200));
    assert_eq!(
        five.readers_of_vault().await,
        [
            format!("{}/web", five.bao.name),
            format!("system:serviceaccount:{}:web", five.jwt.name),
        ]
    );
    assert!(
        clouds
            .seen()
            .iter()
            .all(|seen| seen.credential.as_deref() != Some(moto::ACCESS_KEY))
    );
    // And each of them came from the token of that pod's ServiceAccount.
    let subject = format!("system:serviceaccount:{}:web as {aws}", five.aws.name);
    assert_eq!(
        principals(&clouds.aws_server, "AssumeRoleWithWebIdentity"),
        [subject]
    );
    assert_eq!(
        principals(&clouds.gcp_server, "ExchangeToken"),
        [member(&five.gcp.name, "web")]
    );
    let mut signed_in = principals(&clouds.entra_server, "Token");
    signed_in.sort();
    assert_eq!(signed_in, ["kv-web", "settings-web"]);
    for place in five.places() {
        assert_eq!(
            stage.witness.asked_of(&place.name, "web").len(),
            1,
            "{}",
            place.name
        );
    }
    assert_eq!(stage.witness.asked().len(), 6);
    stage.asked_properly(&clouds.issuer, &five.places()).await;
    let values = ["in-aws", "in-gcp", "in-kv", "in-settings", "in-vault"];
    stage.ends_clean(jasm, &vault.tokens(), &values).await;
}

#[tokio::test]
async fn a_stranger_is_refused_by_the_cloud_and_nobody_else_is_tried() {
    let stage = Stage::new("stranger").await;
    let clouds = Clouds::beside(&stage.world).await;
    let vault = Vault::beside(&stage.world).await;
    let five = Five::new(&stage, &clouds, &vault).await;
    let stores =
        clouds.stores() + &vault.store("bao", "kubernetes") + &vault.store("bao-jwt", "jwt");
    let jasm = stage.jasm(&stores).await;
    five.run("shop").await;
    let permitted = (five.readers(), five.readers_of_vault().await);

    // One that is called as others are and says to be who they are; and one that is somebody, but may read nothing.
    let stranger = Place::new(&stage.world, "stranger").await;
    let [kv, settings] = &five.clients;
    stranger
        .account("web", &[(ROLE, &five.role), (CLIENT, kv)])
        .await;
    stranger.account("setter", &[(CLIENT, settings)]).await;
    let role = clouds.role(&format!("{}-own", five.name), &stranger.name, "own");
    let client = clouds.app("stranger", &stranger.name, "own");
    stranger
        .account("own", &[(ROLE, &role), (CLIENT, &client)])
        .await;
    for auth in ["kubernetes", "jwt"] {
        vault.lets(auth, &stranger.name, "own", "elsewhere").await;
    }
    // What each cloud refuses, in our words.
    let no_login = "has to exist, be bound to that ServiceAccount and namespace";
    let tries = [
        ("web", "sm", "does not trust the ServiceAccount"),
        ("own", "sm", "secretsmanager:GetSecretValue"),
        ("web", "gsm", "roles/secretmanager.secretAccessor"),
        ("own", "gsm", "roles/secretmanager.secretAccessor"),
        ("web", "kv", "federated"),
        ("own", "kv", "Key Vault Secrets User"),
        ("setter", "settings", "federated"),
        ("own", "settings", "App Configuration Data Reader"),
        ("web", "bao", no_login),
        ("own", "bao", "grant the capability on"),
        ("web", "bao-jwt", no_login),
        ("own", "bao-jwt", "grant the capability on"),
    ];
    let pod = |account: &str, store: &str| format!("{store}-{account}");
    for (account, store, _) in tries {
        let source = match store {
            "settings" => format!("settings:app:{} -> colour", five.name),
            store => format!("{store}:{}", five.name),
        };
        let name = pod(account, store);
        let pods = template(&[(&format!("secret.{name}"), &source)]).service_account(account);
        stranger.create(pods.unschedulable().pod(&name)).await;
    }
    for (account, store, words) in tries {
        let name = pod(account, store);
        let note = stranger.event("FetchFailed", &name).await;
        let who = format!("as the ServiceAccount {}/{account}: ", stranger.name);
        let said = [&who, words, "it is read again while a pod waits"];
        assert!(
            said.iter().all(|said| note.contains(said)),
            "{name}: {note}"
        );
        assert_eq!(stranger.secret(&name).await, None);
    }

    // Who came: those who came before, and the stranger as itself; never as JASM.
    let mut own = [
        vec![session(&role, &stranger.name, "own")],
        vec![member(&stranger.name, "web"), member(&stranger.name, "own")],
        vec!["stranger".to_owned()],
        vec!["stranger".to_owned()],
    ];
    for (own, permitted) in own.iter_mut().zip(&permitted.0) {
        own.extend_from_slice(permitted);
        own.sort();
    }
    assert_eq!(five.readers(), own);
    let mut own = vec![
        format!("{}/own", stranger.name),
        format!("system:serviceaccount:{}:own", stranger.name),
    ];
    own.extend_from_slice(&permitted.1);
    own.sort();
    assert_eq!(five.readers_of_vault().await, own);
    assert!(
        clouds
            .seen()
            .iter()
            .all(|seen| seen.credential.as_deref() != Some(moto::ACCESS_KEY))
    );

    // Whoever may goes on as before.
    five.run("again").await;
    for (_, place, _) in five.secrets() {
        eventually("what was made is said", || async {
            let events = place.events().await;
            assert!(
                events.iter().all(|(reason, ..)| reason == "SecretSynced"),
                "{events:?}"
            );
            (!events.is_empty()).then_some(())
        })
        .await;
    }
    let pods = wants("own", &format!("bao:{}", five.name)).unschedulable();
    vault
        .lets("kubernetes", &stranger.name, "own", &five.name)
        .await;
    // Who is granted the right later gets it, with the pod as it is.
    stranger.create(pods.pod("later")).await;
    stranger.has("db", "user", "in-vault").await;
    stranger.has("bao-own", "user", "in-vault").await;
    let values = ["in-aws", "in-gcp", "in-kv", "in-settings", "in-vault"];
    stage.ends_clean(jasm, &vault.tokens(), &values).await;
}
