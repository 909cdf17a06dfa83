//! Each setting in words, from the table: what `config/connector.toml` and `docs/settings.md` are written from.

use super::kind::{Kind, Setting};
use super::secret::SecretForm;
use super::source::variable;
use super::table::SETTINGS;
use super::value::toml_text;

/// A setting in words.
#[derive(Debug)]
pub struct Reference {
    /// The key, dotted.
    pub key: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What it takes, such as `900 to 43200 seconds`.
    pub form: String,
    /// Whether the form is a range or a choice, which a comment beside the setting has to say.
    pub has_bounds: bool,
    /// Whether no output shows it.
    pub is_secret: bool,
    /// Whether `KEY_file` may name a file instead. A key in PEM is a path already.
    pub has_file: bool,
    /// As TOML.
    pub default: Option<String>,
    /// As TOML.
    pub example: Option<String>,
    /// The environment variable.
    pub variable: String,
    /// The settings of each of its tables.
    pub members: Vec<Reference>,
}

/// Every setting in words, in the order of the table.
pub fn reference() -> Vec<Reference> {
    SETTINGS.iter().map(Reference::of).collect()
}

impl Reference {
    fn of(setting: &Setting) -> Self {
        let members: &[Setting] = if let Kind::List(Kind::Table(members)) = setting.kind { members } else { &[] };
        // The table spells values as in a variable.
        let toml = |text: &str| setting.value_of(text).as_ref().map_or_else(|| text.to_owned(), toml_text);
        Self {
            key: setting.key,
            meaning: setting.meaning,
            form: form(&setting.kind),
            has_bounds: matches!(
                setting.kind,
                Kind::Int(..) | Kind::Clamped(..) | Kind::Ratio | Kind::Choice(_) | Kind::AnyCase(_)
            ),
            is_secret: matches!(setting.kind, Kind::Secret(_)),
            has_file: matches!(setting.kind, Kind::Secret(SecretForm::Text | SecretForm::AwsKey)),
            default: setting.default.map(toml),
            example: setting.example.map(toml),
            variable: variable(setting.key),
            members: members.iter().map(Self::of).collect(),
        }
    }
}

fn form(kind: &Kind) -> String {
    let takes = kind.takes();
    let takes = takes.strip_prefix("takes ").unwrap_or(&takes);
    match kind {
        Kind::Secret(_) => "text, a secret".to_owned(),
        Kind::Text(rule) if rule.noun != takes => format!("{}, {takes}", rule.noun).replace("looks like", "such as"),
        Kind::List(of) if !of.is_table() => format!("{takes}; each element: {}", form(of)),
        _ => takes.to_owned(),
    }
}
