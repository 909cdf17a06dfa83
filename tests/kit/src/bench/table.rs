//! Medians, columns that line up, and bars beside their figures.

use std::fmt;
use std::io::{self, Write};

/// The middle of several figures; of an even number of them the mean of the middle two.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures.len().saturating_sub(1) / 2, figures.len() / 2);
    match (figures.get(low), figures.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

/// A number with its thousands apart.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table as Markdown has it, so that it can stand in a README.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<const N: usize>(titles: [&str; N]) -> Self {
        Self { rows: vec![titles.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Vec::from(cells));
    }

    /// Writes the table. Its columns line up.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let width = |column: usize| self.rows.iter().filter_map(|row| Some(row.get(column)?.len())).max().unwrap_or(0);
        for (at, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                write!(out, "| {cell:>width$} ", width = width(column))?;
            }
            writeln!(out, "|")?;
            if at == 0 {
                (0..row.len()).try_for_each(|column| write!(out, "|{}:", "-".repeat(width(column) + 1)))?;
                writeln!(out, "|")?;
            }
        }
        Ok(())
    }
}

/// A figure beside the bar that the specification sets it, or one that helps to read the others and has none.
#[derive(Debug)]
pub struct Bar {
    what: String,
    figure: f64,
    most: Option<f64>,
    least: Option<f64>,
    unit: &'static str,
}

impl Bar {
    /// A figure that may not be higher.
    pub fn at_most(most: f64, figure: f64, unit: &'static str, what: impl Into<String>) -> Self {
        Self { what: what.into(), figure, most: Some(most), least: None, unit }
    }

    /// A figure that may not be lower.
    pub fn at_least(least: f64, figure: f64, unit: &'static str, what: impl Into<String>) -> Self {
        Self { what: what.into(), figure, most: None, least: Some(least), unit }
    }

    /// A figure without a bar.
    pub fn beside(figure: f64, unit: &'static str, what: impl Into<String>) -> Self {
        Self { what: what.into(), figure, most: None, least: None, unit }
    }

    /// Whether it is not. A figure that is no number holds no bar.
    pub fn is_held(&self) -> bool {
        self.most.is_none_or(|most| self.figure <= most) && self.least.is_none_or(|least| self.figure >= least)
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, figure, most, least, unit } = self;
        let judged = match (most.or(*least), self.is_held()) {
            (None, _) => "beside",
            (Some(_), true) => "ok",
            (Some(_), false) => "MISSED",
        };
        write!(formatter, "{judged:<6} {what}: {figure:.2} {unit}")?;
        let bar = |name: &str, bar: &Option<f64>| bar.map(|bar| format!(" (bar: at {name} {bar} {unit})"));
        formatter.write_str(&bar("most", most).or_else(|| bar("least", least)).unwrap_or_default())
    }
}

/// Writes bars, one a line.
pub fn write_bars(bars: &[Bar], out: &mut impl Write) -> io::Result<()> {
    bars.iter().try_for_each(|bar| writeln!(out, "{bar}"))
}
