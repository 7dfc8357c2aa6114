//! The scripts in `config/setup`: that of AWS with AWS's own CLI against moto; those of Google and Azure with
//! stand-ins for their CLIs, which note how they are called and remember what was made.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{moto, part, root};

/// Programs that the scripts take from the system.
const SYSTEM: [&str; 11] = [
    "bash", "cat", "cksum", "cut", "dirname", "env", "grep", "mktemp", "rm", "sed", "tr",
];

/// A machine with one cloud's CLI, and that cloud.
struct Machine {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

/// What a run came to.
struct Run {
    code: Option<i32>,
    out: String,
    said: String,
    /// How the CLI was called in this run, one line each.
    calls: Vec<String>,
}

impl Machine {
    fn bare() -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["bin", "state"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let path = std::env::var_os("PATH").unwrap();
        for name in SYSTEM {
            let found = std::env::split_paths(&path)
                .map(|folder| folder.join(name))
                .find(|file| file.is_file())
                .unwrap_or_else(|| panic!("{name} is not installed"));
            symlink(found, dir.path().join("bin").join(name)).unwrap();
        }
        let variables = Vec::new();
        Self { dir, variables }
    }

    /// With a CLI that does what the script says.
    fn with(name: &str, script: &str) -> Self {
        let machine = Self::bare();
        let file = machine.dir.path().join("bin").join(name);
        let text = format!(
            "#!/usr/bin/env bash\nset -eu\ncalls='{}' state='{}'\n{script}\n",
            machine.calls().display(),
            machine.state().display()
        );
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    /// With the CLI of AWS, and moto.
    fn aws() -> Self {
        let cli = part("JASM_TEST_AWSCLI", "tests/tools/awscli.sh", "");
        let script = format!("printf '%s\\n' \"$*\" >>\"$calls\"\nexec '{cli}' \"$@\"");
        let mut machine = Self::with("aws", &script);
        machine.variables = [
            ("AWS_ENDPOINT_URL", moto::endpoint()),
            ("AWS_ACCESS_KEY_ID", moto::ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", moto::SECRET_KEY),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        machine
    }

    fn calls(&self) -> PathBuf {
        self.dir.path().join("calls")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Something that the stand-in looks at.
    fn set(&self, name: &str, text: &str) {
        std::fs::write(self.state().join(name), text).unwrap();
    }

    fn clear(&self, name: &str) {
        std::fs::remove_file(self.state().join(name)).unwrap();
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", self.dir.path().join("bin"))
            .env("HOME", self.dir.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, script: &str, args: &[&str]) -> Run {
        let mut command = self.command(bash());
        self.finish(command.arg(file(script)).args(args))
    }

    /// At a terminal, where these lines are typed.
    fn type_in(&self, script: &str, args: &[&str], lines: &str) -> Run {
        let python =
            "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
        let python3 = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable, end='')"])
            .output()
            .unwrap();
        let mut command = self.command(String::from_utf8(python3.stdout).unwrap());
        command
            .args(["-c", python])
            .arg(bash())
            .arg(file(script))
            .args(args);
        let typed = self.dir.path().join("typed");
        std::fs::write(&typed, lines).unwrap();
        self.finish(command.stdin(std::fs::File::open(typed).unwrap()))
    }

    fn finish(&self, command: &mut Command) -> Run {
        let _ = std::fs::remove_file(self.calls());
        let output = command.output().unwrap();
        let calls = std::fs::read_to_string(self.calls()).unwrap_or_default();
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            said: String::from_utf8(output.stderr).unwrap(),
            calls: calls.lines().map(str::to_owned).collect(),
        }
    }
}

fn bash() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join("bash"))
        .find(|file| file.is_file())
        .unwrap()
}

fn file(script: &str) -> PathBuf {
    root().join("config/setup").join(script)
}

impl Run {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.said, self.out);
        self
    }

    #[track_caller]
    fn says(self, words: &str) -> Self {
        assert!(
            self.said.contains(words),
            "{words} is not in: {}",
            self.said
        );
        self
    }

    /// The calls that change something.
    fn changes(&self) -> Vec<&str> {
        let reading = |word: &str| {
            ["list", "show", "describe"].contains(&word)
                || word.starts_with("get-")
                || word.starts_with("describe-")
        };
        let reading = |call: &str| call.split(' ').any(reading);
        let calls = self.calls.iter().map(String::as_str);
        calls.filter(|call| !reading(call)).collect()
    }
}

/// Each of a script's arguments with a value that it cannot have, and a word of what is said.
fn refuses(machine: &Machine, script: &str, good: &[&str], bad: &[(&str, &str, &str)]) {
    for (option, value, words) in bad {
        let mut args: Vec<&str> = good.to_vec();
        match args.iter().position(|arg| arg == option) {
            Some(at) => args[at + 1] = value,
            None => args.extend([option, value]),
        }
        let run = machine.run(script, &args).ends(64).says(words);
        assert_eq!(run.calls, Vec::<String>::new(), "{option} {value}");
    }
    let cases: [(&[&str], &str); 6] = [
        (&["--nonsense"], "there is no option --nonsense"),
        (&["stray"], "\"stray\" is no option"),
        (&["--$(id)"], "there is no option"),
        (&["--namespace"], "--namespace needs a value"),
        (&["--yes", "--dry-run"], "the opposite of each other"),
        (&["--namespace", "twice"], "--namespace is there twice"),
    ];
    for (more, words) in cases {
        let args: Vec<&str> = good.iter().chain(more).copied().collect();
        let run = machine.run(script, &args).ends(64).says(words);
        assert_eq!(run.calls, Vec::<String>::new(), "{more:?}");
    }
    for at in (0..good.len()).step_by(2) {
        let mut args = good.to_vec();
        let option = args.remove(at);
        args.remove(at);
        if ["--secret", "--vault", "--google-service-account"].contains(&option) {
            continue;
        }
        machine.run(script, &args).ends(64).says("is missing");
    }
    let help = machine.run(script, &["--help"]).ends(0);
    assert!(help.out.contains("--dry-run"), "{}", help.out);
    assert_eq!(help.calls, Vec::<String>::new());
}

/// A name of this run's own, as all tests share one moto.
fn unique(name: &str) -> String {
    format!("{name}-{:06x}", fastrand::u32(..0x0100_0000))
}

fn aws_cluster(machine: &Machine, name: &str) -> String {
    let output = machine
        .command(machine.dir.path().join("bin/aws"))
        .args([
            "--region",
            "eu-west-1",
            "eks",
            "create-cluster",
            "--name",
            name,
        ])
        .args([
            "--role-arn",
            "arn:aws:iam::123456789012:role/eks",
            "--resources-vpc-config",
            "{}",
        ])
        .args([
            "--query",
            "cluster.identity.oidc.issuer",
            "--output",
            "text",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn aws_is_set_up_once_by_its_own_cli() {
    let machine = Machine::aws();
    let (cluster, role) = (unique("main"), unique("reader"));
    let issuer = aws_cluster(&machine, &cluster);
    let policy = machine.dir.path().join("policy.json");
    let text = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": ["*"]}]}"#;
    std::fs::write(&policy, text).unwrap();
    let policy = policy.to_str().unwrap();
    let args = |account: &'static str, more: &[&'static str]| -> Vec<String> {
        [
            "--cluster",
            &cluster,
            "--region",
            "eu-west-1",
            "--namespace",
            "shop",
        ]
        .into_iter()
        .chain(["--service-account", account, "--role", &role])
        .chain(more.iter().copied())
        .map(str::to_owned)
        .collect()
    };
    let run = |args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        machine.run("aws.sh", &args)
    };
    let with_policy = |more: &[&'static str]| {
        let mut args = args("web", more);
        args.extend(["--policy".to_owned(), policy.to_owned()]);
        args
    };
    let annotation = format!(
        "kubectl annotate serviceaccount web --namespace shop --overwrite \
         eks.amazonaws.com/role-arn=arn:aws:iam::{}:role/{role}\n",
        moto::ACCOUNT
    );

    // Nobody to ask.
    let silent = run(&args("web", &[])).ends(1).says("nobody can be asked");
    assert_eq!(silent.calls, Vec::<String>::new());

    let made = run(&with_policy(&["--yes"]))
        .ends(0)
        .says("done; 3 of the commands above changed something");
    let host = issuer.strip_prefix("https://").unwrap();
    let provider = format!("arn:aws:iam::{}:oidc-provider/{host}", moto::ACCOUNT);
    let trust = format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{{\"Federated\":\"{provider}\"}},\
         \"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":{{\"StringEquals\":{{\
         \"{host}:sub\":\"system:serviceaccount:shop:web\",\"{host}:aud\":\"sts.amazonaws.com\"}}}}}}]}}"
    );
    assert_eq!(
        made.changes(),
        [
            format!(
                "--region eu-west-1 iam create-open-id-connect-provider --url {issuer} --client-id-list sts.amazonaws.com"
            ),
            format!(
                "--region eu-west-1 iam create-role --role-name {role} --description For the ServiceAccount shop/web --assume-role-policy-document {trust}"
            ),
            format!(
                "--region eu-west-1 iam put-role-policy --role-name {role} --policy-name jasm --policy-document file://{policy}"
            ),
        ]
    );
    // What is printed before a command is the command.
    assert!(
        made.said
            .contains(&format!("--assume-role-policy-document '{trust}'")),
        "{}",
        made.said
    );
    assert_eq!(made.out, annotation);

    let again = run(&with_policy(&["--yes"]))
        .ends(0)
        .says("nothing was changed");
    assert_eq!(again.changes(), Vec::<&str>::new());
    assert_eq!(again.out, annotation);

    // A role that another ServiceAccount may take is not taken over.
    let other = run(&args("mail", &["--yes"]))
        .ends(1)
        .says("is there and does not trust system:serviceaccount:shop:mail")
        .says(&format!(
            "\"{host}:sub\":\"system:serviceaccount:shop:mail\""
        ));
    assert_eq!(other.changes(), Vec::<&str>::new());
    assert_eq!(other.out, "");

    // A cluster that is not there, and nobody who is logged in.
    let none = [
        "--cluster",
        "nowhere",
        "--region",
        "eu-west-1",
        "--namespace",
        "shop",
        "--service-account",
        "web",
        "--role",
        &role,
    ];
    let mut signed_out = Machine::aws();
    signed_out
        .variables
        .retain(|(name, _)| !name.contains("KEY"));
    for (machine, words) in [
        (&machine, "there is no EKS cluster nowhere in eu-west-1"),
        (&signed_out, "aws is not logged in: run \"aws sso login\""),
        (&Machine::bare(), "aws is not installed"),
    ] {
        let args: Vec<&str> = none.iter().copied().chain(["--yes"]).collect();
        let run = machine.run("aws.sh", &args).ends(1).says(words);
        assert_eq!(run.changes(), Vec::<&str>::new());
    }
}

#[test]
fn aws_a_question_comes_before_each_change() {
    let machine = Machine::with("aws", include_str!("setup/aws.sh"));
    let args = [
        "--issuer",
        "https://issuer.example/",
        "--region",
        "cn-north-1",
        "--namespace",
        "shop",
        "--service-account",
        "web",
        "--role",
        "asked",
    ];
    let shown = machine
        .run("aws.sh", &also(&args, &["--dry-run"]))
        .ends(0)
        .says("a dry run: 2 of the commands above");
    assert_eq!(shown.changes(), Vec::<&str>::new());
    let no = machine.type_in("aws.sh", &args, "n\n").ends(1);
    assert!(
        no.out.contains("Run it? [y/N]") && no.out.contains("stopped, as you said"),
        "{}",
        no.out
    );
    assert_eq!(no.changes(), Vec::<&str>::new());
    // The first one only; the next run begins behind it.
    let provider = "--region cn-north-1 iam create-open-id-connect-provider --url https://issuer.example --client-id-list sts.amazonaws.com";
    let first = machine.type_in("aws.sh", &args, "y\nn\n").ends(1);
    assert_eq!(first.changes(), [provider]);
    let rest = machine.type_in("aws.sh", &args, "y\n").ends(0);
    let [made] = rest.changes()[..] else {
        panic!("{:?}", rest.calls)
    };
    assert!(made.contains("create-role --role-name asked"), "{made}");
    let provider = "arn:aws-cn:iam::123456789012:oidc-provider/issuer.example";
    assert!(
        made.contains(&format!("{{\"Federated\":\"{provider}\"}}")),
        "{made}"
    );
    // Trusted beside another, and the role as AWS names it; an audience more is only added.
    let again = machine.run("aws.sh", &also(&args, &["--yes"])).ends(0);
    assert_eq!(again.changes(), Vec::<&str>::new());
    assert!(
        again
            .out
            .ends_with("role-arn=arn:aws-cn:iam::123456789012:role/team/asked\n"),
        "{}",
        again.out
    );
    let more = machine
        .run("aws.sh", &also(&args, &["--audience", "mine", "--yes"]))
        .ends(0)
        .says("has to list mine");
    assert_eq!(
        more.changes(),
        [format!(
            "--region cn-north-1 iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider} \
             --client-id mine"
        )]
    );
    assert!(
        more.out.ends_with(" eks.amazonaws.com/audience=mine\n"),
        "{}",
        more.out
    );
}

#[test]
fn aws_refuses_what_cannot_be() {
    let machine = Machine::with("aws", "echo \"$*\" >>\"$calls\"");
    let good = [
        "--cluster",
        "main",
        "--region",
        "eu-west-1",
        "--namespace",
        "shop",
        "--service-account",
        "web",
        "--role",
        "reader",
    ];
    let bad = [
        ("--cluster", "-x", "the name of an EKS cluster"),
        ("--cluster", "a b", "the name of an EKS cluster"),
        ("--region", "Ireland", "a region, such as eu-west-1"),
        ("--namespace", "Shop", "a namespace of Kubernetes"),
        ("--namespace", "shop\nevil", "has several lines"),
        (
            "--service-account",
            "web:admin",
            "the name of a ServiceAccount",
        ),
        ("--service-account", "*", "the name of a ServiceAccount"),
        ("--role", "a/b", "the name of a role"),
        ("--role", "", "is empty"),
        ("--audience", "a b", "an audience"),
        (
            "--issuer",
            "https://x.example",
            "--issuer is instead of --cluster",
        ),
        ("--policy", "/nowhere", "cannot be read"),
        (
            "--policy",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            "no policy of IAM",
        ),
    ];
    refuses(&machine, "aws.sh", &good, &bad);
}

const GCP: [&str; 14] = [
    "--project",
    "my-project",
    "--cluster",
    "main",
    "--cluster-location",
    "europe-west1",
    "--namespace",
    "shop",
    "--service-account",
    "web",
    "--secret",
    "db",
    "--secret",
    "smtp",
];
const ITSELF: &str = "principal://iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/my-project.svc.id.goog/subject/ns/shop/sa/web";

fn google() -> Machine {
    Machine::with("gcloud", include_str!("setup/gcloud.sh"))
}

fn also<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    args.iter().chain(more).copied().collect()
}

#[test]
fn google_is_set_up_once_for_the_accounts_own_principal() {
    let machine = google();
    let dry = machine
        .run("gcp.sh", &also(&GCP, &["--parameters", "--dry-run"]))
        .ends(0);
    assert_eq!(dry.changes(), Vec::<&str>::new());
    let made = machine
        .run("gcp.sh", &also(&GCP, &["--parameters", "--yes"]))
        .ends(0);
    assert_eq!(
        made.changes(),
        [
            "services enable sts.googleapis.com iamcredentials.googleapis.com secretmanager.googleapis.com \
             parametermanager.googleapis.com --project my-project",
            &format!(
                "secrets add-iam-policy-binding db --project my-project --role roles/secretmanager.secretAccessor --member {ITSELF}"
            ),
            &format!(
                "secrets add-iam-policy-binding smtp --project my-project --role roles/secretmanager.secretAccessor --member {ITSELF}"
            ),
            &format!(
                "projects add-iam-policy-binding my-project --condition None --role roles/parametermanager.parameterViewer --member {ITSELF}"
            ),
            &format!(
                "projects add-iam-policy-binding my-project --condition None --role roles/parametermanager.parameterAccessor --member {ITSELF}"
            ),
        ]
    );
    // A dry run shows what is then done.
    for call in made.changes() {
        assert!(
            dry.said.contains(&format!("+ gcloud {call}\n")),
            "{}",
            dry.said
        );
    }
    let again = machine
        .run("gcp.sh", &also(&GCP, &["--parameters", "--yes"]))
        .ends(0)
        .says("nothing was changed")
        .says("has to list my-project.svc.id.goog")
        .says("needs no annotation");
    assert_eq!((again.changes(), again.out.as_str()), (vec![], ""));
    // Who has one of the two roles gets the other.
    machine.clear("bindings-my-project-roles-parametermanager-parameterViewer");
    let half = machine
        .run("gcp.sh", &also(&GCP, &["--parameters", "--yes"]))
        .ends(0);
    assert_eq!(half.changes(), made.changes()[3..4]);
    // One secret more, of a region: only that.
    let more = machine
        .run(
            "gcp.sh",
            &also(
                &GCP[..10],
                &["--secret", "db", "--location", "europe-west3", "--yes"],
            ),
        )
        .ends(0);
    assert!(more.calls.iter().any(|call| {
        call.starts_with("secrets describe db --project my-project --location europe-west3")
    }));
}

#[test]
fn google_is_set_up_once_for_a_google_service_account() {
    let machine = google();
    let args = also(
        &GCP,
        &[
            "--google-service-account",
            "reader",
            "--cluster-project",
            "fleet-project",
        ],
    );
    let dry = machine
        .run("gcp.sh", &also(&args, &["--dry-run"]))
        .ends(0)
        .says("a dry run: 5 of");
    assert_eq!(dry.changes(), Vec::<&str>::new());
    let made = machine.run("gcp.sh", &also(&args, &["--yes"])).ends(0);
    let email = "reader@my-project.iam.gserviceaccount.com";
    assert_eq!(
        made.changes()[1..3],
        [
            "iam service-accounts create reader --project my-project --description For the ServiceAccount shop/web",
            &format!(
                "iam service-accounts add-iam-policy-binding {email} --project my-project --role \
                      roles/iam.workloadIdentityUser --member serviceAccount:fleet-project.svc.id.goog[shop/web]"
            ),
        ]
    );
    assert!(
        made.changes()[3].ends_with(&format!("--member serviceAccount:{email}")),
        "{:?}",
        made.calls
    );
    assert_eq!(
        made.out,
        format!(
            "kubectl annotate serviceaccount web --namespace shop --overwrite iam.gke.io/gcp-service-account={email}\n"
        )
    );
    let again = machine
        .run("gcp.sh", &also(&args, &["--yes"]))
        .ends(0)
        .says("nothing was changed");
    assert_eq!(again.changes(), Vec::<&str>::new());
}

#[test]
fn google_says_what_is_missing_and_stops_there() {
    let machine = google();
    let yes = also(&GCP, &["--yes"]);
    let stops = |args: &[&str], words: &str| {
        let run = machine.run("gcp.sh", args).ends(1).says(words);
        assert_eq!(run.out, "", "{words}");
        run
    };
    machine.set("signed-out", "");
    assert_eq!(
        stops(&yes, "gcloud is not logged in: run \"gcloud auth login\"")
            .calls
            .len(),
        1
    );
    machine.clear("signed-out");
    machine.set("no-pool", "");
    assert_eq!(
        stops(&yes, "--workload-pool my-project.svc.id.goog").changes(),
        Vec::<&str>::new()
    );
    machine.clear("no-pool");
    let nowhere: Vec<&str> = yes
        .iter()
        .map(|arg| if *arg == "main" { "other" } else { arg })
        .collect();
    stops(
        &nowhere,
        "there is no GKE cluster other in europe-west1 of my-project",
    );
    let absent: Vec<&str> = yes
        .iter()
        .map(|arg| if *arg == "smtp" { "absent" } else { arg })
        .collect();
    stops(
        &absent,
        "there is no secret absent in the project my-project",
    );
    // An error that means nothing of the kind, at a look and at a change: what the tool says, and no call after it.
    for refused in [
        "secrets get-iam-policy",
        "secrets describe smtp",
        "secrets add-iam-policy-binding smtp",
    ] {
        machine.set("refuse", refused);
        let run = stops(
            &yes,
            "  ERROR: (gcloud) PERMISSION_DENIED: Permission denied on resource\n",
        );
        assert!(
            run.said
                .contains("the last command failed, and gcloud says above why"),
            "{}",
            run.said
        );
        assert!(
            run.calls.last().unwrap().starts_with(refused),
            "{:?}",
            run.calls
        );
    }
    machine.clear("refuse");
    machine.run("gcp.sh", &yes).ends(0).says("done; 1 of");
    let bare = Machine::bare().run("gcp.sh", &yes).ends(1);
    bare.says("gcloud is not installed");
}

#[test]
fn google_refuses_what_cannot_be() {
    let bad = [
        ("--project", "My Project", "the id of a project"),
        ("--cluster-project", "x", "the id of a project"),
        ("--cluster", "main;id", "the name of a GKE cluster"),
        ("--cluster-location", "europe", "a region or zone"),
        ("--namespace", "shop/x", "a namespace of Kubernetes"),
        ("--service-account", "Web", "the name of a ServiceAccount"),
        (
            "--google-service-account",
            "reader@my-project.iam.gserviceaccount.com",
            "without what follows the @",
        ),
        ("--secret", "projects/p/secrets/db", "the name of a secret"),
        ("--location", "europe-west1-b", "a region"),
    ];
    refuses(&google(), "gcp.sh", &GCP, &bad);
}

const AZURE: [&str; 14] = [
    "--resource-group",
    "shop",
    "--cluster",
    "main",
    "--namespace",
    "shop",
    "--service-account",
    "web.api",
    "--identity",
    "reader",
    "--vault",
    "shop-vault",
    "--configuration",
    "shop-config",
];

fn azure() -> Machine {
    Machine::with("az", include_str!("setup/az.sh"))
}

#[test]
fn azure_is_set_up_once() {
    let machine = azure();
    let dry = machine
        .run("azure.sh", &also(&AZURE, &["--dry-run"]))
        .ends(0)
        .says("a dry run: 4 of");
    assert_eq!(dry.changes(), Vec::<&str>::new());
    let made = machine
        .run("azure.sh", &also(&AZURE, &["--yes"]))
        .ends(0)
        .says("done; 4 of");
    let changes = made.changes();
    assert_eq!(
        changes[0],
        "identity create --name reader --resource-group shop --output none"
    );
    let rest = changes[1]
        .strip_prefix("identity federated-credential create --name jasm-shop-web_api-")
        .unwrap();
    let (sum, rest) = rest.split_once(' ').unwrap();
    assert!(sum.parse::<u32>().is_ok(), "{sum}");
    assert_eq!(
        rest,
        "--identity-name reader --resource-group shop --issuer https://westeurope.oic.prod-aks.azure.com/tenant/id/ \
         --subject system:serviceaccount:shop:web.api --audiences api://AzureADTokenExchange --output none"
    );
    let assigned = "--assignee-object-id 33333333-3333-3333-3333-333333333333 --assignee-principal-type ServicePrincipal --output none";
    assert_eq!(
        changes[2..],
        [
            format!(
                "role assignment create --role Key Vault Secrets User --scope /vaults/shop-vault {assigned}"
            ),
            format!(
                "role assignment create --role App Configuration Data Reader --scope /configurationStores/shop-config {assigned}"
            ),
        ]
    );
    assert_eq!(
        made.out,
        "kubectl annotate serviceaccount web.api --namespace shop --overwrite \
         azure.workload.identity/client-id=22222222-2222-2222-2222-222222222222 \
         azure.workload.identity/tenant-id=11111111-1111-1111-1111-111111111111\n"
    );
    let again = machine
        .run("azure.sh", &also(&AZURE, &["--yes"]))
        .ends(0)
        .says("nothing was changed");
    assert_eq!(again.changes(), Vec::<&str>::new());
    assert_eq!(again.out, made.out);
    // Another account of the same identity has a credential of its own, and the first one's stays.
    let other: Vec<&str> = AZURE
        .iter()
        .map(|arg| if *arg == "web.api" { "mail" } else { arg })
        .collect();
    let other = machine
        .run("azure.sh", &also(&other, &["--yes"]))
        .ends(0)
        .says("done; 1 of");
    assert!(
        other.changes()[0].contains("--name jasm-shop-mail-"),
        "{:?}",
        other.calls
    );
    machine
        .run("azure.sh", &also(&AZURE, &["--yes"]))
        .ends(0)
        .says("nothing was changed");
    // JASM's own account: its manifests have to say it, or they take it away again.
    let own: Vec<&str> = AZURE
        .iter()
        .map(|arg| match *arg {
            "web.api" => "jasm",
            arg => arg,
        })
        .collect();
    let own: Vec<&str> = own
        .iter()
        .enumerate()
        .map(|(at, arg)| if at == 5 { "jasm-system" } else { arg })
        .collect();
    let own = machine
        .run("azure.sh", &also(&own, &["--yes"]))
        .ends(0)
        .says("in your overlay of config/overlays");
    assert!(
        own.out.starts_with("azure.workload.identity/client-id="),
        "{}",
        own.out
    );
}

#[test]
fn azure_says_what_is_missing_and_stops_there() {
    let machine = azure();
    let yes = also(&AZURE, &["--yes"]);
    let stops = |args: &[&str], words: &str| {
        let run = machine.run("azure.sh", args).ends(1).says(words);
        assert_eq!(run.out, "", "{words}");
        run
    };
    machine.set("signed-out", "");
    assert_eq!(
        stops(&yes, "az is not logged in: run \"az login\"")
            .calls
            .len(),
        1
    );
    machine.clear("signed-out");
    machine.set("no-issuer", "");
    let none = stops(&yes, "--enable-oidc-issuer --enable-workload-identity");
    assert_eq!(none.changes(), Vec::<&str>::new());
    machine.clear("no-issuer");
    let put = |from: &str, to: &'static str| -> Vec<&str> {
        yes.iter()
            .map(|arg| if *arg == from { to } else { arg })
            .collect()
    };
    stops(
        &put("main", "other"),
        "there is no AKS cluster other in the resource group shop",
    );
    stops(
        &put("shop-vault", "other-vault"),
        "there is no key vault other-vault",
    );
    stops(
        &put("shop-config", "other-config"),
        "there is no App Configuration store other-config",
    );
    machine.set("rbac", "False");
    stops(
        &yes,
        "the key vault shop-vault has access policies instead of roles",
    );
    machine.set("rbac", "True");
    for refused in [
        "role assignment list",
        "identity federated-credential list",
        "identity show",
    ] {
        machine.set("refuse", refused);
        let run = stops(
            &yes,
            "  ERROR: (AuthorizationFailed) The client does not have authorization",
        );
        assert!(
            run.calls.last().unwrap().starts_with(refused),
            "{:?}",
            run.calls
        );
    }
    machine.clear("refuse");
    machine.run("azure.sh", &yes).ends(0);
    Machine::bare()
        .run("azure.sh", &yes)
        .ends(1)
        .says("az is not installed");
}

#[test]
fn azure_a_credential_of_another_audience_is_not_taken_for_the_right_one() {
    let machine = azure();
    let credential = |name: &str, audience: &str| {
        let text = format!(
            "https://westeurope.oic.prod-aks.azure.com/tenant/id/\tsystem:serviceaccount:shop:{name}\tby-hand\t{audience}\n"
        );
        machine.set("credentials-reader", &text);
    };
    machine.set("identity-reader", "");
    credential("web.api", "api://other");
    for how in ["--yes", "--dry-run"] {
        let run = machine
            .run("azure.sh", &also(&AZURE, &[how]))
            .ends(1)
            .says(
                "the federated credential by-hand of the managed identity reader is for the audience api://other \
                 and has to be for api://AzureADTokenExchange: az identity federated-credential update --name by-hand ",
            );
        assert_eq!((run.changes(), run.out.as_str()), (vec![], ""), "{how}");
    }
    // The right one, whoever made it, stays; that of another account says nothing of this one's.
    credential("web.api", "api://AzureADTokenExchange");
    let run = machine.run("azure.sh", &also(&AZURE, &["--dry-run"]));
    run.ends(0).says("a dry run: 2 of");
    credential("mail", "api://other");
    let run = machine.run("azure.sh", &also(&AZURE, &["--dry-run"]));
    run.ends(0).says("a dry run: 3 of");
}

#[test]
fn azure_refuses_what_cannot_be() {
    let bad = [
        ("--resource-group", "a/b", "the name of a resource group"),
        ("--cluster", "a b", "the name of an AKS cluster"),
        (
            "--issuer",
            "https://x.example",
            "--issuer is instead of --cluster",
        ),
        ("--namespace", "-shop", "a namespace of Kubernetes"),
        ("--service-account", "web'", "the name of a ServiceAccount"),
        ("--identity", "x", "the name of a managed identity"),
        (
            "--vault",
            "https://shop.vault.azure.net",
            "the name of a key vault",
        ),
        (
            "--configuration",
            "a.b",
            "the name of an App Configuration store",
        ),
    ];
    let good: Vec<&str> = AZURE[..12].to_vec();
    refuses(&azure(), "azure.sh", &good, &bad);
}

#[test]
fn every_script_is_here_and_can_be_run() {
    let mut found: Vec<_> = std::fs::read_dir(root().join("config/setup"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    let names: Vec<_> = found
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["aws.sh", "azure.sh", "gcp.sh", "lib.sh"]);
    let runs = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o111 != 0;
    assert_eq!(
        found.iter().map(|path| runs(path)).collect::<Vec<_>>(),
        [true, true, true, false]
    );
}
