//! Places probes and objects: two axes are the image, along all others modes or layers are counted.

use super::Placed;
use crate::npz::ArrayInfo;
use crate::scan::layout::note::Note;
use crate::scan::layout::options::ProbeAxis;
use crate::scan::layout::roles::Role;
use crate::scan::layout::shape_rule::leading_ones;

/// Holds what tells the axes of a field apart.
#[derive(Debug, Clone, Copy)]
pub struct FieldRule<'a> {
    /// The height and width of a pattern, in pixels, if there are patterns.
    pub pattern: Option<&'a [usize]>,
    /// The number of scan points.
    pub points: usize,
    /// What an option says about the modes of the probe.
    pub said: Option<ProbeAxis>,
}

impl FieldRule<'_> {
    /// Places a probe or an object of at least two axes; `None` if it stays open which axes count modes. Axes of length 1
    /// in front and at the end are taken at index 0, as long as two axes are left.
    pub fn place(&self, info: &ArrayInfo, role: Role) -> Option<Placed> {
        let shape = &info.shape[..];
        let start = leading_ones(shape, 2);
        let mut fixed: Vec<(usize, usize)> = (0..start).map(|axis| (axis, 0)).collect();
        let mut end = shape.len();
        while end - start > 2 && shape[end - 1] == 1 && !self.has_one_column() {
            end -= 1;
            fixed.push((end, 0));
        }
        let axes = &shape[start..end];
        if axes.len() <= 2 {
            return Some(Placed::new(info, Vec::new(), fixed));
        }
        let axis = match role {
            Role::Probe => self.said.or_else(|| self.axis_of_modes(axes))?,
            _ => self.axis_of_layers(axes),
        };
        let rows = match axis {
            ProbeAxis::First => start..end - 2,
            ProbeAxis::Last => start + 2..end,
        };
        Some(Placed::new(info, rows.collect(), fixed))
    }

    /// Returns whether patterns have a single column, so that a last axis of length 1 is one of theirs.
    fn has_one_column(&self) -> bool {
        self.pattern
            .is_some_and(|pattern| pattern.last() == Some(&1))
    }

    /// Returns where modes are counted: the image has the shape of a pattern, else it is square; of two squares the larger
    /// is the image. Where no image is square, modes come first.
    fn axis_of_modes(&self, axes: &[usize]) -> Option<ProbeAxis> {
        let (first, last) = images(axes);
        let fits = |image: &[usize]| self.pattern == Some(image);
        let is_square = |image: &[usize]| image[0] == image[1];
        match (fits(first), fits(last)) {
            (true, true) => return None,
            (true, false) => return Some(ProbeAxis::First),
            (false, true) => return Some(ProbeAxis::Last),
            (false, false) => {}
        }
        match (is_square(first), is_square(last)) {
            (true, true) if first[0] == last[0] => None,
            (true, true) if first[0] < last[0] => Some(ProbeAxis::Last),
            (false, true) => Some(ProbeAxis::Last),
            _ => Some(ProbeAxis::First),
        }
    }

    /// Returns where layers are counted: last if only so the object is as large as a pattern, else first.
    fn axis_of_layers(&self, axes: &[usize]) -> ProbeAxis {
        let (first, last) = images(axes);
        let holds = |image: &[usize]| {
            let pattern = self.pattern.unwrap_or_default();
            image
                .iter()
                .zip(pattern)
                .all(|(image, pattern)| image >= pattern)
        };
        match !holds(first) && holds(last) {
            true => ProbeAxis::Last,
            false => ProbeAxis::First,
        }
    }

    /// Returns what is odd about a probe that was placed, or could not be.
    pub fn notes(&self, info: &ArrayInfo, placed: Option<&Placed>) -> Vec<Note> {
        let (member, shape) = (info.name.clone(), info.shape.clone());
        let Some(placed) = placed else {
            return vec![Note::OpenProbeAxis { member, shape }];
        };
        let image = placed.row_shape(&info.shape);
        let fits = self.pattern.is_none_or(|pattern| pattern == image);
        let odd = (!fits).then(|| Note::ProbeShape {
            member: member.clone(),
            shape,
            image,
            pattern: self.pattern.unwrap_or_default().to_vec(),
        });
        let modes = placed.num_rows(&info.shape);
        let is_per_point = modes > 1 && modes == self.points;
        let per_point = is_per_point.then_some(Note::ProbePerPoint { member, modes });
        odd.into_iter().chain(per_point).collect()
    }
}

/// Returns the last two axes, which are the image where modes come first, and the first two.
fn images(axes: &[usize]) -> (&[usize], &[usize]) {
    (&axes[axes.len() - 2..], &axes[..2])
}
