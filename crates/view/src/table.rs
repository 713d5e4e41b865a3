//! Columns.
//!
//! ```
//! use hallway_view::table::columns;
//!
//! let rows = [vec!["NODE".into(), "ADDRESS".into()], vec!["database".into(), "10.0.0.2".into()]];
//! assert_eq!(columns(&rows), "NODE      ADDRESS\ndatabase  10.0.0.2\n");
//! ```

/// Rows with aligned columns, two spaces apart; the last column is not padded.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|r| r.get(column))
            .map(|c| c.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(
                ' ',
                width + 2 - cell.chars().count().min(*width),
            ));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A column is not made narrower than this.
const COLUMN_MIN: usize = 12;

/// The same in at most `width` columns of text, if words allow that: cells of the widest columns continue
/// in the next line.
#[must_use]
pub fn columns_within(rows: &[Vec<String>], width: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let length =
        |row: &Vec<String>, column: usize| row.get(column).map_or(0, |c| c.chars().count());
    let mut widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().map(|r| length(r, column)).max().unwrap_or(0))
        .collect();
    loop {
        let total = widths.iter().sum::<usize>() + 2 * count.saturating_sub(1);
        let widest = widths.iter_mut().max().filter(|w| **w > COLUMN_MIN);
        match widest {
            Some(widest) if total > width => *widest -= 1,
            _ => break,
        }
    }
    let folded: Vec<Vec<String>> = rows.iter().flat_map(|row| lines_of(row, &widths)).collect();
    columns(&folded)
}

/// The same, for a width that words may not allow: then one line for each value, with the header that the
/// first row has for it.
#[must_use]
pub fn fitted(rows: &[Vec<String>], width: usize) -> String {
    let table = columns_within(rows, width);
    let (Some((head, rows)), false) = (
        rows.split_first(),
        table.lines().all(|l| l.chars().count() <= width),
    ) else {
        return table;
    };
    let first = head.iter().map(|h| h.chars().count()).max().unwrap_or(0);
    let second = width.saturating_sub(first + 2);
    let blocks = rows.iter().map(|row| {
        let lines = head.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let lines = lines.flat_map(|(name, cell)| {
            let cells = broken(cell, second).into_iter().enumerate();
            cells.map(|(at, cell)| {
                let name = if at == 0 { name.as_str() } else { "" };
                format!("{name:first$}  {cell}\n")
            })
        });
        lines.collect::<String>()
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// A row as lines whose cells are as wide as their columns.
fn lines_of(row: &[String], widths: &[usize]) -> Vec<Vec<String>> {
    let cells: Vec<Vec<String>> = (row.iter().zip(widths))
        .map(|(cell, width)| broken(cell, *width))
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        cells
            .iter()
            .map(move |c| c.get(at).cloned().unwrap_or_default())
    };
    (0..height).map(|at| line(at).collect()).collect()
}

/// A text in lines of at most `width` characters, broken at spaces.
fn broken(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut out: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match out.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{columns, columns_within, fitted};

    #[test]
    fn wide_columns_go_on_in_the_next_line() {
        let rows = [
            vec!["PROJECT".to_owned(), "NODES".into(), "STATE".into()],
            vec!["shop".into(), "web api db cache queue".into(), "up".into()],
        ];
        let narrow =
            "PROJECT  NODES        STATE\nshop     web api db   up\n         cache queue\n";
        assert_eq!(columns_within(&rows, 29), narrow);
        assert_eq!(columns_within(&rows, 80), columns(&rows));
    }

    #[test]
    fn a_table_that_does_not_fit_has_a_line_for_each_value() {
        let rows = [
            vec!["NETWORK".to_owned(), "SUBNET".into(), "KIND".into()],
            vec![
                "backend".into(),
                "10.1.0.0/24 fd00::/64".into(),
                String::new(),
            ],
            vec!["db".into(), "10.2.0.0/24".into(), "internal".into()],
        ];
        let narrow = "NETWORK  backend\nSUBNET   10.1.0.0/24\n         fd00::/64\n\nNETWORK  db\nSUBNET   10.2.0.0/24\nKIND     internal\n";
        assert_eq!(fitted(&rows, 22), narrow);
        assert_eq!(fitted(&rows, 80), columns(&rows));
    }

    #[test]
    fn columns_are_aligned_and_lines_end_where_their_text_does() {
        let rows = [
            vec!["a".to_owned(), "b".into()],
            vec!["längst".into(), String::new()],
            vec!["c".into(), "d".into()],
        ];
        assert_eq!(columns(&rows), "a       b\nlängst\nc       d\n");
    }
}
