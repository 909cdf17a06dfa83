//! The reference of the settings, written from the product's table: `config/connector.toml` and `docs/settings.md`.

use ecs_sdm_producer::config::{Reference, reference};

const PROPERTIES: &str = "kafka.properties";

/// Columns of `config/connector.toml`.
const WIDTH: usize = 118;

const INTRODUCTION: &[&str] = &[
    "Defaults, then a TOML file (`--config FILE`), then the environment, then flags (`--set KEY=VALUE`): the later wins. `config/connector.toml` has every setting at its default.",
    "A variable is `ECS_SDM_` and the key, with `__` for a dot: `ECS_SDM_PAGE_SIZE=50`, `ECS_SDM_KAFKA__BOOTSTRAP_SERVERS=localhost:9092`. The case of its letters counts in the parts of `operation_options` alone.",
    "In variables and flags lists are comma-separated and tables are inline TOML. Durations are like `30s`, `15m`, `7d`.",
    "A secret `KEY` can come from a file: `KEY_file = \"/run/secrets/key\"`. One newline at its end is dropped. The file is read again for each sync. No output shows a secret.",
    "All errors are reported together, each with its origin and the nearest valid name. The exit code is 64, and nothing is contacted.",
    "This file is generated from the table of settings by `cargo run --example generate`.",
];

/// A part of the reference. It begins with the first setting whose key begins so, and its settings are in the TOML table.
struct Section {
    first: &'static str,
    table: &'static str,
    heading: &'static str,
    words: &'static str,
}

#[rustfmt::skip]
const SECTIONS: &[Section] = &[
    Section { first: "access_key_id", table: "", heading: "AWS: credentials, region, roles", words: "" },
    Section { first: "page_size", table: "", heading: "Reading ECS", words: "" },
    Section { first: "kafka.bootstrap_servers", table: "kafka", heading: "Kafka", words: "" },
    Section { first: "kafka.topics.", table: "kafka.topics", heading: "Kafka: topics", words: "An object may have a topic of its own." },
    Section { first: "kafka.security.protocol", table: "kafka.security", heading: "Kafka: security", words: "A setting that lacks its partner is refused, because librdkafka would connect without it. librdkafka's own names work too, in `kafka.properties`: `security.protocol`, `sasl.mechanism`, `ssl.ca.location` and so on, each in place of the setting here." },
    Section { first: PROPERTIES, table: PROPERTIES, heading: "Kafka: properties of librdkafka", words: "" },
    Section { first: "schema_registry.url", table: "schema_registry", heading: "Schema registry", words: "With a registry records are framed in the Confluent wire format. Without one they are framed in Avro's single-object encoding." },
    Section { first: "errors.tolerance", table: "errors", heading: "Errors", words: "" },
    Section { first: "telemetry.listen", table: "telemetry", heading: "Logs and metrics", words: "" },
];

/// The text of `config/connector.toml`.
pub fn connector_toml() -> String {
    let mut text = comment(
        "Every setting of ecs-sdm-producer, at its default. A line that begins with # and a name shows a setting that has no default. Copy what you change into a file of your own.",
    );
    for paragraph in INTRODUCTION {
        text += &format!("#\n{}", comment(paragraph));
    }
    let mut table = "";
    let mut sections = SECTIONS.iter().peekable();
    for setting in reference() {
        text.push('\n');
        if let Some(section) = sections.next_if(|section| setting.key.starts_with(section.first)) {
            table = section.table;
            let rule = "-".repeat(WIDTH - section.heading.len() - 8);
            text += &format!("\n# ---- {} {rule}\n\n{}", section.heading, comment(section.words));
            if !table.is_empty() {
                text += &format!("[{table}]\n");
            }
        }
        let name = setting.key.strip_prefix(table).map_or(setting.key, |name| name.trim_start_matches('.'));
        let mut words = setting.meaning.to_owned();
        if setting.has_bounds {
            words += &format!(" It takes {}.", setting.form);
        } else if setting.has_file {
            words += &format!(" A secret: {name}_file works too.");
        } else if setting.is_secret {
            words += " A secret.";
        }
        text += &comment(&words);
        let Reference { default, example, .. } = setting;
        if let (Some(_), Some(example)) = (&default, &example) {
            text += &format!("# Example: {name} = {example}\n");
        }
        text += &match (default, example.unwrap_or_default()) {
            (Some(default), _) => format!("{name} = {default}\n"),
            (None, example) if name.is_empty() => format!("#{example}\n"),
            (None, example) => format!("#{name} = {example}\n"),
        };
    }
    text
}

/// The text of `docs/settings.md`.
pub fn settings_md() -> String {
    let mut text = format!("# Settings\n\n- {}\n", INTRODUCTION.join("\n- "));
    let mut sections = SECTIONS.iter().peekable();
    for setting in reference() {
        if let Some(section) = sections.next_if(|section| setting.key.starts_with(section.first)) {
            text += &format!("\n## {}\n", section.heading);
            if !section.words.is_empty() {
                text += &format!("\n{}\n", section.words);
            }
        }
        text += &format!("\n### `{}`\n\n{}\n\n- Form: {}\n", setting.key, setting.meaning, setting.form);
        for Reference { key, meaning, form, .. } in &setting.members {
            text += &format!("  - `{key}`: {meaning} Form: {form}\n");
        }
        for (label, value) in [("Default", &setting.default), ("Example", &setting.example)] {
            if let Some(value) = value {
                text += &format!("- {label}: `{value}`\n");
            }
        }
        text += &format!("- Variable: `{}`\n", setting.variable);
    }
    text
}

/// A comment of TOML, without the backticks of Markdown.
fn comment(words: &str) -> String {
    let mut text = String::new();
    let mut column = WIDTH;
    for word in words.replace('`', "").split_whitespace() {
        if column + 1 + word.len() > WIDTH {
            text += if text.is_empty() { "#" } else { "\n#" };
            column = 1;
        }
        text += &format!(" {word}");
        column += 1 + word.len();
    }
    if text.is_empty() { text } else { text + "\n" }
}
