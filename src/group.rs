//! Forms groups of neighbouring scan points.
//!
//! [`GroupSpec`] says which groups; [`Groups`] forms them in a scan and offers them as the tables `groups`
//! (one row per group) and `group_members` (one row per member). The steps are modules of their own: `spec`,
//! `options` and `plan` (what is asked for, checked), `neighbors` (who is near whom), `sampling` and
//! [`rng`] (who is drawn), `index` (the result) and `columns` (what is made of it). `ptychopinn` draws
//! groups by the rules of PtychoPINN instead.
//!
//! # The native algorithm
//!
//! It is frozen: the same spec, seed and positions give the same groups on every machine and in every
//! version. This text, with [`rng`], is meant to suffice for writing it again.
//!
//! **Notation.** C = `gridsize`^2 is the number of members per group. K is `neighbors`; its default is
//! ceil(1.5 C). Scan points are numbered from 0. r(i) = (x, y) is the position of scan point i; positions of
//! any stored type become f64 first. `d2(i, j) = dx * dx + dy * dy` with `(dx, dy) = r(i) - r(j)`, in f64,
//! each operation rounded by itself (no fused multiply-add).
//!
//! 1. **Candidates.** P scan points may be members: `among`, by default all. Of these, S may be seed points:
//!    `seeds_from`, by default `among`. Both lists ascend. A candidate whose position is not finite is an
//!    error, also with C = 1; positions outside `among` do not matter.
//! 2. **Seed points.** Let n be `n_groups`, by default S.
//!    - n >= S: all of `seeds_from` are seed points, in order.
//!    - n < S: n of them are, with [`Sampling::Sequential`] the first n, else n drawn without replacement
//!      from stream 0 (see [`rng`]: its places in `seeds_from` are `sample(S, n)`). They ascend.
//!
//!    Let T = min(n, S) be the number of seed points. Group g, with 0 <= g < n, belongs to seed point number
//!    `g mod T`. So n <= S gives one group per seed point, whether or not `group_oversampling` is set.
//! 3. **Groups of one.** With C = 1 a group is its seed point, and the steps below do not apply.
//! 4. **Pool** of seed point s: the candidates other than s (by number, not by position), in the order of
//!    (d2(s, i), i), of which the first K are taken, or all P - 1 if there are fewer. Those with
//!    sqrt(d2) > D are left out, where D is `max_distance` and the root is rounded to f64: it is the distance
//!    that the tables print. Squares that overflow are infinite, and so come last, by scan point. Then the
//!    seed point may be put in front of the pool:
//!    - [`IncludeSeed::Never`]: only if P = C, because there would be no group otherwise;
//!    - [`IncludeSeed::Pool`]: always, so that the pool may have K + 1 scan points;
//!    - [`IncludeSeed::First`]: never, also with P = C, because it has a slot of its own.
//! 5. **Members.** Let k = C - 1 with [`IncludeSeed::First`], else k = C. A copy p of the pool is shuffled as
//!    far as needed, with stream 1 + (g mod T): for i = 0, 1, ..., k - 1 the scan points `p[i]` and
//!    `p[i + below(len(p) - i)]` are exchanged. The members are `p[0]`, ..., `p[k - 1]`, in this order; with
//!    [`IncludeSeed::First`] slot 0 is the seed point and they follow. Slot numbers are places in this order.
//! 6. **Group oversampling** (n > S). Group g is round `g div S` of its seed point. Each round draws as in
//!    step 5, always from the pool in its original order, and all rounds of a seed point take their numbers
//!    from one stream, one after the other. A draw whose set of members came in an earlier round of the same
//!    seed point is repeated, with the numbers that follow. Round 0 is thus the group without oversampling.
//!    The closer the number of rounds comes to that of all sets, the more draws are in vain: all of m sets
//!    take about m ln(m) draws.
//! 7. **Skipped groups.** A seed point whose pool has fewer than k scan points, which only `max_distance` can
//!    cause, has no group in any round. Its group numbers stay unused, so that the others keep theirs, and
//!    are counted.
//!
//! These are errors: `gridsize` below 1 or above 64; K < C with C > 1; P < C; a seed point that is no
//! candidate; n > S without `group_oversampling`, or with C = 1; n > S * m, where m is the number of sets
//! that a pool of full size has: with q = min(K, P - 1), m = comb(q, C) for `Never` (1 if P = C), comb(q + 1,
//! C) for `Pool`, comb(q, C - 1) for `First`; and a seed point whose pool, though it has k scan points or
//! more, has fewer than as many distinct sets, comb(len(pool), k), as it has rounds: it is not skipped.
//!
//! # Columns of `groups`
//!
//! s is the seed point, m_0, ..., m_(C-1) are the members of a group, c is its centre: the mean of r(m_j),
//! per axis the sum divided by C. (H, W) is the shape of a pattern as it
//! is returned, after `crop` and `bin`. Lengths are in the unit of the positions, x along columns and y along
//! rows. Tensors are stored as `FixedSizeList` in C order, shapes as with [`Channels::First`]; with
//! [`Channels::Last`] the axis C moves behind H and W.
//!
//! | column | type and shape | value |
//! |---|---|---|
//! | `group_id` | Int64 | g |
//! | `seed_point` | Int64 | s |
//! | `seed_x`, `seed_y` | Float64 | r(s) |
//! | `center_x`, `center_y` | Float64 | c |
//! | `span` | Float64 | the largest sqrt(d2(m_i, m_j)); 0 for C = 1 |
//! | `nn_indices` | Int32 (C) | m_j |
//! | `coords_nn` | Float64 (1, 2, C) | r(m_j): x of all members, then y |
//! | `coords_relative` | Float64 (1, 2, C) | c - r(m_j) |
//! | `coords_offsets` | Float64 (1, 2, 1) | c |
//! | `coords_start_nn`, `_relative`, `_offsets` | as above | the same of the start positions of the same members, whose mean is c; only where the file has start positions |
//! | `diffraction` | Float32 (C, H, W) | the members' patterns, changed as [`PatternOptions`] says |
//! | `norm_factor` | Float64 | f, the same in all rows |
//! | `diffraction_normalized` | Float32 (C, H, W) | f * a, see below |
//! | `object_patches` | Float32 (C, N, N, 2) | the object around each member: real part, imaginary part; see below |
//!
//! `diffraction`, `norm_factor` and `diffraction_normalized` need patterns; the last two are read only if
//! they are named. The columns of `group_members` are those of [`GroupMembers`].
//!
//! **Sums**, also those of the means and powers here, are taken in NumPy's pairwise order:
//!
//! - fewer than 8 numbers from left to right;
//! - 8 to 128 numbers in eight sums, of which sum j takes the numbers j, j + 8, j + 16, ... of the longest
//!   part whose length is a multiple of 8; the total is ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)), to
//!   which the numbers that are left are added one by one;
//! - more numbers in two parts, the first of h = (len div 2) - (len div 2) mod 8 numbers; each part is summed
//!   by these rules, and then both.
//!
//! **Normalisation.** f = sqrt((H * W / 4) / p), computed in f64 and rounded to f32 once; with H = W = N this
//! is sqrt((N / 2)^2 / p). p is the mean power of patterns. The power of a pattern is the sum over its pixels
//! of |a|^2, where a is the amplitude: of stored amplitudes the squares are summed, of stored intensities the
//! numbers themselves. It is computed in f64 from the stored numbers, bad pixels being 0, after `crop` and
//! `bin`. A pixel that is used and is not finite or, as an intensity, negative is an error. The mean is taken
//!
//! - with [`Norm::Scan`] over the patterns of `among`, each once, in the order of scan points;
//! - with [`Norm::Groups`] over the members of all groups, in the order of groups and slots: a pattern counts
//!   as often as it was drawn;
//! - with [`Norm::Value`] not at all: f is the given number, which is neither 0 nor infinite in f32; it is as
//!   it was given in the column `norm_factor`, and rounded to f32 where patterns are multiplied by it.
//!
//! `diffraction_normalized` is f * v for stored amplitudes v, and f * sqrt(v) for stored intensities, in f32,
//! where v is the number after `crop` and `bin`, all in f32 but for what leaves its range: see
//! [`PatternOptions`]. Whether numbers are amplitudes or
//! intensities is what [`Scan::measurement`](crate::Scan::measurement) says; unknown ones are taken for
//! amplitudes, and a [`GroupNote`] says so.
//!
//! **Object patches.** If the file has a member `Y` with one N x N patch per position, these are its rows,
//! cast to f32 (a finite number that becomes infinite is an error). Otherwise they are cut from the object,
//! an N x N square per member with bilinear interpolation: pixel (i, j) of the patch is the object at row
//! `y + i - N div 2`, column `x + j - N div 2`, so that pixel (N div 2, N div 2) sits at (x, y). Outside
//! the object there is 0. [`patch`] has the formula to the bit. (x, y) is r(m) where positions are pixels,
//! or r(m) times the pixels per stored unit. Where they are lengths, x = (r_x * u - c_x) / w + W / 2 and y
//! = (r_y * u - c_y) / h + H / 2, where u is the number of metres per stored unit, w and h are the width
//! and the height of a pixel, (c_x, c_y) is the object's centre in metres and (H, W) its shape: as
//! ptychodus has it. Without a centre in the file c, W / 2 and H / 2 are 0, and a note says so. x and y are
//! rounded to f32 then; a complex64 object is interpolated in f32, and a complex128 object in f64, with the
//! result rounded to f32.
//!
//! Less than half of a patch on the object is an error (in PtychoPINN semantics only that no patch has any
//! pixel on it); a pixel counts as on it if no 0 from outside has a weight of more than 0.001 in it. The column is
//! missing where patterns are not square, where `crop` or `bin` changes them, where neither `Y` nor an
//! object of a single layer exists, and, without `Y`, where positions are steps, of unknown unit, or
//! lengths without a size of pixels; [`Error::NoObjectPatches`](crate::Error::NoObjectPatches) says which.
//!
//! **PtychoPINN semantics.** There are two routes to the same groups: [`Semantics::Ptychopinn`] is the bridge,
//! which casts coordinates to f64, patterns to f32 and the object to complex64 before anything else, and
//! [`Semantics::PtychopinnRaw`] is `RawData` on the file's own types. The columns are the same but for these:
//! in `RawData`, where x and y are both stored as f32, c and c - r(m_j) are computed in f32, each step
//! rounded; in the bridge, patches of a complex128 object are cut in f32; the default of `norm` is [`Norm::Groups`]; numbers
//! are taken for amplitudes whatever the file says, unless the option `measurement` says otherwise; and
//! patches are always cut from the object, at c + (c - r(m_j)), which mirrors each position at the centre.

#[cfg(feature = "sql")]
mod absent;
mod columns;
mod combinations;
mod groups;
mod index;
mod members;
mod near;
pub(crate) mod neighbors;
mod note;
mod once;
mod options;
pub mod patch;
mod phases;
mod plan;
pub(crate) mod ptychopinn;
pub mod rng;
mod sampling;
mod spec;

#[cfg(feature = "sql")]
pub(crate) use absent::why_absent;
#[cfg(feature = "sql")]
pub(crate) use columns::fields::{KEY, NORMALIZED};
pub use groups::Groups;
pub use index::GroupIndex;
pub use members::GroupMembers;
pub use near::{DEFAULT_K, NeighborsOptions, NeighborsTable};
pub use neighbors::{Spacing, spacing};
pub use note::GroupNote;
use once::Once;
pub use options::{Center, Channels, Crop, Measure, PatternOptions};
pub use spec::{GroupSpec, IncludeSeed, Norm, Sampling, Semantics};

/// The metadata key of the spec, as JSON.
pub const SPEC_KEY: &str = "ptychoarrow.spec";

/// The metadata key of the [`PatternOptions`], as JSON.
pub const PATTERNS_KEY: &str = "ptychoarrow.patterns";

#[cfg(test)]
mod tests;
