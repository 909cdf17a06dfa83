//! The reference of the settings is what the table says.

use super::*;

fn reference() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/config/connector.toml"))
}

#[test]
fn the_reference_is_current() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for (file, text) in [
        ("config/connector.toml", kit::reference::connector_toml()),
        ("docs/settings.md", kit::reference::settings_md()),
        ("docs/metrics.md", kit::metrics::metrics_md()),
    ] {
        let current = std::fs::read_to_string(root.join(file)).is_ok_and(|found| found == text);
        assert!(current, "{file} is not what the table of settings says: cargo run --example generate");
    }
}

#[test]
fn the_reference_holds_every_default() {
    let defaults = load(&Sources::default());
    let loaded = load(&Sources { file: Some(reference()), ..Sources::default() });
    assert_eq!(format!("{:?}", good(&loaded)), format!("{:?}", Config::default()));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let values =
        |loaded: &Loaded| loaded.effective().into_iter().map(|line| (line.key, line.value)).collect::<Vec<_>>();
    assert_eq!(values(&loaded), values(&defaults));
    for line in loaded.effective() {
        assert!(line.origin.contains("connector.toml:"), "{} is missing from config/connector.toml", line.key);
    }
}

#[test]
fn the_reference_names_every_setting_and_no_other() {
    // A comment has a space after its #, a setting without a default has none.
    let text = std::fs::read_to_string(reference()).unwrap();
    let uncommented: Vec<_> = text
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()))
                .unwrap_or(line)
        })
        .collect();
    let (loaded, _file) = from_file(&uncommented.join("\n"));
    for key in config::keys() {
        assert!(loaded.has(key), "{key} is missing from config/connector.toml");
    }
    // With every setting set, what stands for another is refused, and nothing else: no example is a bad one.
    for error in errors(&loaded) {
        let expected = ["keep a token, or a username and password", ": cannot read ", "needs TLS", "needs SASL"];
        assert!(expected.iter().any(|words| error.contains(words)), "{error}");
    }
}
