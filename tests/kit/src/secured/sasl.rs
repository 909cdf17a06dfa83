//! How a broker knows who signs in: the properties of each listener with SASL.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Result as IoResult;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::acls::guest;
use super::{
    ACCESS_KEY, GUESTS, Listener, MORE_GUESTS, MSK_HOSTS, PASSWORD, REAUTHENTICATION, SECRET_KEY, SESSION_TOKEN, USER,
};
use crate::broker::VERSION;
use crate::jwt::{AUDIENCE, ISSUER};
use crate::server::{made_once, run};

const SECURITY: &str = "org.apache.kafka.common.security";

/// What judges tokens in the broker and is not Kafka's own, and what gives a user another password.
const VALIDATORS: [(&str, &str); 3] = [
    ("Extensions.java", include_str!("../../java/Extensions.java")),
    ("MskIam.java", include_str!("../../java/MskIam.java")),
    ("SetPassword.java", include_str!("../../java/SetPassword.java")),
];

/// The properties of a listener, under the prefix of its name.
pub(super) fn properties(listener: Listener, prefix: &str, jwks: &Path) -> String {
    match listener {
        Listener::SaslTls | Listener::Sasl => passwords(prefix, &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
        Listener::CutSasl => passwords(prefix, &["SCRAM-SHA-256"]),
        Listener::OnlyPlain => passwords(prefix, &["PLAIN"]),
        Listener::OauthUnsecured => {
            let reauthentication = REAUTHENTICATION.as_millis();
            tokens(prefix, "Extensions", &[("unsecuredLoginStringClaim_sub", "broker")])
                + &format!("{prefix}.oauthbearer.connections.max.reauth.ms={reauthentication}\n")
        }
        Listener::OauthJwks => {
            let class = format!("{SECURITY}.oauthbearer.OAuthBearerValidatorCallbackHandler");
            // A token that has ended would be taken for half a minute more.
            tokens(prefix, &class, &[])
                + &format!("{prefix}.sasl.oauthbearer.jwks.endpoint.url={}\n", url(jwks))
                + &format!("{prefix}.sasl.oauthbearer.expected.audience={AUDIENCE}\n")
                + &format!("{prefix}.sasl.oauthbearer.expected.issuer={ISSUER}\n")
                + &format!("{prefix}.sasl.oauthbearer.clock.skew.seconds=0\n")
        }
        Listener::MskIam => tokens(
            prefix,
            "MskIam",
            &[
                // Kafka's login module wants it beside any other option.
                ("unsecuredLoginStringClaim_sub", "broker"),
                ("hosts", MSK_HOSTS),
                ("accessKey", ACCESS_KEY),
                ("secretKey", SECRET_KEY),
                ("sessionToken", SESSION_TOKEN),
            ],
        ),
        Listener::Plaintext
        | Listener::Tls
        | Listener::MutualTls
        | Listener::CutMutualTls
        | Listener::Misnamed
        | Listener::Expired => String::new(),
    }
}

/// What the broker's machine needs to be told of the keys that tokens are signed with: Kafka reads no file that is not
/// allowed so.
pub(super) fn allowed(jwks: &Path) -> [String; 2] {
    let allowed = "-Dorg.apache.kafka.sasl.oauthbearer.allowed";
    [format!("{allowed}.urls={}", url(jwks)), format!("{allowed}.files={}", jwks.display())]
}

/// The compiled classes.
pub(super) fn validators(distribution: &Path) -> IoResult<PathBuf> {
    let mut hasher = DefaultHasher::new();
    VALIDATORS.hash(&mut hasher);
    let made = made_once(&format!("validators-{VERSION}-{:016x}", hasher.finish()), |part| {
        let mut compile = Command::new("javac");
        compile.args(["-cp", "lib/*", "-d"]).arg(part.join("classes")).current_dir(distribution);
        for (name, text) in VALIDATORS {
            fs::write(part.join(name), text)?;
            compile.arg(part.join(name));
        }
        run(&mut compile)?;
        // The archive of loaded classes goes with jars alone.
        run(Command::new("jar").args(["--create", "--file", JAR, "-C", "classes", "."]).current_dir(part))
    });
    Ok(made?.join(JAR))
}

const JAR: &str = "validators.jar";

fn url(file: &Path) -> String {
    format!("file://{}", file.display())
}

/// A listener whose users have passwords.
fn passwords(prefix: &str, mechanisms: &[&str]) -> String {
    let mut properties = format!("{prefix}.sasl.enabled.mechanisms={}\n", mechanisms.join(","));
    for mechanism in mechanisms {
        let module = if *mechanism == "PLAIN" {
            let users = [USER].into_iter().chain(GUESTS).map(str::to_owned).chain((0..MORE_GUESTS).map(guest));
            let users: Vec<_> = users.map(|user| format!("user_{user}=\"{PASSWORD}\"")).collect();
            format!("{SECURITY}.plain.PlainLoginModule required {}", users.join(" "))
        } else {
            format!("{SECURITY}.scram.ScramLoginModule required")
        };
        properties += &format!("{prefix}.{}.sasl.jaas.config={module};\n", mechanism.to_lowercase());
    }
    properties
}

/// A listener with OAUTHBEARER, whose tokens a class judges by these options.
fn tokens(prefix: &str, class: &str, options: &[(&str, &str)]) -> String {
    let options: String = options.iter().map(|(key, value)| format!(" {key}=\"{value}\"")).collect();
    format!(
        "{prefix}.sasl.enabled.mechanisms=OAUTHBEARER
{prefix}.oauthbearer.sasl.jaas.config={SECURITY}.oauthbearer.OAuthBearerLoginModule required{options};
{prefix}.oauthbearer.sasl.server.callback.handler.class={class}
"
    )
}
