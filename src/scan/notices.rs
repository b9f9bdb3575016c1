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
        let mut notes = self.notes();
        if let (Some(points), Some(positions)) = (&uses.among, self.inner.positions.get())
            && positions.len() <= MAX_POINTS
        {
            notes.retain(|note| !is_about_points(note));
            let points = points.iter().map(|point| *point as usize);
            notes.extend(notes_about_points(positions, points));
        }
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
            let about_points = notes_about_points(positions, 0..positions.len());
            about_points
                .chain(self.notes_of_positions(positions))
                .collect()
        })
    }
}

/// Returns whether the note tells of scan points that a selection may leave out.
fn is_about_points(note: &Note) -> bool {
    matches!(
        note,
        Note::PositionsNotFinite { .. } | Note::DuplicatePositions { .. }
    )
}

/// Notes which of these scan points have positions that are not finite, or those of others.
fn notes_about_points(
    positions: &Positions,
    points: impl Iterator<Item = usize> + Clone,
) -> impl Iterator<Item = Note> {
    let mut lost = points.clone().filter(|point| !positions.is_finite(*point));
    let not_finite = lost.next().map(|first| Note::PositionsNotFinite {
        count: 1 + lost.count(),
        first,
    });
    let repeated = positions.repeated(points);
    let duplicates = repeated.first().map(|first| Note::DuplicatePositions {
        count: repeated.len(),
        first: *first,
    });
    not_finite.into_iter().chain(duplicates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_lost_positions_are_counted() {
        let x = vec![1.0, 2.0, 1.0, f64::NAN, -0.0, 0.0, 2.0, 1.0, f64::INFINITY];
        let y = vec![1.0, 2.0, 1.0, 1.0, 5.0, 5.0, 3.0, 1.0, 0.0];
        let positions = Positions { x, y };
        let notes: Vec<Note> = notes_about_points(&positions, 0..9).collect();
        let not_finite = Note::PositionsNotFinite { count: 2, first: 3 };
        let duplicates = Note::DuplicatePositions { count: 3, first: 2 };
        assert_eq!(notes, [not_finite, duplicates]);
        // Scan points that are left out have no part in it.
        let distinct = [0, 1, 4, 6];
        assert_eq!(
            notes_about_points(&positions, distinct.into_iter()).count(),
            0
        );
    }
}
