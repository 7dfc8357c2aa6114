//! Starts the clouds, says where they are, and does what is written to its standard input until that closes.

mod command;
mod say;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use serde_json::{Map, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::aws::Aws;
use crate::azure::{AppConfiguration, Azure, Entra, KeyVault};
use crate::gcp::Gcp;
use crate::{Authority, Server, Trust};
use command::Command;

/// Fake clouds on ports of this machine.
///
/// The first line on standard output is a JSON object: the address of each cloud, and `ca`, the file with the
/// certificate that vouches for them. Each line on standard input is a JSON object with a member `do`; each gets
/// one line in answer. When standard input closes, all ends.
#[derive(Debug, Parser)]
#[command(name = "jasm-fakes")]
pub struct Options {
    /// Google's cloud, on this port; 0 is any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub gcp: u16,
    /// Entra ID.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub entra: u16,
    /// Key Vault.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub key_vault: u16,
    /// App Configuration.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub app_configuration: u16,
    /// AWS.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub aws: u16,
    /// Start these only, of gcp, entra, key-vault, app-configuration and aws.
    #[arg(long, value_name = "CLOUD", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Google's cloud and AWS without TLS; Azure's clients refuse that.
    #[arg(long)]
    pub plain: bool,
    /// Another AWS, which does the work of the stores: http://127.0.0.1:5000
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// Where the certificate is written.
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
}

/// All clouds, and the servers of those that run.
#[derive(Debug)]
struct Clouds {
    trust: Arc<Trust>,
    gcp: Arc<Gcp>,
    azure: Azure,
    entra: Arc<Entra>,
    vault: Arc<KeyVault>,
    configuration: Arc<AppConfiguration>,
    aws: Arc<Aws>,
    servers: Vec<(&'static str, Server)>,
}

const NAMES: [&str; 5] = ["gcp", "entra", "key-vault", "app-configuration", "aws"];

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs until standard input closes.
///
/// # Errors
/// A port cannot be had, or the certificate cannot be written.
pub async fn run(options: Options) -> Result<(), Failure> {
    if let Some(name) = options
        .only
        .iter()
        .find(|name| !NAMES.contains(&name.as_str()))
    {
        return Err(format!("there is no cloud {name}; there are {}", NAMES.join(", ")).into());
    }
    let authority = Authority::new()?;
    std::fs::write(&options.ca, authority.ca_pem()).map_err(|error| {
        format!(
            "{} cannot be written: {}",
            options.ca.display(),
            error.kind()
        )
    })?;
    let clouds = start(&options, &authority).await?;
    let mut hello = Map::new();
    hello.insert("ca".to_owned(), json!(options.ca));
    for (name, server) in &clouds.servers {
        hello.insert((*name).to_owned(), json!(server.endpoint()));
    }
    let mut output = tokio::io::stdout();
    output
        .write_all(format!("{}\n", serde_json::Value::Object(hello)).as_bytes())
        .await?;
    output.flush().await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str::<Command>(&line) {
            Ok(command) => command.carry_out(&clouds).await,
            // Its text would quote the line, which may have a value in it.
            Err(error) => Err(format!("this is no command (column {})", error.column())),
        };
        let answer = answer.unwrap_or_else(|error| json!({"error": error}));
        output.write_all(format!("{answer}\n").as_bytes()).await?;
        output.flush().await?;
    }
    Ok(())
}

async fn start(options: &Options, authority: &Authority) -> Result<Clouds, Failure> {
    let trust = Arc::new(Trust::default());
    let azure = Azure::new(Arc::clone(&trust));
    let mut clouds = Clouds {
        gcp: Arc::new(Gcp::new(Arc::clone(&trust))),
        entra: Entra::new(&azure),
        vault: KeyVault::new(&azure),
        configuration: AppConfiguration::new(&azure),
        aws: Aws::new(Arc::clone(&trust), options.upstream.as_deref())?,
        azure,
        trust,
        servers: Vec::new(),
    };
    let wanted =
        |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let tls = || authority.acceptor(&[]);
    let perhaps = || {
        if options.plain {
            Ok(None)
        } else {
            tls().map(Some)
        }
    };
    if wanted("gcp") {
        let server = Server::start(Arc::clone(&clouds.gcp), options.gcp, perhaps()?).await?;
        clouds.servers.push(("gcp", server));
    }
    if wanted("entra") {
        let server = Server::start(Arc::clone(&clouds.entra), options.entra, Some(tls()?)).await?;
        clouds.servers.push(("entra", server));
    }
    if wanted("key-vault") {
        let server =
            Server::start(Arc::clone(&clouds.vault), options.key_vault, Some(tls()?)).await?;
        clouds.servers.push(("key-vault", server));
    }
    if wanted("app-configuration") {
        let cloud = Arc::clone(&clouds.configuration);
        let server = Server::start(cloud, options.app_configuration, Some(tls()?)).await?;
        clouds.servers.push(("app-configuration", server));
    }
    if wanted("aws") {
        let server = Server::start(Arc::clone(&clouds.aws), options.aws, perhaps()?).await?;
        clouds.servers.push(("aws", server));
    }
    Ok(clouds)
}
