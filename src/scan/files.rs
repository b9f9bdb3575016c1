//! The files that a scan is read from, one or two, and which of them fills which role.

use std::path::Path;
use std::sync::Arc;

use super::layout::{Layout, LayoutOptions, Note, Placed, Role, Unit};
use super::options::ScanOptions;
use crate::array::Column;
use crate::error::{Error, Result};
use crate::npz::NpzFile;

/// Describes a file of a scan.
#[derive(Debug)]
pub struct File {
    /// The archive.
    pub npz: Arc<NpzFile>,
    /// The roles of its members.
    pub layout: Layout,
}

/// Holds the files of a scan: the first, and another one that has what the first lacks, positions or patterns.
#[derive(Debug)]
pub struct Files {
    /// The file that was opened.
    pub first: File,
    /// The other file.
    pub second: Option<File>,
}

/// Describes the member that fills a role of a scan.
#[derive(Debug, Clone, Copy)]
pub struct RoleSource<'a> {
    /// The archive that the member is in.
    pub npz: &'a Arc<NpzFile>,
    /// The place of the role's data in the member.
    pub placed: &'a Placed,
}

impl RoleSource<'_> {
    /// Returns the number of rows that the role has in the member.
    pub fn num_rows(&self) -> usize {
        let info = self.npz.info(&self.placed.member);
        info.map_or(0, |info| self.placed.num_rows(&info.shape))
    }

    /// Opens the part of the member that fills the role as a column called after it, with all its rows.
    ///
    /// # Errors
    /// If the member cannot be a column.
    pub fn column(&self, role: Role) -> Result<Column> {
        Column::open(
            self.npz,
            &self.placed.member,
            role.name(),
            &self.placed.view(),
        )
    }
}

impl File {
    /// Returns whether a member fills the role.
    pub fn has(&self, role: Role) -> bool {
        self.layout.get(role).is_some()
    }

    /// Returns the member that fills a role in this file.
    pub fn source(&self, role: Role) -> Option<RoleSource<'_>> {
        let placed = self.layout.get(role)?;
        Some(RoleSource {
            npz: &self.npz,
            placed,
        })
    }

    /// Returns the number of rows of the member that fills a role in this file.
    pub fn num_rows(&self, role: Role) -> Option<usize> {
        self.source(role).map(|source| source.num_rows())
    }
}

impl Files {
    /// Opens the other file, if there is one, and finds out which members fill which roles.
    ///
    /// # Errors
    /// As [`Layout::detect`], of either file; [`Error::PatternsTwice`] if the first file lacks nothing, or both have
    /// patterns; [`Error::MissingRole`] if both lack the same.
    pub fn open(npz: Arc<NpzFile>, options: &ScanOptions) -> Result<Self> {
        let Some(path) = &options.patterns else {
            let layout = Layout::detect(&npz, &options.layout)?;
            let first = File { npz, layout };
            return Ok(Self {
                first,
                second: None,
            });
        };
        let second = Arc::new(NpzFile::open_with(path, &options.open)?);
        let [of_first, of_second] = roles_of_each(&npz, &second, &options.layout);
        let (layout, other) = layouts(&npz, &second, [&of_first, &of_second])?;
        let mut files = Self {
            first: File { npz, layout },
            second: Some(File {
                npz: second,
                layout: other,
            }),
        };
        files.complement_each_other(path)?;
        files.fit_fields(&options.layout);
        Ok(files)
    }

    /// Places probe and object of a file without patterns by the shape of the other file's patterns.
    fn fit_fields(&mut self, options: &LayoutOptions) {
        let shape = self.of_patterns().and_then(|file| {
            let source = file.source(Role::Diffraction)?;
            let info = file.npz.info(&source.placed.member)?;
            Some(source.placed.row_shape(&info.shape))
        });
        let Some(shape) = shape else { return };
        let files = std::iter::once(&mut self.first).chain(&mut self.second);
        for File { npz, layout } in files.filter(|file| !file.has(Role::Diffraction)) {
            layout.place_fields(npz, &shape, options);
        }
    }

    /// Checks that one file has the positions and the other the patterns.
    fn complement_each_other(&self, path: &Path) -> Result<()> {
        let Some(second) = &self.second else {
            return Ok(());
        };
        let first = &self.first;
        if let Some(member) = first.layout.member(Role::Diffraction)
            && (first.has(Role::X) || second.has(Role::Diffraction))
        {
            return Err(Error::PatternsTwice {
                path: first.npz.path().to_path_buf(),
                member: member.to_string(),
                patterns: path.to_path_buf(),
            });
        }
        for role in [Role::X, Role::Diffraction] {
            if !first.has(role) && !second.has(role) {
                if let Some(error) = self.unreadable(role) {
                    return Err(error);
                }
                return Err(second.layout.missing(&second.npz, role));
            }
        }
        Ok(())
    }

    /// Iterates over the files, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &File> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// Returns the file that has the positions.
    pub fn of_positions(&self) -> Option<&File> {
        self.iter().find(|file| file.has(Role::X))
    }

    /// Returns the file that has the patterns.
    pub fn of_patterns(&self) -> Option<&File> {
        self.iter().find(|file| file.has(Role::Diffraction))
    }

    /// Returns the unit of the positions.
    pub fn unit(&self) -> Unit {
        let file = self.of_positions().or(self.of_patterns());
        file.unwrap_or(&self.first).layout.unit
    }

    /// Returns the file that fills a role: for what belongs to the patterns the file of the patterns, for what
    /// belongs to the positions that of the positions, else the first; if it has no such member, the other.
    pub fn of(&self, role: Role) -> Option<&File> {
        let has = |file: &&File| file.has(role);
        match role {
            Role::X | Role::Y => self.of_positions().filter(has),
            Role::XStart | Role::YStart => {
                let of_positions = self.of_positions().filter(has);
                let elsewhere = self.iter().find(has);
                of_positions
                    .or(elsewhere.filter(|file| file.layout.unit.is_as_long_as(self.unit())))
            }
            Role::BadPixels | Role::ValidPixels => {
                let has_mask =
                    |file: &&File| file.has(Role::BadPixels) || file.has(Role::ValidPixels);
                let of_patterns = self.of_patterns().filter(has_mask);
                of_patterns
                    .or_else(|| self.iter().find(has_mask))
                    .filter(has)
            }
            Role::FrameIndex | Role::PositionIndex => {
                let of_positions = self.of_positions().filter(has);
                of_positions.or_else(|| self.iter().find(has))
            }
            _ => self.iter().find(has),
        }
    }

    /// Returns the member that fills a role.
    pub fn source(&self, role: Role) -> Option<RoleSource<'_>> {
        self.of(role)?.source(role)
    }

    /// Returns the error about the member that would fill a role and cannot be read, unless another one fills it.
    pub fn unreadable(&self, role: Role) -> Option<Error> {
        if self.of(role).is_some() {
            return None;
        }
        let is_it = |file: &&File| file.layout.unreadable(role).is_some();
        let file = self.iter().find(is_it)?;
        Some(file.layout.missing(&file.npz, role))
    }

    /// Returns what there is to know of the other file, and of what is not taken from it.
    pub fn notes_of_second(&self) -> Vec<Note> {
        let Some(second) = &self.second else {
            return Vec::new();
        };
        let known = &self.first.layout.notes;
        let notes = second.layout.notes.iter();
        let mut notes: Vec<Note> = notes
            .filter(|note| !known.contains(note))
            .cloned()
            .collect();
        if let Some(member) = second.layout.member(Role::XStart)
            && self.of(Role::XStart).is_none()
        {
            notes.push(Note::Misfit {
                member: member.to_string(),
                roles: vec![Role::XStart, Role::YStart],
                found: format!("start positions in {}", second.layout.unit),
                expected: format!("the unit of the positions, {}", self.unit()),
            });
        }
        notes
    }
}

/// Shares out the options: a role goes to the file that has the member named for it.
fn roles_of_each(first: &NpzFile, second: &NpzFile, options: &LayoutOptions) -> [LayoutOptions; 2] {
    let has = |npz: &NpzFile, name: &str| npz.members().iter().any(|member| member.name == name);
    let is_of_second = |name: &str| !has(first, name) && has(second, name);
    let with_roles = |of_second: bool| {
        let roles = options.roles.iter();
        let roles = roles.filter(|(_, name)| is_of_second(name) == of_second);
        let roles = roles.cloned().collect();
        LayoutOptions {
            roles,
            ..options.clone()
        }
    };
    [with_roles(false), with_roles(true)]
}

/// Finds the layouts of both files. A file without positions is told how many the other one has, since that
/// tells which axis counts its patterns.
fn layouts(
    first: &NpzFile,
    second: &NpzFile,
    [of_first, of_second]: [&LayoutOptions; 2],
) -> Result<(Layout, Layout)> {
    let one = Layout::detect(first, of_first);
    let other = Layout::detect(second, of_second);
    let points = |layout: &Result<Layout>| {
        let layout = layout.as_ref().ok()?;
        layout.get(Role::X).map(|_| layout.positions)
    };
    let beside = |npz: &NpzFile, options, points| {
        Layout::detect_beside(npz.path(), npz.members(), options, Some(points))
    };
    Ok(match (points(&one), points(&other)) {
        (Some(points), None) => (one?, beside(second, of_second, points)?),
        (None, Some(points)) => (beside(first, of_first, points)?, other?),
        _ => (one?, other?),
    })
}
