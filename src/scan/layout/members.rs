//! Looks up the members of a file by name and shape, and says as an error what is wrong with one.

use std::path::Path;

use super::note::quote;
use super::roles::{COMBINED, Role};
use super::shape_rule::ShapeRule;
use crate::error::{Error, Remedy, Result, alternatives, nearest_name};
use crate::npz::{ArrayInfo, Member, MemberProblem};

/// What a member must be to be read at all.
pub const PLAIN_ARRAY: &str = "a plain NumPy array (numbers, text or times)";

/// Holds the members of a file.
#[derive(Debug)]
pub struct Members<'a> {
    /// The file's path, for messages.
    path: &'a Path,
    /// The members in the order of the archive's directory.
    members: &'a [Member],
}

/// Names how a member's name was compared with a known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// The names are equal letter by letter.
    Exact,
    /// The names are equal but for upper and lower case.
    AnyCase,
}

impl Spelling {
    /// Both spellings, in the order they are tried.
    pub const BOTH: [Self; 2] = [Self::Exact, Self::AnyCase];

    /// Returns whether a member's name is the known one. Names of one letter must be equal: `Y` means
    /// patches, `y` positions.
    pub fn matches(self, member: &str, known: &str) -> bool {
        match self {
            Self::Exact => member == known,
            Self::AnyCase => known.len() > 1 && member.eq_ignore_ascii_case(known),
        }
    }
}

/// Describes a member that was found by its name and shape.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The member.
    pub info: &'a ArrayInfo,
    /// How the member's name was compared with the known one.
    pub spelling: Spelling,
}

/// Describes the first member of a name that a role goes by.
#[derive(Debug, Clone, Copy)]
pub enum First<'a> {
    /// The member is an array that can fill the role.
    Array(Found<'a>),
    /// The member cannot be read.
    Unreadable(Unreadable<'a>),
}

/// Describes a member that cannot be read.
#[derive(Debug, Clone, Copy)]
pub struct Unreadable<'a> {
    /// The member's name.
    pub name: &'a str,
    /// Why it cannot be read.
    pub problem: &'a MemberProblem,
}

impl<'a> Members<'a> {
    /// Creates the list of a file's members; errors name the file.
    pub fn new(path: &'a Path, members: &'a [Member]) -> Self {
        Self { path, members }
    }

    /// Returns all members, arrays or not.
    pub fn all(&self) -> &'a [Member] {
        self.members
    }

    /// Iterates over the members that are arrays.
    pub fn arrays(&self) -> impl Iterator<Item = &'a ArrayInfo> {
        self.members
            .iter()
            .filter_map(|member| member.array.as_ref().ok())
    }

    /// Returns whether there is a member of exactly that name, array or not.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// Finds the first of the names whose array passes the rule: exact spelling through all names, then any
    /// case.
    pub fn find(&self, names: &[&str], rule: ShapeRule) -> Option<Found<'a>> {
        Spelling::BOTH
            .into_iter()
            .find_map(|spelling| self.find_spelled(names, rule, spelling))
    }

    /// Finds the first of the names, compared in this spelling, whose array passes the rule.
    pub fn find_spelled(
        &self,
        names: &[&str],
        rule: ShapeRule,
        spelling: Spelling,
    ) -> Option<Found<'a>> {
        let of_name = |name: &&str| {
            self.arrays()
                .find(|info| spelling.matches(&info.name, name) && rule.fits(info))
        };
        names
            .iter()
            .find_map(of_name)
            .map(|info| Found { info, spelling })
    }

    /// Finds the first of the names that belongs to an array that passes the rule, or to a member that cannot be read,
    /// of which nobody knows whether it would pass. Exact spelling comes first, through all names, then any case. A name
    /// of one letter says too little about a member that cannot be read.
    pub fn first(&self, names: &[&str], rule: ShapeRule) -> Option<First<'a>> {
        self.first_that(names, |member, spelling, name| match &member.array {
            Ok(info) if rule.fits(info) => Some(First::Array(Found { info, spelling })),
            Err(problem) if name.len() > 1 => Some(First::Unreadable(Unreadable {
                name: &member.name,
                problem,
            })),
            _ => None,
        })
    }

    /// Finds the first of the names that belongs to a member that cannot be read.
    pub fn unreadable(&self, names: &[&str]) -> Option<Unreadable<'a>> {
        self.first_that(names, |member, _, _| {
            let problem = member.array.as_ref().err()?;
            Some(Unreadable {
                name: &member.name,
                problem,
            })
        })
    }

    /// Returns the first answer about a member that has one of the names: exact spelling through all names, then any
    /// case.
    fn first_that<T>(
        &self,
        names: &[&str],
        answer: impl Fn(&'a Member, Spelling, &str) -> Option<T>,
    ) -> Option<T> {
        let about = |name: &str, spelling: Spelling| {
            let mut named = self
                .members
                .iter()
                .filter(|member| spelling.matches(&member.name, name));
            named.find_map(|member| answer(member, spelling, name))
        };
        Spelling::BOTH
            .into_iter()
            .find_map(|spelling| names.iter().find_map(|name| about(name, spelling)))
    }

    /// Returns the array of exactly that name.
    ///
    /// # Errors
    /// If there is no such member, or if it is no plain array.
    pub fn array(&self, name: &str) -> Result<&'a ArrayInfo> {
        let member = self
            .members
            .iter()
            .find(|member| member.name == name)
            .ok_or_else(|| {
                let available = self.names();
                let suggestion = nearest_name(name, available.iter().map(String::as_str));
                Error::NoSuchMember {
                    path: self.path.to_path_buf(),
                    member: name.to_string(),
                    available,
                    suggestion,
                }
            })?;
        member
            .array
            .as_ref()
            .map_err(|problem| self.refused(name, problem))
    }

    /// Creates the error for a role that no member fills: about a member that has its name but cannot fill
    /// it, if there is one.
    pub fn missing(&self, role: Role) -> Error {
        for name in role.members() {
            let Some(member) = self.members.iter().find(|member| member.name == *name) else {
                continue;
            };
            match &member.array {
                Err(problem) => return self.refused(name, problem),
                Ok(_) if name.len() == 1 => {}
                Ok(info) => {
                    if let Err(misfit) = self.check(info, role.rule()) {
                        return misfit;
                    }
                }
            }
        }
        let path = self.path.to_path_buf();
        Error::MissingRole {
            path,
            role: role.name(),
            expected: names_of(role),
            available: self.names(),
        }
    }

    /// Checks that the array passes the rule.
    ///
    /// # Errors
    /// [`Error::BadMember`] if it does not.
    pub fn check(&self, info: &ArrayInfo, rule: ShapeRule) -> Result<()> {
        rule.complaint(info).map_or(Ok(()), |(found, expected)| {
            Err(self.wrong(info, found, expected))
        })
    }

    /// Creates the error for a member that cannot fill its role, with the usual remedies.
    pub fn wrong(&self, info: &ArrayInfo, found: String, expected: impl Into<String>) -> Error {
        self.bad(
            &info.name,
            found,
            expected,
            vec![
                Remedy::CorrectFile,
                Remedy::NameMember {
                    role: "ROLE",
                    member: None,
                },
            ],
        )
    }

    /// Creates the error for a member that cannot fill its role.
    pub fn bad(
        &self,
        member: &str,
        found: String,
        expected: impl Into<String>,
        remedies: Vec<Remedy>,
    ) -> Error {
        let path = self.path.to_path_buf();
        Error::BadMember {
            path,
            member: member.to_string(),
            found,
            expected: expected.into(),
            remedies,
        }
    }

    /// Creates the error for a member that would fill a role and cannot be read.
    pub fn refusal(&self, role: Role, member: Unreadable<'_>) -> Error {
        let another = Remedy::NameMember {
            role: role.name(),
            member: None,
        };
        let others = vec![another, Remedy::OtherColumns];
        self.bad(
            member.name,
            member.problem.to_string(),
            PLAIN_ARRAY,
            [member.problem.remedies(), others].concat(),
        )
    }

    fn refused(&self, name: &str, problem: &MemberProblem) -> Error {
        self.bad(
            name,
            problem.to_string(),
            PLAIN_ARRAY,
            [vec![Remedy::UseAnotherMember], problem.remedies()].concat(),
        )
    }

    fn names(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| member.name.clone())
            .collect()
    }
}

/// Writes the names that a role goes by: `a`, `b` or `c`.
fn names_of(role: Role) -> String {
    let quoted: Vec<String> = role
        .members()
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let names = alternatives(&quoted);
    match role {
        Role::X | Role::Y => format!("{names}, or both in one: {}", quote(COMBINED)),
        _ => names,
    }
}
