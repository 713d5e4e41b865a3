//! A shell script as commands: which ones run in any case, and for which ones this is not known without
//! running it.

use hallway_spec::Place;

use crate::containerlab::exec::settings;

/// A command, or a line with several.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) place: Place,
}

impl Line {
    /// Its file and line, in a lab of Kathara.
    pub(crate) fn at(&self) -> String {
        let key = &self.place.key;
        let file = key.split('[').next().filter(|_| !key.contains('['));
        format!("{}:{}", file.unwrap_or("lab.conf"), self.place.line)
    }
}

/// A command of a script.
#[derive(Debug)]
pub(crate) enum Command {
    /// It runs if the one before it has not failed.
    Plain(Line),
    /// A condition, a loop, a function, a pipeline or a here document, or a command inside one.
    Unread(Line),
}

/// Words that begin a part of a script which may not run, or may run several times, with the words
/// that end it.
const BLOCKS: [(&str, &str); 8] = [
    ("if", "fi"),
    ("case", "esac"),
    ("for", "done"),
    ("while", "done"),
    ("until", "done"),
    ("select", "done"),
    ("{", "}"),
    ("(", ")"),
];
/// Words before a command inside a block.
const BEFORE: [&str; 5] = ["then", "do", "else", "elif", "!"];
/// Output that goes nowhere changes nothing.
const SILENT: [&str; 6] = [
    ">/dev/null",
    "1>/dev/null",
    "2>/dev/null",
    "&>/dev/null",
    "2>&1",
    ">&2",
];

/// The script that a command gives to a shell: `sh -c '…'`.
pub(crate) fn of_shell(command: &str) -> Option<String> {
    let words = shell_words::split(command).ok()?;
    let [shell, flag, script] = words.as_slice() else {
        return None;
    };
    let shell = shell.rsplit('/').next()?;
    let is = ["sh", "bash", "ash", "dash"].contains(&shell)
        && ["-c", "-lc", "-ec", "-xc"].contains(&flag.as_str());
    is.then(|| script.clone())
}

/// The lines of a script at one place.
pub(crate) fn lines(script: &str, place: &Place) -> Vec<Line> {
    let lines = script.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let line = |text: &str| Line {
        text: text.to_owned(),
        place: place.clone(),
    };
    lines.map(line).collect()
}

/// The commands of a script.
pub(crate) fn commands(lines: Vec<Line>) -> Vec<Command> {
    let mut reader = Reader::default();
    let mut lines = lines.into_iter().peekable();
    while let Some(mut line) = lines.next() {
        if reader.here_document(&line) {
            continue;
        }
        let mut parts = split(&line.text);
        while parts.open {
            let Some(next) = lines.next() else { break };
            let begun = line.text.strip_suffix('\\').unwrap_or(&line.text);
            line.text = format!("{begun} {}", next.text);
            parts = split(&line.text);
        }
        reader.line(&line, parts);
    }
    reader.out
}

#[derive(Debug, Default)]
struct Reader {
    out: Vec<Command>,
    /// The words that end the blocks that have begun.
    ends: Vec<&'static str>,
    /// The words that end here documents, and whether they may be indented.
    documents: Vec<(String, bool)>,
    /// The script has ended.
    over: bool,
}

impl Reader {
    /// Whether a line is part of a here document.
    fn here_document(&mut self, line: &Line) -> bool {
        let Some((end, indented)) = self.documents.first() else {
            return false;
        };
        if &line.text == end && (*indented || line.place.column == 1) {
            self.documents.remove(0);
        }
        true
    }

    fn line(&mut self, line: &Line, parts: Parts) {
        let within = !self.ends.is_empty() || self.over;
        let mut named = within;
        // Whether all commands before it in its list are known to succeed.
        let mut runs = true;
        for (text, before, after) in parts.commands {
            if text.is_empty() {
                continue;
            }
            runs = match before {
                Separator::And => runs,
                Separator::Or | Separator::Pipe => false,
                Separator::End => true,
            };
            let opened = !self.ends.is_empty();
            let block = self.block(&text) || opened;
            let own = Line {
                text: quiet(&text),
                place: line.place.clone(),
            };
            let harmless = before == Separator::Or && ["true", ":"].contains(&text.as_str());
            let piped = before == Separator::Pipe || after == Separator::Pipe;
            let known = runs && !block && !piped && !parts.document && !self.over;
            match known {
                true if first(&text) == "exit" => self.over = true,
                true => runs = self.plain(own),
                // A block is named once, by its beginning.
                false if !harmless && !named => {
                    named = true;
                    self.out.push(Command::Unread(own));
                }
                false => {}
            }
        }
        self.documents.extend(parts.ends);
    }

    /// Notes a command that runs, or those that it gives to a shell; whether it is known to succeed.
    fn plain(&mut self, own: Line) -> bool {
        let Some(script) = of_shell(&own.text) else {
            let succeeds = settings(&own.text).is_some();
            self.out.push(Command::Plain(own));
            return succeeds;
        };
        let inner = commands(lines(&script, &own.place));
        let succeeds = inner.iter().all(|command| match command {
            Command::Plain(line) => settings(&line.text).is_some(),
            Command::Unread(_) => false,
        });
        self.out.extend(inner);
        succeeds
    }

    /// Whether a command begins or ends a block, or is inside one.
    fn block(&mut self, text: &str) -> bool {
        let mut words = text.split_whitespace().skip_while(|w| BEFORE.contains(w));
        let word = words.next().unwrap_or_default();
        let second = words.next();
        if self.ends.last().is_some_and(|end| *end == word)
            || (self.ends.last() == Some(&")") && text.ends_with(')'))
        {
            self.ends.pop();
            return true;
        }
        let function = word == "function" || word.ends_with("()") || second == Some("()");
        let word = match function {
            true if text.contains('{') => "{",
            _ if word.starts_with('(') && !text.ends_with(')') => "(",
            _ => word,
        };
        let begun = BLOCKS.iter().find(|(begin, _)| *begin == word);
        self.ends.extend(begun.map(|(_, end)| *end));
        begun.is_some() || function || word.starts_with('(')
    }
}

/// What is between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    And,
    Or,
    Pipe,
    End,
}

/// A line, split into its commands.
#[derive(Debug)]
struct Parts {
    /// Each with what is before and after it.
    commands: Vec<(String, Separator, Separator)>,
    /// A quote or a continuation goes on in the next line.
    open: bool,
    /// It has here documents.
    document: bool,
    ends: Vec<(String, bool)>,
}

fn split(text: &str) -> Parts {
    let mut parts = Parts {
        commands: Vec::new(),
        open: false,
        document: false,
        ends: Vec::new(),
    };
    let (mut command, mut quote, mut before) = (String::new(), None, Separator::End);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let here = rest;
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        let blank = command.chars().next_back().is_none_or(char::is_whitespace);
        if c == '\\' && quote != Some('\'') {
            let escaped = rest.chars().next();
            parts.open |= escaped.is_none();
            command.push(c);
            command.extend(escaped);
            rest = rest
                .get(escaped.map_or(0, char::len_utf8)..)
                .unwrap_or_default();
            continue;
        }
        match quote {
            Some(open) => quote = (open != c).then_some(open),
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '#' && blank => break,
            None if here.starts_with("<<") && !here.starts_with("<<<") => {
                parts.document = true;
                let word = here.trim_start_matches('<');
                let indented = word.starts_with('-');
                let word = word.trim_start_matches('-').trim_start();
                let end = word.find([' ', ';', '|', '&', '>']).unwrap_or(word.len());
                let end = word
                    .get(..end)
                    .unwrap_or(word)
                    .trim_matches(['"', '\'', '\\']);
                parts.ends.push((end.to_owned(), indented));
                rest = rest.get(1..).unwrap_or_default();
                command.push(c);
            }
            None => {
                let redirects = command.ends_with(['>', '<']) || rest.starts_with('>');
                let found = [("&&", Separator::And), ("||", Separator::Or)];
                let two = found.into_iter().find(|(sign, _)| here.starts_with(sign));
                let separator = match c {
                    _ if two.is_some() => two.map(|(_, separator)| separator),
                    '|' => Some(Separator::Pipe),
                    ';' => Some(Separator::End),
                    '&' if !redirects => Some(Separator::End),
                    _ => None,
                };
                if let Some(separator) = separator {
                    rest = rest.get(usize::from(two.is_some())..).unwrap_or_default();
                    let text = std::mem::take(&mut command).trim().to_owned();
                    parts.commands.push((text, before, separator));
                    before = separator;
                    continue;
                }
            }
        }
        command.push(c);
    }
    let text = command.trim().to_owned();
    parts.open |= quote.is_some() || (text.is_empty() && before != Separator::End);
    parts.commands.push((text, before, Separator::End));
    parts
}

fn first(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// Without redirections of output to nowhere.
fn quiet(text: &str) -> String {
    let text = text.replace("> /dev/null", ">/dev/null");
    let words = text.split(' ').filter(|word| !SILENT.contains(word));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that run in any case; of the others the lines, in brackets.
    fn read(text: &str) -> Vec<String> {
        let lines = text.lines().filter(|l| !l.trim().is_empty());
        let lines = lines.map(|l| Line {
            text: l.trim().to_owned(),
            place: Place {
                column: (l.len() - l.trim_start().len()) as u32 + 1,
                ..Place::default()
            },
        });
        let all = commands(lines.collect()).into_iter();
        all.map(|command| match command {
            Command::Plain(line) => line.text,
            Command::Unread(line) => format!("[{}]", line.text),
        })
        .collect()
    }

    #[test]
    fn lists_and_comments() {
        let a = "ip addr add 10.0.0.1/24 dev eth0";
        let b = "ip link set eth0 up";
        assert_eq!(read(&format!("{b}; {a}   # left")), [b, a]);
        assert_eq!(read(&format!("{b} && {a}")), [b, a]);
        assert_eq!(read(&format!("{a} 2> /dev/null || true")), [a]);
        assert_eq!(
            read(&format!("{a} || {b}")),
            [a.to_owned(), format!("[{b}]")]
        );
        assert_eq!(
            read("ip addr add \\\n 10.0.0.1/24 dev eth0"),
            ["ip addr add  10.0.0.1/24 dev eth0"]
        );
        let guarded = format!("test -e x && {a}");
        assert_eq!(read(&guarded), ["test -e x".to_owned(), format!("[{a}]")]);
        assert_eq!(read(&format!("{b} &&\n {a}")), [b, a]);
        assert_eq!(read("echo 'a; b # c' >/dev/null 2>&1"), ["echo 'a; b # c'"]);
        assert_eq!(read(&format!("{a} & {b}")), [a, b]);
        assert_eq!(
            read(&format!("bash -c '{a}; iptables -L && {b}'; {b}")),
            [a, "iptables -L", &format!("[{b}]"), b]
        );
        assert_eq!(read(&format!("sh -c \"{a} && {b}\" && {b}")), [a, b, b]);
    }

    #[test]
    fn blocks_are_not_read() {
        let add = "ip a add 10.0.0.1/24 dev eth0";
        for (block, named) in [
            (format!("if [ -e x ]; then {add}; fi"), "[if [ -e x ]]"),
            (
                format!("if true\nthen\n {add}\nelse\n if x; then y; fi\nfi"),
                "[if true]",
            ),
            (
                format!("case $1 in\n a) {add} ;;\n *) : ;;\nesac"),
                "[case $1 in]",
            ),
            (format!("for i in 1 2; do\n {add}\ndone"), "[for i in 1 2]"),
            (
                format!("while read a; do {add}; done < file"),
                "[while read a]",
            ),
            (format!("f() {{\n {add}\n}}"), "[f() {]"),
            (
                format!("f() {{ {add}; }}"),
                "[f() { ip a add 10.0.0.1/24 dev eth0]",
            ),
            (format!("(cd /x; {add})"), "[(cd /x]"),
            (
                format!("cat > /etc/x <<EOF\n{add}\n EOF\nEOF"),
                "[cat > /etc/x <<EOF]",
            ),
            (format!("cat <<-'EOF' | sh\n{add}\n\tEOF"), "[cat <<-'EOF']"),
            ("echo ip | sh".to_owned(), "[echo ip]"),
        ] {
            let text = format!("{block}\nip link set eth0 up");
            assert_eq!(read(&text), [named, "ip link set eth0 up"], "{block}");
        }
        assert_eq!(
            read("ip link set eth0 up; exit 0\nreboot"),
            ["ip link set eth0 up"]
        );
    }
}
