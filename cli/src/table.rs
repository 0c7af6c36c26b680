//! Tables: columns of the width of their widest cell and three spaces more, as Docker and buildx print
//! them.

use crate::text::{harmless, width};

const GAP: usize = 3;
/// Docker's lists have no narrower columns.
const NARROWEST: usize = 10;

/// Lays out rows of equally many cells under a header.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    lay_out(&with_header(header, rows), 0)
}

/// As [`table`], the way that Docker lists things.
pub(crate) fn list<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    lay_out(&with_header(header, rows), NARROWEST)
}

/// As [`list`], with any number of cells in each row.
pub(crate) fn list_of(rows: &[Vec<String>]) -> String {
    lay_out(rows, NARROWEST)
}

fn with_header<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> Vec<Vec<String>> {
    let header = header.map(str::to_owned).to_vec();
    std::iter::once(header).chain(rows.iter().map(|row| row.to_vec())).collect()
}

fn lay_out(rows: &[Vec<String>], narrowest: usize) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), narrowest);
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell).saturating_add(GAP));
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn one_line(cell: &str) -> String {
    harmless(cell).replace('\n', " ")
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, widest) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', widest.saturating_sub(width(cell))));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [["日本".to_owned(), "x".to_owned()], ["a\u{1b}[2J\nb".to_owned(), String::new()]];
        assert_eq!(table(["A", "BB"], &rows), "A      BB\n日本   x\na b\n");
        assert_eq!(table(["A", "BB"], &[]), "A   BB\n");
        assert_eq!(list(["A", "BB"], &rows), "A         BB\n日本      x\na b\n");
    }
}
