//! States the order of the columns of a member that holds both coordinates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest number of columns that a member with both coordinates may have.
pub const MAX_COLUMNS: usize = 8;

/// Says what each column of a member with both coordinates is: `yx`, `xy`, `zyx`, `_yx`; `_` or `z` is
/// neither.
///
/// ```
/// use ptychoarrow::scan::layout::PositionOrder;
/// let order: PositionOrder = "zyx".parse()?;
/// assert_eq!((order.x(), order.y(), order.len()), (2, 1, 3));
/// # Ok::<_, String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PositionOrder {
    /// The letters, one per column; those past `len` are 0.
    letters: [u8; MAX_COLUMNS],
    len: usize,
    x: usize,
    y: usize,
}

impl PositionOrder {
    /// y in column 0, x in column 1: what PtychoNN and tike write.
    pub const YX: Self = Self {
        letters: *b"yx\0\0\0\0\0\0",
        len: 2,
        x: 1,
        y: 0,
    };

    /// Returns the column of x.
    pub fn x(&self) -> usize {
        self.x
    }

    /// Returns the column of y.
    pub fn y(&self) -> usize {
        self.y
    }

    /// Returns the number of columns, at least 2.
    #[expect(clippy::len_without_is_empty, reason = "an order is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }
}

impl FromStr for PositionOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |problem: &str| {
            Err(format!(
                "`{text}`: {problem}; expected an order such as yx, xy or zyx"
            ))
        };
        if let Some(other) = text
            .chars()
            .find(|letter| !matches!(letter, 'x' | 'y' | 'z' | '_'))
        {
            return wrong(&format!(
                "{other:?} is no column: x, y, or z and _ for neither"
            ));
        }
        if text.len() > MAX_COLUMNS {
            return wrong(&format!("more than {MAX_COLUMNS} columns"));
        }
        let mut columns = [0; 2];
        for (column, letter) in columns.iter_mut().zip(['x', 'y']) {
            let mut places = text.match_indices(letter).map(|(place, _)| place);
            *column = match (places.next(), places.next()) {
                (Some(place), None) => place,
                (None, _) => return wrong(&format!("no column is {letter}")),
                (Some(_), Some(_)) => return wrong(&format!("more than one column is {letter}")),
            };
        }
        let mut letters = [0; MAX_COLUMNS];
        letters[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self {
            letters,
            len: text.len(),
            x: columns[0],
            y: columns[1],
        })
    }
}

impl fmt::Display for PositionOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letters[..self.len]
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl TryFrom<String> for PositionOrder {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PositionOrder> for String {
    fn from(order: PositionOrder) -> Self {
        order.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_and_written_back() {
        for (text, x, y) in [
            ("xy", 0, 1),
            ("yx", 1, 0),
            ("zyx", 2, 1),
            ("xyz", 0, 1),
            ("_yx", 2, 1),
            ("__y_zzzx", 7, 2),
        ] {
            let order: PositionOrder = text.parse().unwrap();
            assert_eq!(
                (order.x(), order.y(), order.len()),
                (x, y, text.len()),
                "{text}"
            );
            assert_eq!(order.to_string(), text);
            let json = serde_json::to_string(&order).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<PositionOrder>(&json).unwrap(), order);
        }
        assert_eq!("yx".parse(), Ok(PositionOrder::YX));
        assert!(serde_json::from_str::<PositionOrder>("\"yy\"").is_err());
    }

    #[test]
    fn what_is_no_order_is_said_in_words() {
        let problem = |text: &str| text.parse::<PositionOrder>().unwrap_err();
        insta::assert_snapshot!(problem(""), @"``: no column is x; expected an order such as yx, xy or zyx");
        insta::assert_snapshot!(problem("zx"), @"`zx`: no column is y; expected an order such as yx, xy or zyx");
        insta::assert_snapshot!(
            problem("xyx"),
            @"`xyx`: more than one column is x; expected an order such as yx, xy or zyx"
        );
        insta::assert_snapshot!(
            problem("YX"),
            @"`YX`: 'Y' is no column: x, y, or z and _ for neither; expected an order such as yx, xy or zyx"
        );
        insta::assert_snapshot!(
            problem("xy_______"),
            @"`xy_______`: more than 8 columns; expected an order such as yx, xy or zyx"
        );
    }
}
