//! Random lists of members: detection never panics, and places never lie outside.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const NAMES: &[&str] = &[
    "xcoords",
    "ycoords",
    "XCOORDS",
    "xcoords_start",
    "ycoords_start",
    "x",
    "y",
    "Y",
    "ppX",
    "ppY",
    "position",
    "scan",
    "coords",
    "diffraction",
    "diff3d",
    "patterns",
    "data",
    "DATA",
    "arr_0",
    "reciprocal",
    "probe",
    "probeGuess",
    "object",
    "psi",
    "real",
    "indexes",
    "scan_index",
    "bad_pixels",
    "valid_pixel_mask",
    "pixelsize",
    "nn_indices",
    "coords_offsets",
    "probe_position_x_m",
    "probe_position_y_m",
    "name",
    "other",
    "",
];

const SCALARS: &[Scalar] = &[
    Scalar::Bool,
    Scalar::Int32,
    Scalar::UInt16,
    Scalar::Float16,
    Scalar::Float64,
    Scalar::Complex64,
];

fn member() -> impl Strategy<Value = Member> {
    let axis = select(&[0, 1, 1, 2, 2, 3, 4, 6, 8, 9, usize::MAX][..]);
    let shape = proptest::collection::vec(axis, 0..6);
    (select(NAMES), select(SCALARS), shape, 0..12u8).prop_map(|(name, scalar, shape, readable)| {
        match readable {
            0 => pickled(name),
            _ => of_scalar(name, scalar, "?", &shape),
        }
    })
}

/// As an archive has them: no two of one name.
fn members() -> impl Strategy<Value = Vec<Member>> {
    proptest::collection::vec(member(), 0..9).prop_map(|members| {
        let mut seen = std::collections::HashSet::new();
        members
            .into_iter()
            .filter(|member| seen.insert(member.name.clone()))
            .collect()
    })
}

fn options() -> impl Strategy<Value = LayoutOptions> {
    let role = (select(Role::all().collect::<Vec<_>>()), select(NAMES))
        .prop_map(|(role, name)| (role, name.to_string()));
    let roles = prop_oneof![Just(Vec::new()), proptest::collection::vec(role, 0..3)];
    let axis = select(&[None, Some(PatternAxis::First), Some(PatternAxis::Last)][..]);
    let order = select(&[None, Some("yx"), Some("zyx"), Some("x___y")][..]);
    (roles, axis, order).prop_map(|(roles, pattern_axis, order)| LayoutOptions {
        roles,
        pattern_axis,
        position_order: order.map(|order| order.parse().unwrap()),
        ..Default::default()
    })
}

fn check(layout: &Layout, members: &[Member]) {
    let shape = |name: &str| {
        let array = members
            .iter()
            .find(|member| member.name == name)
            .and_then(|member| member.array.as_ref().ok());
        array.unwrap().shape.clone()
    };
    for (role, placed) in &layout.roles {
        let shape = shape(&placed.member);
        let mut axes: Vec<usize> = placed.rows.clone();
        axes.extend(placed.fixed.iter().map(|(axis, _)| *axis));
        assert!(
            axes.iter().all(|axis| *axis < shape.len()),
            "{role:?} {placed:?} of {shape:?}"
        );
        assert!(
            placed
                .fixed
                .iter()
                .all(|(axis, index)| *index < shape[*axis]),
            "{role:?} {placed:?} of {shape:?}"
        );
        axes.sort();
        axes.dedup();
        assert_eq!(
            axes.len(),
            placed.rows.len() + placed.fixed.len(),
            "no axis twice: {placed:?}"
        );
        let (rows, row_axes) = (placed.num_rows(&shape), placed.row_shape(&shape).len());
        match role {
            Role::Probe | Role::Object => assert_eq!(row_axes, 2),
            Role::BadPixels | Role::ValidPixels => assert_eq!((rows, row_axes), (1, 2)),
            Role::PixelSize => assert_eq!((rows, row_axes), (1, 0)),
            Role::Diffraction | Role::ObjectPatches => {
                assert_eq!((rows, row_axes), (layout.positions, 2))
            }
            _ => assert_eq!((rows, row_axes), (layout.positions, 0), "{role:?}"),
        }
    }
    assert_eq!(layout.get(Role::X).is_some(), layout.get(Role::Y).is_some());
    assert_eq!(
        layout.get(Role::XStart).is_some(),
        layout.get(Role::YStart).is_some()
    );
    assert!(!layout.reason.contains('\n'));
}

properties! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn detection_never_panics(members in members(), options in options()) {
        match detect_with(&members, &options) {
            Ok(layout) => check(&layout, &members),
            Err(error) => prop_assert!(error.report().starts_with("a.npz: ")),
        }
    }

    /// The order of members in the file decides nothing, where no name is there twice.
    #[test]
    fn order_in_the_file_does_not_matter(mut members in proptest::collection::vec(member(), 0..9)) {
        members.sort_by_key(|member| member.name.to_ascii_lowercase());
        members.dedup_by_key(|member| member.name.to_ascii_lowercase());
        let name = |members: &[Member]| detect_with(members, &Default::default()).ok().map(|layout| (layout.name, layout.roles));
        let forward = name(&members);
        members.reverse();
        prop_assert_eq!(forward, name(&members));
    }
}
