//! Draws the neighbour groups that PtychoPINN draws, index for index.
//!
//! PtychoPINN picks groups with NumPy's legacy global random stream and `scipy.spatial.cKDTree`. Both are
//! deterministic, so its index table is a function of the positions and the arguments; this module computes
//! that function without Python. It is kept apart from native grouping, which breaks distance ties by scan
//! point and gives every group its own stream.
//!
//! * [`groups`]: the checks in their order, and the branches with at most one group per seed point;
//! * `pool`: the branch with group oversampling;
//! * [`call`]: the arguments, the result and the errors of a call;
//! * `neighborhood`: seed points and their neighbours, for both branches;
//! * [`stream`]: the random stream, `permutation` and `choice`;
//! * [`tree`]: the k-d tree whose leaf order, visiting order and heap decide equal distances;
//! * `select`: the selection and partition that the tree is built with;
//! * `heap`: the binary heap that its queries use;
//! * `rules`: the translation from [`GroupSpec`](super::GroupSpec) and to [`Error`](crate::Error).
//!
//! Ties follow an x86-64 Linux build of SciPy: the order of `std::nth_element` is the C++ library's own
//! choice, so PtychoPINN itself draws other groups elsewhere where distances are equal (rasters, repeated
//! positions).
//!
//! ```
//! use ptychoarrow::internals::{Call, table};
//!
//! // A 4 x 4 raster: every distance is a tie.
//! let (x, y): (Vec<f64>, Vec<f64>) = (0..16).map(|i| (f64::from(i % 4), f64::from(i / 4))).unzip();
//! let call = Call { gridsize: 2, neighbors: 6, n_groups: 2, seed: 42, ..Call::default() };
//! let drawn = table(&x, &y, &call).expect("16 positions are enough");
//! assert_eq!(drawn.seed_points, [0, 1]);
//! assert_eq!(drawn.members, [1, 5, 6, 8, 0, 3, 4, 5]);
//! ```

pub mod call;
pub mod groups;
mod heap;
mod neighborhood;
mod pool;
pub(super) mod rules;
mod select;
pub mod stream;
pub mod tree;

pub use call::{Call, Refusal};
pub use groups::table;
#[doc(hidden)]
pub use groups::table_and_next;
