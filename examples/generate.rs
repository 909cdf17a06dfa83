//! Writes `config/connector.toml` and `docs/settings.md` from the table of settings, and `docs/metrics.md` from that of metrics.

use std::io::Result;
use std::path::Path;

use kit::metrics::metrics_md;
use kit::reference::{connector_toml, settings_md};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(root.join("docs"))?;
    std::fs::write(root.join("config/connector.toml"), connector_toml())?;
    std::fs::write(root.join("docs/settings.md"), settings_md())?;
    std::fs::write(root.join("docs/metrics.md"), metrics_md())
}
