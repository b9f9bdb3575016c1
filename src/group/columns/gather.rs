//! Gathers the members' patterns: copied straight from the file's bytes, cast to f32 on the way and converted
//! while they are in the processor's cache.

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::channels::move_last;
use super::conversion::Conversion;
use super::transform::Transform;
use crate::array::{Column, Numbers, Pool, RowSet};
use crate::error::Result;
use crate::group::options::Channels;

/// Says how the patterns of groups are gathered.
#[derive(Debug)]
pub struct Gather<'a> {
    /// The patterns of the scan.
    pub patterns: &'a Column,
    /// The number of members per group.
    pub group_size: usize,
    /// What changes pixels and shapes.
    pub transform: &'a Transform,
    /// What is done to each number after that.
    pub conversion: Conversion,
    /// The place of the axis of members.
    pub channels: Channels,
    /// The buffers that are filled.
    pub pool: &'a Pool,
}

/// The bytes of a batch from which on several threads fill it; sharing out fewer costs more than it brings.
const WORTH_SHARING: usize = 1 << 20;

/// The bytes that one thread fills at a time.
const TASK_BYTES: usize = 256 << 10;

/// Holds the buffers of one thread.
#[derive(Default)]
struct Scratch {
    /// A pattern as it is stored, where that is not how it is returned.
    stored: Vec<f32>,
    /// A group with the axis of members first, where it is to be last.
    group: Vec<f32>,
}

impl Gather<'_> {
    /// Returns the patterns of these scan points, the members of one group after those of another.
    ///
    /// # Errors
    /// If the patterns cannot be read or inflated.
    pub fn groups_of(&self, points: &[usize]) -> Result<ScalarBuffer<f32>> {
        let num_groups = points.len() / self.group_size.max(1);
        let _span = tracing::debug_span!("gather", groups = num_groups).entered();
        let data = self.patterns.numbers(&RowSet::List(points))?;
        let group_len = self.group_size * self.transform.len();
        let len = num_groups * group_len;
        let mut out = self.pool.take(len, size_of::<f32>())?;
        self.fill(&data, group_len, out.typed_data_mut());
        Ok(ScalarBuffer::new(self.pool.hand_out(out), 0, len))
    }

    /// Fills all groups, on several threads if that is worth it.
    fn fill(&self, data: &Numbers<'_>, group_len: usize, out: &mut [f32]) {
        if group_len == 0 {
            return;
        }
        let fill_one = |scratch: &mut Scratch, (group, out): (usize, &mut [f32])| {
            self.fill_group(data, group, scratch, out);
        };
        if size_of_val(out) >= WORTH_SHARING && rayon::current_num_threads() > 1 {
            let groups_per_task = (TASK_BYTES / (group_len * size_of::<f32>())).max(1);
            out.par_chunks_mut(group_len)
                .enumerate()
                .with_min_len(groups_per_task)
                .for_each_init(Scratch::default, fill_one);
        } else {
            let mut scratch = Scratch::default();
            out.chunks_exact_mut(group_len)
                .enumerate()
                .for_each(|group| fill_one(&mut scratch, group));
        }
    }

    fn fill_group(&self, data: &Numbers<'_>, group: usize, scratch: &mut Scratch, out: &mut [f32]) {
        match self.channels {
            Channels::First => {
                self.fill_slots(data, group, &mut scratch.stored, out);
                self.conversion.apply(out);
            }
            Channels::Last => {
                scratch.group.resize(out.len(), 0.0);
                self.fill_slots(data, group, &mut scratch.stored, &mut scratch.group);
                self.conversion.apply(&mut scratch.group);
                move_last::<1>(&scratch.group, self.group_size, out);
            }
        }
    }

    /// Fills a group's patterns, slot after slot.
    fn fill_slots(&self, data: &Numbers<'_>, group: usize, stored: &mut Vec<f32>, out: &mut [f32]) {
        for (slot, out) in out.chunks_exact_mut(self.transform.len()).enumerate() {
            let place = group * self.group_size + slot;
            if self.transform.changes() {
                stored.clear();
                data.extend_f32(place, stored);
                self.transform.apply(stored, out);
            } else {
                data.fill_f32(place, out);
            }
        }
    }
}
