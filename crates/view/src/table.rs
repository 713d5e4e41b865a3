//! Columns.

/// Rows with their columns aligned, two spaces apart; the last column as it is.
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

#[cfg(test)]
mod tests {
    use super::columns;

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
