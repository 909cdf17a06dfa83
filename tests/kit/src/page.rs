//! The status page, as a test reads it; and a browser that looks at it, where somebody asks for one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::folders;
use crate::sidecar::Sidecar;

/// Set to anything, it has a browser look at the page of each test: `tests/page/run`.
const BROWSER: &str = "PAGE_BROWSER";

/// The answer to `GET /`.
pub struct Page {
    /// Its status line and headers.
    pub head: String,
    /// The HTML.
    pub html: String,
}

impl Page {
    /// Asks for the page with this path and query.
    pub fn of(sidecar: &Sidecar, path: &str) -> Self {
        let answer = sidecar.raw(&format!("GET {path} HTTP/1.1\r\nHost: {}", sidecar.address()));
        let (head, html) = answer.split_once("\r\n\r\n").unwrap();
        Self { head: head.to_owned(), html: html.to_owned() }
    }

    /// What stands between this and that, the first time.
    ///
    /// # Panics
    /// It stands nowhere.
    pub fn between(&self, from: &str, to: &str) -> &str {
        let rest = self.html.split_once(from).unwrap_or_else(|| panic!("no {from} in {}", self.html)).1;
        rest.split_once(to).unwrap_or_else(|| panic!("no {to} after {from}")).0
    }

    /// The text without tags: a space for each.
    pub fn text(&self) -> String {
        let body = self.between("<body>", "</body>");
        let pieces = body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
        let text = pieces.collect::<Vec<_>>().join(" ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The source of a Content-Security-Policy that allows this text (CSP level 3, "hash-source").
pub fn hash_source(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    format!("'sha256-{}'", STANDARD.encode(digest))
}

/// Has a browser look at the page, if somebody asks for that: pictures, contrast, keyboard, what is requested. Says what it has found.
///
/// # Panics
/// It has found something wrong.
pub fn look(sidecar: &Sidecar, name: &str) {
    if std::env::var_os(BROWSER).is_none() {
        return;
    }
    let folder = pictures();
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("http://{}/", sidecar.address());
    let command = Path::new(env!("CARGO_MANIFEST_DIR")).join("../page/run");
    let output = Command::new(command).args([&url, name]).arg(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{name}: {said}");
    let _ = writeln!(std::io::stderr(), "{name}: pictures in {}\n{said}", folder.display());
}

/// Where pictures go.
fn pictures() -> PathBuf {
    folders::target().join("pages")
}
