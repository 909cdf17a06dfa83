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

/// Whether a cell is a count, or a time in words. A range of rates or an address is none.
fn is_number(cell: &str) -> bool {
    !cell.contains('/') && cell.split(' ').next().is_some_and(|word| word.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let mut text = String::new();
        let row = |cells: [&str; 3], below: Option<&str>| (cells.map(str::to_owned), below.map(str::to_owned));
        let rows = [row(["a", "7", "127.0.0.1:9092"], None), row(["bcd", "1 min 05 s", ""], Some("why"))];
        columns(&mut text, ["x", "time", "at"], rows.into_iter()).unwrap();
        assert_eq!(text, "x    time        at\na             7  127.0.0.1:9092\nbcd  1 min 05 s\n    why\n");
    }
}
