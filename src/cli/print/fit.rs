//! Fits a table to the width of the terminal: long texts are cut, and of what still is too wide, columns in the middle are
//! left out.

use std::io::{IsTerminal, stdout};

use comfy_table::{ContentArrangement, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The characters of a table's frame, in the order of `comfy-table`.
const FRAME: &str = "||--+-++|    ++++++";
/// The width to which texts, lists and names are cut before a column is left out.
const CUT_WIDTH: usize = 20;
/// The columns of characters between two cells: a space, a line, a space.
const GAP: usize = 3;
/// What stands in the place of what is left out.
const ELLIPSIS: &str = "…";

/// Returns the number of characters that fit on a line of stdout: what the environment variable COLUMNS says, else the
/// width of the terminal; `None` if there is no terminal.
pub fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    let said = said.and_then(|columns| columns.trim().parse().ok());
    let terminal = || {
        let terminal = stdout().is_terminal().then(terminal_size::terminal_size);
        terminal.flatten().map(|(width, _)| usize::from(width.0))
    };
    said.or_else(terminal).filter(|width| *width > 0)
}

/// Holds a column as text.
pub struct Column {
    /// The name.
    pub name: String,
    /// A text per row.
    pub cells: Vec<String>,
    /// Whether a cell that is cut still says something: texts and lists, but no numbers.
    pub can_be_cut: bool,
}

/// Lays a table out in at most `width` characters per line. Returns it with the number of columns that are left out.
pub fn table(columns: &[Column], width: Option<usize>) -> (String, usize) {
    let fitted = fitted(columns, width.unwrap_or(usize::MAX));
    let hidden = columns.len() - fitted.len();
    // The first half stands before the place of the hidden columns, the rest behind it.
    let gap = (hidden > 0).then_some(fitted.len().div_ceil(2));
    let line = |of: &dyn Fn(&Column) -> String| {
        let mut line: Vec<String> = fitted
            .iter()
            .map(|(index, width)| cut(&of(&columns[*index]), *width))
            .collect();
        gap.into_iter()
            .for_each(|place| line.insert(place, ELLIPSIS.to_string()));
        line
    };
    let mut table = Table::new();
    table.load_preset(FRAME);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(line(&|column| column.name.clone()));
    let rows = columns.first().map_or(0, |column| column.cells.len());
    for row in 0..rows {
        table.add_row(line(&|column| column.cells[row].clone()));
    }
    (table.to_string(), hidden)
}

/// Returns the columns that are shown, each with its width.
fn fitted(columns: &[Column], width: usize) -> Vec<(usize, usize)> {
    let whole: Vec<usize> = columns.iter().map(Column::width).collect();
    let least: Vec<usize> = columns.iter().map(Column::least_width).collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let taken = |shown: &[usize], widths: &[usize]| {
        let hidden = if shown.len() < columns.len() {
            1 + GAP
        } else {
            0
        };
        let cells: usize = shown.iter().map(|index| widths[*index] + GAP).sum();
        cells + hidden + 1
    };
    while shown.len() > 1 && taken(&shown, &least) > width {
        shown.remove(shown.len() / 2);
    }
    let mut widths = least.clone();
    if let ([only], true) = (&shown[..], taken(&shown, &least) > width) {
        let over = taken(&shown, &least) - width;
        widths[*only] = widths[*only].saturating_sub(over).max(1);
    }
    // What room is left goes to the cells that were cut, to each as much as to the others.
    let mut room = width.saturating_sub(taken(&shown, &widths));
    let mut cut: Vec<usize> = shown.clone();
    while room > 0 && !cut.is_empty() {
        cut.retain(|index| widths[*index] < whole[*index]);
        let share = (room / cut.len().max(1)).max(1);
        for index in &cut {
            let more = share.min(whole[*index] - widths[*index]).min(room);
            widths[*index] += more;
            room -= more;
        }
    }
    shown
        .into_iter()
        .map(|index| (index, widths[index]))
        .collect()
}

impl Column {
    fn width(&self) -> usize {
        self.name.width().max(self.cells_width())
    }

    fn cells_width(&self) -> usize {
        let widths = self.cells.iter().map(|cell| cell.width());
        widths.max().unwrap_or(0)
    }

    /// Returns the smallest width to which the column may be cut.
    fn least_width(&self) -> usize {
        let cells = match self.can_be_cut {
            true => self.cells_width().min(CUT_WIDTH),
            false => self.cells_width(),
        };
        cells.max(self.name.width().min(CUT_WIDTH))
    }
}

/// Cuts a text to a width; an ellipsis shows that it was longer.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let room = width.saturating_sub(ELLIPSIS.width());
    let mut cut = String::new();
    let mut taken = 0;
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken > room {
            break;
        }
        cut.push(character);
    }
    cut + ELLIPSIS
}

/// Writes line breaks and other control characters as escapes, so that a cell stays on its line.
pub fn on_one_line(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_string();
    }
    let escaped = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, cells: &[&str], can_be_cut: bool) -> Column {
        Column {
            name: name.to_string(),
            cells: cells.iter().map(ToString::to_string).collect(),
            can_be_cut,
        }
    }

    fn widest(table: &str) -> usize {
        table.lines().map(|line| line.width()).max().unwrap()
    }

    #[test]
    fn a_table_that_fits_stays_as_it_is() {
        let columns = [
            column("n", &["1", "20"], false),
            column("t", &["ab", ""], true),
        ];
        let (text, hidden) = table(&columns, Some(80));
        assert_eq!(hidden, 0);
        insta::assert_snapshot!(text, @r"
        +----+----+
        | n  | t  |
        +----+----+
        | 1  | ab |
        | 20 |    |
        +----+----+
        ");
        assert_eq!(table(&columns, None).0, text);
    }

    #[test]
    fn long_texts_are_cut_before_a_column_is_left_out() {
        let long = "a rather long text that nobody needs to read to its end";
        let columns = [
            column("number", &["0.10000000149011612"], false),
            column("text", &[long], true),
        ];
        let (text, hidden) = table(&columns, Some(60));
        assert_eq!((hidden, widest(&text)), (0, 60));
        assert!(
            text.contains("0.10000000149011612 ")
                && text.contains("a rather long text that nobody ne…")
        );
    }

    #[test]
    fn columns_in_the_middle_are_left_out_and_numbers_are_never_cut() {
        let columns: Vec<Column> = (0..12)
            .map(|index| column(&format!("c{index}"), &["0.10000000149011612"], false))
            .collect();
        for width in 27..=300 {
            let (text, hidden) = table(&columns, Some(width));
            assert!(widest(&text) <= width, "{width}: {text}");
            let shown = text.matches("0.10000000149011612").count();
            assert_eq!(shown + hidden, 12, "{width}");
            assert_eq!(text.lines().count(), 5);
            assert_eq!(text.contains("| … |") || text.contains("| …"), hidden > 0);
            assert!(text.contains("c0 "));
            assert!(shown < 2 || text.contains("c11 "), "{width}: {text}");
        }
    }

    /// Even a width that nothing fits in ends.
    #[test]
    fn no_width_is_too_small() {
        let columns = [
            column("name", &["value of the cell"], true),
            column("other", &["1"], false),
        ];
        for width in 1..30 {
            let (text, _) = table(&columns, Some(width));
            assert!(widest(&text) <= width.max(9), "{width}: {text}");
        }
        assert_eq!(table(&[], Some(10)).1, 0);
    }

    #[test]
    fn wide_characters_count_twice_and_control_characters_are_escaped() {
        assert_eq!(cut("東京タワー", 6), "東京…");
        assert_eq!(cut("東京タワー", 10), "東京タワー");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(on_one_line("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        let columns = [column("地", &["東京タワー東京タワー東京タワー"], true)];
        assert_eq!(widest(&table(&columns, Some(21)).0), 21);
    }
}
