//! Text that others wrote, made fit for a line of ours.

/// Foreign text as part of one line: without control characters, which terminals interpret, and of at most 1,000 characters.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 1_000;
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn foreign_text_becomes_one_line_of_limited_length() {
        assert_eq!(one_line(" a\n\tb \u{1b}[31mc\u{7} "), "a b [31mc");
        assert_eq!(one_line(&"x".repeat(3_000)).chars().count(), 1_001);
    }
}
