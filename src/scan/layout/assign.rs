//! Decides which member fills which role: as an option names it, as the layout has it, else by its name
//! alone.

use super::candidates::{self, NamedByOptions};
use super::known_layouts::LayoutMatch;
use super::members::{First, Found, Members, Spelling, Unreadable};
use super::roles::{COMBINED, Role};
use super::shape_rule::ShapeRule;
use crate::npz::ArrayInfo;

/// Names why a member fills a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// An option names it.
    Option,
    /// The known layout has it in that role.
    Layout,
    /// It has one of the role's names.
    Name,
}

/// Describes a member that fills a role.
#[derive(Debug, Clone, Copy)]
pub struct RoleMember<'a> {
    /// The role.
    pub role: Role,
    /// The member.
    pub info: &'a ArrayInfo,
    /// Why it fills the role.
    pub by: By,
    /// How its name was compared with the known one.
    pub spelling: Spelling,
}

/// Holds which member fills which role.
#[derive(Debug)]
pub struct Assignment<'a> {
    filled: Vec<RoleMember<'a>>,
    /// The roles whose member cannot be read.
    unreadable: Vec<(Role, Unreadable<'a>)>,
}

/// The roles of which one is of no use without the other.
const PAIRS: [[Role; 2]; 2] = [[Role::X, Role::Y], [Role::XStart, Role::YStart]];

impl<'a> Assignment<'a> {
    /// Fills as many roles as can be filled: options first, then the layout, then names.
    pub fn of(
        members: &Members<'a>,
        named: &NamedByOptions<'a>,
        layout: Option<&LayoutMatch<'a>>,
    ) -> Self {
        let mut assignment = Self {
            filled: Vec::new(),
            unreadable: Vec::new(),
        };
        for (role, info) in named.iter() {
            // An option that agrees with the layout leaves the unit and the column order of the layout in
            // force.
            let agrees = layout.is_some_and(|layout| layout.has(role, info));
            let by = if agrees { By::Layout } else { By::Option };
            assignment.filled.push(RoleMember {
                role,
                info,
                by,
                spelling: Spelling::Exact,
            });
        }
        for (role, found) in layout.iter().flat_map(|layout| &layout.filled) {
            assignment.offer(*role, *found, By::Layout);
        }
        for (role, member) in layout.iter().flat_map(|layout| &layout.unreadable) {
            assignment.block(*role, *member);
        }
        assignment.offer_positions(members);
        let by_name = |role: &Role| !matches!(role, Role::X | Role::Y | Role::PositionIndex);
        for role in Role::all().filter(by_name) {
            match members.first(role.members(), role.rule()) {
                Some(First::Array(found)) => assignment.offer(role, found, By::Name),
                Some(First::Unreadable(member)) => assignment.block(role, member),
                None => {}
            }
        }
        assignment.block_pairs();
        assignment.number_positions_apart(members);
        assignment
    }

    /// Gives positions and patterns of one file a frame index each, where it holds two.
    fn number_positions_apart(&mut self, members: &Members<'a>) {
        let (Some(x), Some(patterns), None) = (
            self.get(Role::X).map(|x| x.info),
            self.get(Role::Diffraction).map(|patterns| patterns.info),
            self.get(Role::PositionIndex),
        ) else {
            self.remove_lone_position_index();
            return;
        };
        let frame_index = self.get(Role::FrameIndex).copied();
        let is_named = frame_index.is_some_and(|index| index.by == By::Option);
        let indices: Vec<Found> = Role::FrameIndex
            .members()
            .iter()
            .filter_map(|name| members.find(&[name], Role::FrameIndex.rule()))
            .collect();
        let pairs = indices.iter().flat_map(|of_patterns| {
            let others = indices.iter();
            others.map(move |of_positions| (*of_patterns, *of_positions))
        });
        let found = pairs
            .filter(|(of_patterns, of_positions)| of_patterns.info.name != of_positions.info.name)
            .filter(|(of_patterns, _)| {
                let chosen = frame_index.filter(|_| is_named);
                chosen.is_none_or(|index| index.info.name == of_patterns.info.name)
            })
            .find(|(of_patterns, of_positions)| are_of(of_patterns, patterns, of_positions, x));
        let Some((of_patterns, of_positions)) = found else {
            return;
        };
        let by_of = |name: &str| match frame_index {
            Some(index) if index.info.name == name => index.by,
            _ => By::Name,
        };
        if !is_named {
            self.remove(Role::FrameIndex);
            let by = by_of(&of_patterns.info.name);
            self.offer(Role::FrameIndex, of_patterns, by);
        }
        let by = by_of(&of_positions.info.name);
        self.offer(Role::PositionIndex, of_positions, by);
    }

    /// A frame index that an option names for the positions is the only one of a file without patterns.
    fn remove_lone_position_index(&mut self) {
        let named = self.get(Role::PositionIndex).copied();
        if let (Some(index), None) = (named, self.get(Role::Diffraction)) {
            self.remove(Role::PositionIndex);
            self.remove(Role::FrameIndex);
            self.filled.push(RoleMember {
                role: Role::FrameIndex,
                ..index
            });
        }
    }

    /// Notes that the member that would fill the role cannot be read, unless another one fills it.
    fn block(&mut self, role: Role, member: Unreadable<'a>) {
        if self.get(role).is_none() && self.unreadable(role).is_none() {
            self.unreadable.push((role, member));
        }
    }

    /// Takes its role from a coordinate whose other one cannot be read.
    fn block_pairs(&mut self) {
        for pair in PAIRS {
            if let Some(member) = pair.into_iter().find_map(|role| self.unreadable(role)) {
                for role in pair {
                    self.remove(role);
                    self.block(role, member);
                }
            }
        }
    }

    /// Returns the member that would fill the role and cannot be read.
    pub fn unreadable(&self, role: Role) -> Option<Unreadable<'a>> {
        let blocked = self.unreadable.iter().find(|(blocked, _)| *blocked == role);
        blocked.map(|(_, member)| *member)
    }

    /// Returns the roles whose member cannot be read, in the order of [`Role`].
    pub fn all_unreadable(&self) -> Vec<(Role, Unreadable<'a>)> {
        Role::all()
            .filter_map(|role| self.unreadable(role).map(|member| (role, member)))
            .collect()
    }

    fn offer_positions(&mut self, members: &Members<'a>) {
        if self.unreadable(Role::X).is_some() || self.unreadable(Role::Y).is_some() {
            return;
        }
        match (self.get(Role::X), self.get(Role::Y)) {
            (None, None) => {
                let Some((x, y)) = candidates::positions(members) else {
                    self.block_positions(members);
                    return;
                };
                self.offer(Role::X, x, By::Name);
                y.into_iter().for_each(|y| self.offer(Role::Y, y, By::Name));
            }
            // A combined array holds y too.
            (Some(x), None) if x.by == By::Layout || !ShapeRule::Vector.fits(x.info) => {}
            (Some(_), None) => self.offer_by_name(members, Role::Y),
            (None, Some(_)) => self.offer_by_name(members, Role::X),
            (Some(_), Some(_)) => {}
        }
    }

    /// Notes that the positions cannot be read, if a member has one of their names. Names of one letter say too little.
    fn block_positions(&mut self, members: &Members<'a>) {
        let names = [Role::X.members(), Role::Y.members(), COMBINED].concat();
        let long: Vec<&str> = names.into_iter().filter(|name| name.len() > 1).collect();
        if let Some(member) = members.unreadable(&long) {
            self.block(Role::X, member);
        }
    }

    fn offer_by_name(&mut self, members: &Members<'a>, role: Role) {
        if let Some(found) = members.find(role.members(), role.rule()) {
            self.offer(role, found, By::Name);
        }
    }

    /// Fills the role, unless it is filled. A member that has a role gets no other but that of positions or
    /// patterns.
    fn offer(&mut self, role: Role, found: Found<'a>, by: By) {
        let Found { info, spelling } = found;
        let is_filled =
            self.get(role).is_some() || role == Role::Y && self.x_is_named_and_combined();
        let may_share = matches!(role, Role::X | Role::Y | Role::Diffraction);
        let is_filled = is_filled || self.unreadable(role).is_some();
        if !is_filled && (may_share || !self.has(&info.name)) {
            self.filled.push(RoleMember {
                role,
                info,
                by,
                spelling,
            });
        }
    }

    fn x_is_named_and_combined(&self) -> bool {
        let x = self.get(Role::X).filter(|x| x.by == By::Option);
        x.is_some_and(|x| !ShapeRule::Vector.fits(x.info) && ShapeRule::Columns.fits(x.info))
    }

    /// Returns the member in a role.
    pub fn get(&self, role: Role) -> Option<&RoleMember<'a>> {
        self.filled.iter().find(|filled| filled.role == role)
    }

    /// Returns whether positions and patterns have a frame index each.
    pub fn has_two_indices(&self) -> bool {
        [Role::Diffraction, Role::FrameIndex, Role::PositionIndex]
            .iter()
            .all(|role| self.get(*role).is_some())
    }

    /// Returns whether the member has a role.
    pub fn has(&self, name: &str) -> bool {
        self.filled.iter().any(|filled| filled.info.name == name)
    }

    /// Takes a role from its member.
    pub fn remove(&mut self, role: Role) {
        self.filled.retain(|filled| filled.role != role);
    }

    /// Iterates over all members, in the order of [`Role`].
    pub fn iter(&self) -> impl Iterator<Item = &RoleMember<'a>> {
        Role::all().filter_map(|role| self.get(role))
    }
}

/// Returns whether one index numbers the patterns and the other the positions: by the names that ptychodus gives
/// them, or because each is as long as its own side alone.
fn are_of(of_patterns: &Found, patterns: &ArrayInfo, of_positions: &Found, x: &ArrayInfo) -> bool {
    let (frames, points) = (&of_patterns.info.shape, &of_positions.info.shape);
    let counts = |index: &[usize], member: &ArrayInfo| {
        let len = index.iter().product::<usize>();
        let raster = member
            .shape
            .windows(2)
            .map(|pair| pair[0].saturating_mul(pair[1]));
        member
            .shape
            .iter()
            .copied()
            .chain(raster)
            .any(|axis| axis == len)
    };
    let by_length = counts(frames, patterns)
        && counts(points, x)
        && !(counts(points, patterns) && counts(frames, x));
    let by_name = Role::PositionIndex
        .members()
        .iter()
        .any(|name| of_positions.spelling.matches(&of_positions.info.name, name))
        && of_patterns.info.name.eq_ignore_ascii_case("indexes");
    by_name || by_length
}
