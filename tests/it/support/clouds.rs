//! The clouds that have no emulator, and AWS's token service in front of moto, for one test: they believe
//! the tokens of the test's cluster.

use std::sync::Arc;

use jasm_fakes::aws::{Aws, Role};
use jasm_fakes::azure::{App, AppConfiguration, Azure, Entra, KeyVault};
use jasm_fakes::gcp::{Gcp, Pool};
use jasm_fakes::{Authority, Seen, Server, Trust};
use serde_json::Value;

use super::cluster::admin;
use super::moto;
use super::world::World;

pub(crate) const PROJECT: &str = "acme-prod";
pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";

/// The annotations of ServiceAccounts.
pub(crate) const ROLE: &str = "eks.amazonaws.com/role-arn";
pub(crate) const CLIENT: &str = "azure.workload.identity/client-id";

/// Who JASM itself is at AWS; it may read everything there.
pub(crate) const CONTROLLER: &str = "controller";

/// Who signs the cluster's tokens, in its own words.
pub(crate) async fn issuer(world: &World) -> String {
    let request = http::Request::get("/.well-known/openid-configuration")
        .body(Vec::new())
        .unwrap();
    let found: Value = world.admin.request(request).await.unwrap();
    found["issuer"].as_str().unwrap().to_owned()
}

/// What believes the tokens of the test's cluster.
pub(crate) async fn trust(issuer: &str) -> Arc<Trust> {
    let request = http::Request::get("/openid/v1/jwks")
        .body(Vec::new())
        .unwrap();
    let keys = admin().await.request_text(request).await.unwrap();
    let trust = Trust::default();
    trust.add(issuer, &keys).unwrap();
    Arc::new(trust)
}

pub(crate) struct Clouds {
    pub(crate) issuer: String,
    pub(crate) aws: Arc<Aws>,
    pub(crate) gcp: Arc<Gcp>,
    pub(crate) azure: Azure,
    pub(crate) entra: Arc<Entra>,
    pub(crate) vault: Arc<KeyVault>,
    pub(crate) configuration: Arc<AppConfiguration>,
    /// AWS's token service, and its gate in front of moto.
    pub(crate) aws_server: Server,
    pub(crate) gcp_server: Server,
    pub(crate) entra_server: Server,
    pub(crate) vault_server: Server,
    pub(crate) configuration_server: Server,
    authority: String,
}

impl Clouds {
    pub(crate) async fn beside(world: &World) -> Self {
        let issuer = issuer(world).await;
        Self::believing(world, trust(&issuer).await).await
    }

    /// Clouds that believe somebody else's tokens.
    pub(crate) async fn believing(world: &World, trust: Arc<Trust>) -> Self {
        let upstream = tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
        let aws = Aws::new(trust.clone(), Some(upstream)).unwrap();
        aws.add_key(moto::ACCESS_KEY, moto::SECRET_KEY, CONTROLLER);
        aws.grants.allow(CONTROLLER, "*");
        let gcp = Arc::new(Gcp::new(trust.clone()));
        let of = issuer(world).await;
        gcp.add_pool(Pool::gke(PROJECT, "europe-west1", "prod", &of));
        let azure = Azure::new(trust);
        let entra = Entra::new(&azure);
        let vault = KeyVault::new(&azure);
        let configuration = AppConfiguration::new(&azure);
        let tls = Authority::new().unwrap();
        std::fs::write(world.dir.path().join("ca.pem"), tls.ca_pem()).unwrap();
        let acceptor = || Some(tls.acceptor(&[]).unwrap());
        let entra_server = Server::start(entra.clone(), 0, acceptor()).await.unwrap();
        vault.set_authority(&format!("{}/{TENANT}", entra_server.endpoint()));
        Self {
            issuer: issuer(world).await,
            aws_server: Server::start(aws.clone(), 0, None).await.unwrap(),
            gcp_server: Server::start(gcp.clone(), 0, None).await.unwrap(),
            vault_server: Server::start(vault.clone(), 0, acceptor()).await.unwrap(),
            configuration_server: Server::start(configuration.clone(), 0, acceptor())
                .await
                .unwrap(),
            entra_server,
            aws,
            gcp,
            azure,
            entra,
            vault,
            configuration,
            authority: world.dir.path().join("ca.pem").display().to_string(),
        }
    }

    /// Stores that are read as the pod, for the world's config: `sm`, `gsm`, `kv` and `settings`.
    pub(crate) fn stores(&self) -> String {
        let (aws, gcp) = (self.aws(), self.gcp_server.endpoint());
        let (entra, kv) = (self.entra_server.endpoint(), self.vault_server.endpoint());
        let (settings, ca) = (self.configuration_server.endpoint(), &self.authority);
        format!(
            "- name: sm\n  identity: workload\n{aws}\
             - name: gsm\n  kind: gcp-secretmanager\n  identity: workload\n  project: {PROJECT}\n  \
               clusterProject: {PROJECT}\n  clusterLocation: europe-west1\n  clusterName: prod\n  \
               endpoint: {gcp}\n  stsEndpoint: {gcp}\n  iamEndpoint: {gcp}\n\
             - name: kv\n  kind: azure-keyvault\n  identity: workload\n  vault: default\n  tenant: {TENANT}\n  \
               endpoint: {kv}\n  authority: {entra}\n  caFile: {ca}\n\
             - name: settings\n  kind: azure-appconfiguration\n  identity: workload\n  configuration: default\n  \
               tenant: {TENANT}\n  endpoint: {settings}\n  authority: {entra}\n  caFile: {ca}\n  vaults: [{{name: default, endpoint: \"{kv}\"}}]\n"
        )
    }

    /// The fields of a store of AWS but for its name, its identity and its rules.
    pub(crate) fn aws(&self) -> String {
        let (region, aws) = (moto::REGION, self.aws_server.endpoint());
        format!(
            "  kind: aws-secretsmanager\n  region: {region}\n  endpoint: {aws}\n  stsEndpoint: {aws}\n"
        )
    }

    /// A role that trusts a ServiceAccount; its ARN.
    pub(crate) fn role(&self, name: &str, namespace: &str, account: &str) -> String {
        let arn = format!("arn:aws:iam::{}:role/{name}", moto::ACCOUNT);
        let role = Role::new(&arn, &self.issuer).trusts(namespace, account);
        self.aws.add_role(role);
        arn
    }

    /// An application that a ServiceAccount can become, called `principal`; its client id.
    pub(crate) fn app(&self, principal: &str, namespace: &str, account: &str) -> String {
        let client = format!("22222222-2222-2222-2222-{:012x}", fastrand::u32(..));
        let app = App::new(TENANT, &client, principal);
        self.entra
            .add(app.federated(&self.issuer, namespace, account));
        client
    }

    /// Everything that came to any of them.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        [
            &self.aws_server,
            &self.gcp_server,
            &self.entra_server,
            &self.vault_server,
            &self.configuration_server,
        ]
        .iter()
        .flat_map(|server| server.record.all())
        .collect()
    }
}

/// Who a ServiceAccount is at AWS when it has taken a role.
pub(crate) fn session(role: &str, namespace: &str, account: &str) -> String {
    let (account_id, name) = (moto::ACCOUNT, role.rsplit('/').next().unwrap());
    format!("arn:aws:sts::{account_id}:assumed-role/{name}/jasm-{namespace}-{account}")
}

/// Who a ServiceAccount is at Google.
pub(crate) fn member(namespace: &str, account: &str) -> String {
    format!("serviceAccount:{PROJECT}.svc.id.goog[{namespace}/{account}]")
}

/// Who asked for what at a server: the principals of the requests with this operation or path.
pub(crate) fn principals(server: &Server, what: &str) -> Vec<String> {
    let seen = server.record.all().into_iter();
    seen.filter(|seen| seen.path.contains(what) || seen.operation.as_deref() == Some(what))
        .map(|seen| seen.principal.unwrap_or_default())
        .collect()
}

/// What a server answered to an operation: to whom, and with which status (none: the caller went away).
pub(crate) fn answered(server: &Server, operation: &str) -> Vec<(String, Option<u16>)> {
    let seen = server.record.all().into_iter();
    seen.filter(|seen| seen.operation.as_deref() == Some(operation))
        .map(|seen| (seen.principal.unwrap_or_default(), seen.status))
        .collect()
}
