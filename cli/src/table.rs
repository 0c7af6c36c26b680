//! Tables: columns of the width of their widest cell, three spaces apart, as Docker prints them.

use crate::text::{harmless, width};

/// Lays out rows of equally many cells under a header.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| one_line(cell))).collect();
    let mut widths = header.map(width);
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let mut text = line(&header, &widths);
    for row in &rows {
        text += &line(&row.each_ref().map(String::as_str), &widths);
    }
    text
}

fn one_line(cell: &str) -> String {
    harmless(cell).replace('\n', " ")
}

fn line<const N: usize>(cells: &[&str; N], widths: &[usize; N]) -> String {
    let mut text = String::new();
    for (cell, widest) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', widest + 3 - width(cell)));
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
    }
}
