//! Markup and text, kept apart by type: only literals of this program are markup, all else is escaped.

use std::fmt::{self, Display, Write};

use crate::export::text::deceives;

/// A page being written.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Adds markup. Takes literals only, so that nothing from a packet can become markup.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, escaped for elements and quoted attributes alike.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a `String` cannot fail, and `Display` has no other reason to.
        let _ = write!(Escaped(&mut self.0), "{text}");
        self
    }

    /// The page as text.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Escapes what is written through it (OWASP, XSS prevention, rules 1 and 2); characters that hide or reorder text are
/// replaced as in a terminal.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if deceives(c) => self.0.push(char::REPLACEMENT_CHARACTER),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        fn check(text: &str, expected: &str) {
            assert_eq!(Page::default().text(text).0, expected);
        }
        check("cdn.example.net", "cdn.example.net");
        check("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
        check("\" onload=\"a&b", "&quot; onload=&quot;a&amp;b");
        check("\u{1b}[31m\0\u{202e}", "\u{fffd}[31m\u{fffd}\u{fffd}");
    }
}
