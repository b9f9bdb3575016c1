//! The members of a file, looked up by name and form; what is wrong with them, as errors.

use std::path::Path;

use super::form::Form;
use super::roles::{COMBINED, Role};
use crate::error::{Error, Parameter, Remedy, Result, nearest_name};
use crate::npz::{ArrayInfo, Member, MemberProblem};

/// The members of a file.
#[derive(Debug)]
pub struct Archive<'a> {
    /// For messages.
    path: &'a Path,
    /// In the order of the directory.
    members: &'a [Member],
}

/// How a member's name was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Letter by letter.
    Exact,
    /// Upper and lower case are the same.
    AnyCase,
}

impl Spelling {
    /// Both, in the order they are tried.
    pub const BOTH: [Self; 2] = [Self::Exact, Self::AnyCase];

    /// Whether a member's name is the known one. `Y` is the patches, `y` somebody's positions: one letter is too little
    /// to go by in another case.
    pub fn matches(self, member: &str, known: &str) -> bool {
        match self {
            Self::Exact => member == known,
            Self::AnyCase => known.len() > 1 && member.eq_ignore_ascii_case(known),
        }
    }
}

/// A member that was found by its name and form.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The member.
    pub info: &'a ArrayInfo,
    /// How its name was compared.
    pub spelling: Spelling,
}

impl<'a> Archive<'a> {
    /// The members of a file, which is named in errors.
    pub fn new(path: &'a Path, members: &'a [Member]) -> Self {
        Self { path, members }
    }

    /// The members, arrays or not.
    pub fn members(&self) -> &'a [Member] {
        self.members
    }

    /// The members that are arrays.
    pub fn arrays(&self) -> impl Iterator<Item = &'a ArrayInfo> {
        self.members
            .iter()
            .filter_map(|member| member.array.as_ref().ok())
    }

    /// Whether there is a member of exactly that name, array or not.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// The first of the names that is an array of this form: exact spelling through all names, then any case.
    pub fn find(&self, names: &[&str], form: Form) -> Option<Found<'a>> {
        Spelling::BOTH
            .into_iter()
            .find_map(|spelling| self.find_spelled(names, form, spelling))
    }

    /// The first of the names, so spelled, that is an array of this form.
    pub fn find_spelled(
        &self,
        names: &[&str],
        form: Form,
        spelling: Spelling,
    ) -> Option<Found<'a>> {
        let of_name = |name: &&str| {
            self.arrays()
                .find(|info| spelling.matches(&info.name, name) && form.fits(info))
        };
        names
            .iter()
            .find_map(of_name)
            .map(|info| Found { info, spelling })
    }

    /// The array of exactly that name.
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
            .map_err(|problem| self.unreadable(name, problem))
    }

    /// Why no member fills the role: one that has its name but cannot be it, else that there is none.
    pub fn missing(&self, role: Role) -> Error {
        for name in role.members() {
            let Some(member) = self.members.iter().find(|member| member.name == *name) else {
                continue;
            };
            match &member.array {
                Err(problem) => return self.unreadable(name, problem),
                Ok(_) if name.len() == 1 => {}
                Ok(info) => {
                    if let Err(misfit) = self.check(info, role.form()) {
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

    /// Whether the array is of this form.
    ///
    /// # Errors
    /// [`Error::BadMember`] if it is not.
    pub fn check(&self, info: &ArrayInfo, form: Form) -> Result<()> {
        form.complaint(info).map_or(Ok(()), |(found, expected)| {
            Err(self.wrong(info, found, expected))
        })
    }

    /// A member that cannot serve, with the usual advice.
    pub fn wrong(&self, info: &ArrayInfo, found: String, expected: impl Into<String>) -> Error {
        self.bad(
            &info.name,
            found,
            expected,
            vec![
                Remedy::CorrectFile,
                Remedy::Set(Parameter::Role, "ROLE=NAME"),
            ],
        )
    }

    /// A member that cannot serve.
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

    fn unreadable(&self, name: &str, problem: &MemberProblem) -> Error {
        let expected = "a plain NumPy array (numbers, text or times)";
        self.bad(
            name,
            problem.to_string(),
            expected,
            vec![Remedy::UseAnotherMember, Remedy::SaveAsPlainArray],
        )
    }

    fn names(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| member.name.clone())
            .collect()
    }
}

/// The names a role goes by: `a`, `b` or `c`.
fn names_of(role: Role) -> String {
    let quoted: Vec<String> = role
        .members()
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let names = match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    };
    match role {
        Role::X | Role::Y => format!("{names}, or both in one: {}", quote(COMBINED)),
        _ => names,
    }
}

/// Names for people: `a`, `b` and 3 more.
pub fn quote(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
