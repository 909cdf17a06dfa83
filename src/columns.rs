//! Text in columns.

use std::fmt::{self, Write};

/// Writes rows under titles, in columns as wide as their widest cell. Numbers stand to the right. A row may have a line of its own
/// below it.
pub(crate) fn columns<const N: usize>(
    text: &mut String,
    titles: [&str; N],
    rows: impl Iterator<Item = ([String; N], Option<String>)>,
) -> fmt::Result {
    let titles = (titles.map(str::to_owned), None);
    let rows: Vec<([String; N], Option<String>)> = std::iter::once(titles).chain(rows).collect();
    let width = |at: usize| rows.iter().map(|(row, _)| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for (row, below) in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            match is_number(cell) {
                true => write!(line, "{cell:>width$}  ")?,
                false => write!(line, "{cell:<width$}  ")?,
            }
        }
        writeln!(text, "{}", line.trim_end())?;
        if let Some(below) = below {
            writeln!(text, "    {below}")?;
        }
    }
    Ok(())
}

/// Whether a cell is a count or a time. An account's id and a region have slashes or come without a space to grow.
fn is_number(cell: &str) -> bool {
    cell.starts_with(|letter: char| letter.is_ascii_digit()) && !cell.contains('/')
}
