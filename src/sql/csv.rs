//! Reads the head of CSV files: comments, and the types of all columns.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use arrow::error::ArrowError;
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema};

/// The character that a comment begins with.
pub const COMMENT: u8 = b'#';

/// The number of bytes of a line that is looked at.
const LINE: usize = 1 << 16;

/// Returns the number of lines at the beginning of a file that begin with `#`. Where there are any, such lines are comments
/// anywhere in the file.
///
/// # Errors
/// If the file cannot be read.
pub fn comment_lines(path: &Path) -> std::io::Result<usize> {
    Ok(Head::read(path)?.comments)
}

/// Describes the first lines of a file.
#[derive(Debug, Default)]
struct Head {
    /// The number of lines that begin with `#`, before any other.
    comments: usize,
    last_comment: String,
    /// The first line that is no comment.
    header: String,
}

impl Head {
    fn read(path: &Path) -> std::io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut head = Self::default();
        loop {
            let line = line(&mut file)?;
            match line.as_bytes().first() {
                Some(&COMMENT) => {
                    head.comments += 1;
                    head.last_comment = line;
                }
                _ => {
                    head.header = line;
                    return Ok(head);
                }
            }
        }
    }

    /// Checks that the names of the columns are not in a comment.
    fn check(&self) -> Result<(), String> {
        let fields = |line: &str| line.trim().split(',').count();
        let is_number = |text: &str| text.trim().parse::<f64>().is_ok();
        let has_names = !self.header.trim().split(',').all(is_number);
        if self.comments == 0 || has_names {
            return Ok(());
        }
        let (last, first) = (self.comments, self.comments + 1);
        let hint = match fields(&self.last_comment) == fields(&self.header) {
            true => format!("; if line {last} has them, take away its #, which makes it a comment"),
            false => String::new(),
        };
        Err(format!(
            "line {first} has numbers, expected the names of the columns{hint}"
        ))
    }
}

/// Reads a line, and keeps the beginning of a long one; the text is empty at the end.
fn line(file: &mut BufReader<File>) -> std::io::Result<String> {
    let mut kept = Vec::new();
    loop {
        let part = file.fill_buf()?;
        let end = part.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let used = end.unwrap_or(part.len());
        kept.extend(part[..used].iter().take(LINE.saturating_sub(kept.len())));
        file.consume(used);
        if end.is_some() || used == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
    }
}

/// Returns the schema of a file, whose rows are all looked at, and whether it has comments.
///
/// # Errors
/// If a line has another number of fields than the first, or the file is no text: in plain words that name the line.
pub fn describe(path: &Path) -> Result<(Schema, bool), String> {
    let head = Head::read(path).map_err(|e| e.to_string())?;
    head.check()?;
    let has_comments = head.comments > 0;
    let mut format = Format::default().with_header(true);
    if has_comments {
        format = format.with_comment(COMMENT);
    }
    let file = File::open(path).map_err(|e| e.to_string())?;
    let (schema, _) = format
        .infer_schema(BufReader::new(file), None)
        .map_err(|error| problem(&error))?;
    // A column without any value holds texts, as far as anybody knows.
    let field = |field: &Field| match field.data_type() {
        DataType::Null => field.clone().with_data_type(DataType::Utf8),
        _ => field.clone(),
    };
    let fields: Vec<Field> = schema.fields().iter().map(|known| field(known)).collect();
    Ok((Schema::new(fields), has_comments))
}

/// Returns what Arrow reports, in plain words.
fn problem(error: &ArrowError) -> String {
    let ArrowError::CsvError(text) = error else {
        return error.to_string();
    };
    let digits = text.split(|letter: char| !letter.is_ascii_digit());
    let numbers: Vec<&str> = digits.filter(|part| !part.is_empty()).collect();
    match (
        text.starts_with("Encountered unequal lengths"),
        &numbers[..],
    ) {
        (true, [expected, found, line]) => format!(
            "line {line} has {found} fields, expected {expected} as in the first line; a comma within a text needs double \
             quotes around the text"
        ),
        _ => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(text: &str) -> Result<(Vec<String>, bool), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        std::fs::write(&path, text).unwrap();
        let (schema, has_comments) = describe(&path)?;
        let shown =
            |field: &std::sync::Arc<Field>| format!("{} {}", field.name(), field.data_type());
        Ok((schema.fields().iter().map(shown).collect(), has_comments))
    }

    #[test]
    fn types_are_those_of_all_rows() {
        let mut text = "a,b,c\n".to_string();
        (0..5000).for_each(|row| text += &format!("{row},{row},\n"));
        text += "1.5,x,\n";
        let expected = ["a Float64", "b Utf8", "c Utf8"].map(String::from).to_vec();
        assert_eq!(described(&text), Ok((expected, false)));
    }

    #[test]
    fn a_line_with_too_many_fields_is_named() {
        let mut text = "a,b\n".to_string();
        (0..5000).for_each(|row| text += &format!("{row},{row}\n"));
        text += "1,2,3\n";
        let told = described(&text).unwrap_err();
        assert!(
            told.starts_with("line 5002 has 3 fields, expected 2"),
            "{told}"
        );
        assert!(
            described("# one\na,b\n1\n")
                .unwrap_err()
                .starts_with("line 3 has 1 fields")
        );
    }

    #[test]
    fn comments_are_left_out_and_names_are_not_looked_for_in_them() {
        let expected = vec!["t Int64".to_string(), "i Int64".to_string()];
        let text = "# log\n# started\nt,i\n1,2\n# pause\n3,4\n";
        assert_eq!(described(text), Ok((expected, true)));
        let told = described("# log\n# t, i\n1,2\n3,4\n").unwrap_err();
        assert_eq!(
            told,
            "line 3 has numbers, expected the names of the columns; if line 2 has them, take away its #, which makes it a \
             comment"
        );
    }
}
