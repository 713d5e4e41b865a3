//! The width of text: estimates for the widest of the usual fonts, since the reader's font is not
//! known.

/// A typeface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Sans,
    Bold,
    Mono,
}

/// The size of the names at the ends of cables.
pub(super) const TAB_TEXT: i32 = 10;

/// In hundredths of the font's size.
fn hundredths(c: char, face: Face) -> i32 {
    if face == Face::Mono {
        return 62;
    }
    let plain = match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 36,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | 'I' | 'J' => 44,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 102,
        '→' | '↔' | '…' | '↑' | '↓' => 102,
        'A'..='Z' | '_' => 78,
        c if c.is_ascii() => 66,
        _ => 110,
    };
    if face == Face::Bold {
        plain * 112 / 100
    } else {
        plain
    }
}

/// The greatest width of a text in pixels.
pub(super) fn width(text: &str, size: i32, face: Face) -> i32 {
    let sum: i32 = text.chars().map(|c| hundredths(c, face)).sum();
    (sum * size + 99) / 100
}

/// The width of an interface's name at the end of a cable.
pub(super) fn tab_width(text: &str) -> i32 {
    width(text, TAB_TEXT, Face::Mono) + 8
}

/// The text, cut to at most this number of pixels.
pub(super) fn fit(text: &str, size: i32, face: Face, most: i32) -> String {
    if width(text, size, face) <= most {
        return text.to_owned();
    }
    let room = most - width("…", size, face);
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += (hundredths(*c, face) * size + 99) / 100;
            used <= room
        })
        .collect();
    format!("{}…", kept.trim_end())
}

/// The text, cut in the middle to at most that many pixels: long names often differ at their ends.
pub(super) fn fit_name(text: &str, size: i32, face: Face, most: i32) -> String {
    if width(text, size, face) <= most {
        return text.to_owned();
    }
    let room = most - width("…", size, face);
    let kept = |chars: &mut dyn Iterator<Item = char>, room: i32| -> String {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += (hundredths(*c, face) * size + 99) / 100;
                used <= room
            })
            .collect()
    };
    let head = kept(&mut text.chars(), room * 6 / 10);
    let tail = kept(&mut text.chars().rev(), room - room * 6 / 10);
    let tail: String = tail.chars().rev().collect();
    format!("{}…{}", head.trim_end(), tail.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_fits() {
        for text in [
            "a",
            "web-server",
            "WWWWWWWWWWWWWWWW",
            "iiiiiiiiiiiiiiiiiiiiiii",
        ] {
            for most in [20, 60, 100] {
                let cut = fit(text, 12, Face::Sans, most);
                assert!(width(&cut, 12, Face::Sans) <= most, "{cut} in {most}");
                let cut = fit_name(text, 12, Face::Sans, most);
                assert!(width(&cut, 12, Face::Sans) <= most, "{cut} in {most}");
            }
        }
        assert_eq!(fit("short", 12, Face::Mono, 400), "short");
        let (one, two) = ("database-server-01", "database-server-02");
        let cut = |text| fit_name(text, 12, Face::Mono, 90);
        assert_ne!(cut(one), cut(two), "the end of a long name is shown");
    }
}
