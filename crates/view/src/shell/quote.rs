//! Words quoted for a shell, whatever they contain.

use std::fmt::Write as _;

/// One word of a command.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.chars().any(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // Only this form can contain a newline without ending the line.
    let mut out = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Text that cannot end a comment.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A setting below /proc/sys, in the syntax of sysctl(8). A name with a dot in it needs the form
/// with slashes.
pub(super) fn setting(key: &str) -> String {
    match key.contains('.') {
        true => quote(key),
        false => quote(&key.replace('/', ".")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_word() {
        for (word, text) in [
            ("eth0", "eth0"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(x)", "'$(x)'"),
            ("it's", r"'it'\''s'"),
            ("a\nb'\\", r"$'a\u000ab\'\\'"),
            ("*", "'*'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quote(word), text);
        }
        assert_eq!(one_line("a\nrm -r x"), "a rm -r x");
    }

    #[test]
    fn names_with_dots_make_keys_with_slashes() {
        assert_eq!(
            setting("net/ipv4/conf/br-lan/forwarding"),
            "net.ipv4.conf.br-lan.forwarding"
        );
        assert_eq!(
            setting("net/ipv6/conf/a.1/autoconf"),
            "net/ipv6/conf/a.1/autoconf"
        );
    }
}
