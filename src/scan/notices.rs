//! What the user of a scan should know: from headers, and from its positions once they were read.

use super::layout::{Measurement, Note, Role, Uses};
use super::{Positions, Scan};
use crate::array::Column;
use crate::error::Notice;

/// The largest number of scan points of which the positions are looked at for a report. Looking for duplicates among
/// more takes seconds; a check of the file does so all the same.
const MAX_POINTS: usize = 1 << 22;

impl Scan {
    /// Returns what is known about the scan that its user should know: from the headers, and once the positions were
    /// read, from them. Of more than 4,194,304 positions, only [`check`](crate::check) says what they tell.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = self.layout().notes.clone();
        notes.extend(self.measurement_by_dtype());
        if let Some(positions) = self.inner.positions.get() {
            notes.extend_from_slice(self.position_notes(positions));
        }
        notes
    }

    /// Returns the notices that concern a job: about the archives and about what the job reads of the scan. If it reads
    /// positions, all are looked at.
    pub(crate) fn notices_of(&self, uses: &Uses) -> Vec<Notice> {
        let reads_positions = uses.has(Role::X) || uses.has(Role::Y);
        if reads_positions && self.has_positions() && self.num_positions() <= MAX_POINTS {
            // What cannot be read is an error of the job itself.
            drop(self.positions());
        }
        let archives = self.sources().flat_map(|npz| npz.notes());
        let notes = self.notes();
        let concerned = notes.iter().filter(|note| note.concerns(uses));
        archives
            .map(Notice::from)
            .chain(concerned.map(Notice::from))
            .collect()
    }

    /// Returns what a reader of these columns of `scan` reads.
    pub(super) fn uses_of_columns(&self, columns: &[usize]) -> Uses {
        let schema = &self.inner.schema;
        let mut uses = Uses {
            every_column: columns.len() == schema.fields().len(),
            wants_patterns: columns.len() == schema.fields().len(),
            ..Uses::default()
        };
        for column in columns {
            match schema.field(*column).name().as_str() {
                "x" => uses.add(Role::X),
                "y" => uses.add(Role::Y),
                name @ ("x_start" | "y_start") => {
                    let (start, position) = match name.starts_with('x') {
                        true => (Role::XStart, Role::X),
                        false => (Role::YStart, Role::Y),
                    };
                    uses.add(start);
                    // Without start positions of their own, scans have those that were measured.
                    if !self.has_starts() {
                        uses.add(position);
                    }
                }
                "frame_index" => uses.add(Role::FrameIndex),
                "diffraction" => {
                    uses.add(Role::Diffraction);
                    // The column's metadata says what its numbers are.
                    uses.measurement = true;
                    if self.bad_pixels().mask {
                        uses.add(Role::BadPixels);
                        uses.add(Role::ValidPixels);
                    }
                }
                name => uses.columns.push(name.to_string()),
            }
        }
        uses
    }

    /// Notes that nothing but the dtype says what the patterns are.
    fn measurement_by_dtype(&self) -> Option<Note> {
        let by_option = self.layout_options().measurement.is_some();
        let info = self.diffraction().and_then(Column::info)?;
        let by_dtype = !by_option && self.measurement() == Measurement::Intensity;
        by_dtype.then(|| Note::MeasurementByDtype {
            member: info.name.clone(),
            dtype: info.dtype.descr.clone(),
        })
    }

    fn position_notes(&self, positions: &Positions) -> &[Note] {
        self.inner.position_notes.get_or_init(|| {
            if positions.len() > MAX_POINTS {
                return Vec::new();
            }
            let not_finite = not_finite(positions);
            not_finite
                .into_iter()
                .chain(self.notes_of_positions(positions))
                .chain(duplicates(positions))
                .collect()
        })
    }
}

fn not_finite(positions: &Positions) -> Option<Note> {
    let mut points = (0..positions.len()).filter(|point| !positions.is_finite(*point));
    let first = points.next()?;
    Some(Note::PositionsNotFinite {
        count: 1 + points.count(),
        first,
    })
}

fn duplicates(positions: &Positions) -> Option<Note> {
    let repeated = positions.repeated();
    let first = *repeated.first()?;
    Some(Note::DuplicatePositions {
        count: repeated.len(),
        first,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_lost_positions_are_counted() {
        let x = vec![1.0, 2.0, 1.0, f64::NAN, -0.0, 0.0, 2.0, 1.0, f64::INFINITY];
        let y = vec![1.0, 2.0, 1.0, 1.0, 5.0, 5.0, 3.0, 1.0, 0.0];
        let positions = Positions { x, y };
        let expected = Note::DuplicatePositions { count: 3, first: 2 };
        assert_eq!(duplicates(&positions), Some(expected));
        let expected = Note::PositionsNotFinite { count: 2, first: 3 };
        assert_eq!(not_finite(&positions), Some(expected));
        let distinct = Positions {
            x: vec![0.0, 1.0],
            y: vec![0.0, 0.0],
        };
        assert_eq!((duplicates(&distinct), not_finite(&distinct)), (None, None));
    }
}
