//! Text that others wrote, made fit for a line of ours.

/// Foreign text as part of one line: without control characters, which terminals interpret, without characters that have no width or
/// turn the direction of text, and of at most 1,000 characters.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 1_000;
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let is_shown = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let line: String = words.join(" ").chars().filter(is_shown).collect();
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn foreign_text_becomes_one_line_of_limited_length() {
        assert_eq!(one_line(" a\n\tb \u{1b}[31mc\u{7} "), "a b [31mc");
        assert_eq!(one_line("a\u{202e}b\u{200b}c"), "abc");
        assert_eq!(one_line(&"x".repeat(3_000)).chars().count(), 1_001);
    }
}
