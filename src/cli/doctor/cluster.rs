//! The cluster: whether the API server answers, and what JASM's account may do there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::timeout;

use super::report::{Finding, Part};
use super::rights::{self, Right};
use super::{Account, policies};
use crate::cli::cluster as access;
use crate::client;
use crate::identity::Own;
use crate::settings::{self, Identity, Rights, Settings};

/// For one answer of the API server.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Where JASM's account is by the manifests in `config/`.
const USUAL: (&str, &str) = ("jasm-system", "jasm");

/// The way to an API server.
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) address: String,
    /// For whom the token is that it gets.
    pub(super) own: Arc<Own>,
}

/// A client and the API server's address, by the kubeconfig or the pod's own account.
///
/// # Errors
/// What is told where there is none: a failure if it was named, else a warning.
pub(super) async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<Cluster, Part> {
    let named = kubeconfig.is_some() || context.is_some();
    let config = match access::config(kubeconfig, context).await {
        Err(_) if !named && kube::Config::incluster().is_ok() => {
            kube::Config::incluster().map_err(|error| error.to_string())
        }
        config => config,
    };
    let missing = |why: String| {
        let finding = if named {
            Finding::fail("kubeconfig", why, "correct --kubeconfig and --context")
        } else {
            let fix =
                "name a kubeconfig with --kubeconfig, or leave the cluster out with --no-cluster";
            Finding::warn("kubeconfig", why, fix)
        };
        Part::new("cluster", "not looked at", vec![finding])
    };
    let config = config.map_err(missing)?;
    let address = config.cluster_url.to_string();
    let own = Arc::new(client::own(&config).await);
    match access::client(config) {
        Ok(client) => Ok(Cluster {
            client,
            address,
            own,
        }),
        Err(why) => Err(missing(why)),
    }
}

/// Looks at the cluster.
pub(super) async fn look(
    client: &Client,
    address: &str,
    settings: &Settings,
    chosen: &[&settings::Store],
    account: Option<&Account>,
) -> Part {
    let mut findings = Vec::new();
    let answered = timeout(PATIENCE, client.apiserver_version()).await;
    match answered {
        Ok(Ok(version)) => {
            let said = format!("it answers, Kubernetes {}.{}", version.major, version.minor);
            findings.push(Finding::ok("api server", said));
            let workloads: Vec<_> = chosen
                .iter()
                .copied()
                .filter(|store| store.identity == Identity::Workload)
                .collect();
            let name = match whose(client, account).await {
                Ok(whose) => {
                    of_account(client, settings, &workloads, &whose, &mut findings).await;
                    whose.name().to_owned()
                }
                Err(finding) => {
                    findings.push(finding);
                    USUAL.1.to_owned()
                }
            };
            policies::look(client, &name, settings.rights, &workloads, &mut findings).await;
        }
        Ok(Err(error)) => findings.push(unanswered("api server", &error)),
        Err(_) => findings.push(late("api server")),
    }
    Part::new("cluster", address, findings)
}

/// Whose rights are looked at.
enum Whose {
    /// Those of whoever calls, a ServiceAccount.
    Own(String),
    /// Those of a ServiceAccount.
    Of(Account),
}

impl Whose {
    /// The ServiceAccount's name.
    fn name(&self) -> &str {
        match self {
            Self::Own(user) => user.rsplit(':').next().unwrap_or_default(),
            Self::Of(account) => &account.name,
        }
    }
}

async fn of_account(
    client: &Client,
    settings: &Settings,
    workloads: &[&settings::Store],
    whose: &Whose,
    findings: &mut Vec<Finding>,
) {
    let name = match whose {
        Whose::Own(user) => user.clone(),
        Whose::Of(account) => format!("the ServiceAccount {}/{}", account.namespace, account.name),
    };
    let served = literal(&settings.namespaces);
    let tier = settings.rights;
    let mut asked = vec![(
        "rights",
        rights::needed(tier),
        format!(
            "apply {}, or write the tier that it has in \"rights\"",
            folder(tier)
        ),
    )];
    if !workloads.is_empty() {
        let fix = "apply config/components/workload-identity beside the tier".to_owned();
        asked.push(("tokens", rights::TOKENS.to_vec(), fix));
    }
    for (check, needed, fix) in asked {
        let answers = allowed(client, whose, &needed, &served).await;
        let mut lacking = Vec::new();
        for (right, answer) in needed.iter().zip(answers) {
            match answer {
                Ok(true) => {}
                Ok(false) => lacking.push(right),
                Err(finding) => {
                    findings.push(finding);
                    return;
                }
            }
        }
        findings.push(if lacking.is_empty() {
            Finding::ok(check, format!("{name} has {}", rights::words(&needed)))
        } else {
            let said = format!("{name} lacks {}", rights::words(lacking));
            Finding::fail(check, said, fix)
        });
    }
    let unneeded = rights::unneeded(tier);
    let answers = allowed(client, whose, &unneeded, &served).await;
    let too_many: Vec<_> = unneeded
        .iter()
        .zip(answers)
        .filter_map(|(right, answer)| (answer == Ok(true)).then_some(right))
        .collect();
    if !too_many.is_empty() {
        let said = format!(
            "{name} has {} too, which this tier does without",
            rights::words(too_many)
        );
        let fix = "take the right away: whoever gets hold of the account has it";
        findings.push(Finding::warn("rights", said, fix));
    }
}

/// The folder of `config/` that gives a tier.
fn folder(tier: Rights) -> &'static str {
    match tier {
        Rights::Default => "config/rbac/default (or namespaced)",
        Rights::Observe => "config/rbac/observe",
        Rights::WriteOnly => "config/rbac/write-only",
    }
}

/// Namespaces, if all are named without a star.
fn literal(namespaces: &[String]) -> Vec<String> {
    if namespaces.iter().any(|name| name.contains('*')) {
        return Vec::new();
    }
    namespaces.to_vec()
}

async fn whose(client: &Client, account: Option<&Account>) -> Result<Whose, Finding> {
    if let Some(account) = account {
        return there(client, account).await.map(Whose::Of);
    }
    let review = Api::<SelfSubjectReview>::all(client.clone());
    let parameters = PostParams::default();
    let asked = SelfSubjectReview::default();
    let asked = review.create(&parameters, &asked);
    // Servers before 1.28 do not tell; then it is somebody.
    let user = match timeout(PATIENCE, asked).await {
        Ok(Ok(review)) => review
            .status
            .and_then(|status| status.user_info)
            .and_then(|user| user.username),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => None,
        Ok(Err(error)) => return Err(unanswered("rights", &error)),
        Err(_) => return Err(late("rights")),
    };
    match user {
        Some(user) if user.starts_with("system:serviceaccount:") => Ok(Whose::Own(user)),
        _ => {
            let usual = Account {
                namespace: USUAL.0.to_owned(),
                name: USUAL.1.to_owned(),
            };
            there(client, &usual).await.map(Whose::Of)
        }
    }
}

/// The account, if it is there.
async fn there(client: &Client, account: &Account) -> Result<Account, Finding> {
    let Account { namespace, name } = account;
    let api = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    match timeout(PATIENCE, api.get_metadata_opt(name)).await {
        Ok(Ok(Some(_))) => Ok(account.clone()),
        Ok(Ok(None)) => Err(Finding::warn(
            "rights",
            format!(
                "there is no ServiceAccount {namespace}/{name}, so its rights were not looked at"
            ),
            "name JASM's own with --account NAMESPACE/SERVICEACCOUNT",
        )),
        // Who may not look at it may perhaps ask for its rights.
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Ok(account.clone()),
        Ok(Err(error)) => Err(unanswered("rights", &error)),
        Err(_) => Err(late("rights")),
    }
}

/// Whether it may, for each right.
async fn allowed(
    client: &Client,
    whose: &Whose,
    rights: &[Right],
    served: &[String],
) -> Vec<Result<bool, Finding>> {
    let asked = rights.iter().map(|right| async move {
        if review(client, whose, right, None).await? {
            return Ok(true);
        }
        if !right.namespaced || served.is_empty() {
            return Ok(false);
        }
        for namespace in served {
            if !review(client, whose, right, Some(namespace)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    });
    futures::future::join_all(asked).await
}

/// Asks the API server's authorizer; without a namespace, of all of them.
async fn review(
    client: &Client,
    whose: &Whose,
    right: &Right,
    namespace: Option<&String>,
) -> Result<bool, Finding> {
    let text = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    let attributes = ResourceAttributes {
        verb: text(right.verb),
        group: text(right.group),
        resource: text(right.resource),
        subresource: text(right.subresource),
        namespace: namespace.cloned(),
        ..ResourceAttributes::default()
    };
    let parameters = PostParams::default();
    let answer = match whose {
        Whose::Own(_) => {
            let review = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(attributes),
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            let api = Api::<SelfSubjectAccessReview>::all(client.clone());
            timeout(PATIENCE, api.create(&parameters, &review))
                .await
                .map(|answer| answer.map(|review| review.status))
        }
        Whose::Of(Account { namespace, name }) => {
            // As the API server itself makes the user of a ServiceAccount's token.
            let review = SubjectAccessReview {
                spec: SubjectAccessReviewSpec {
                    resource_attributes: Some(attributes),
                    user: Some(format!("system:serviceaccount:{namespace}:{name}")),
                    groups: Some(vec![
                        "system:serviceaccounts".to_owned(),
                        format!("system:serviceaccounts:{namespace}"),
                        "system:authenticated".to_owned(),
                    ]),
                    ..SubjectAccessReviewSpec::default()
                },
                ..SubjectAccessReview::default()
            };
            let api = Api::<SubjectAccessReview>::all(client.clone());
            timeout(PATIENCE, api.create(&parameters, &review))
                .await
                .map(|answer| answer.map(|review| review.status))
        }
    };
    match answer {
        Ok(Ok(status)) => Ok(status.is_some_and(|status| status.allowed)),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(Finding::warn(
            "rights",
            "you may not ask what JASM's account may do: it needs \"create\" on subjectaccessreviews",
            "run it in JASM's own pod with kubectl exec, or with a kubeconfig that may",
        )),
        Ok(Err(error)) => Err(unanswered("rights", &error)),
        Err(_) => Err(late("rights")),
    }
}

/// The API server's failure in our words.
pub(super) fn unanswered(check: &'static str, error: &kube::Error) -> Finding {
    match error {
        kube::Error::Api(status) if status.code == 401 => Finding::fail(
            check,
            "the cluster does not know you (401)",
            "log in again, or renew the credentials in the kubeconfig",
        ),
        kube::Error::Api(status) if status.code == 403 => Finding::warn(
            check,
            "you may not look at it (403)",
            "use a kubeconfig that may",
        ),
        kube::Error::Api(status) => Finding::fail(
            check,
            format!("the API server answers with an error ({})", status.code),
            "see that the API server is well",
        ),
        _ => Finding::fail(
            check,
            "the API server does not answer",
            "see the kubeconfig's server and certificate, and the network to it",
        ),
    }
}

pub(super) fn late(check: &'static str) -> Finding {
    let said = format!(
        "the API server did not answer within {} s",
        PATIENCE.as_secs()
    );
    let fix = "see the kubeconfig's server, and the network to it";
    Finding::fail(check, said, fix)
}
