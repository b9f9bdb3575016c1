//! The sources of the crate as a tree of modules, parsed: for the tests of its architecture and of its public
//! face.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree, Visibility};

use crate::support::crate_folder;

/// A module by its path from the root of the crate, whose own path is empty.
pub type ModulePath = Vec<String>;

/// A module: its items without inner modules, and without what only tests are made of.
pub struct Module {
    pub file: PathBuf,
    pub is_public: bool,
    pub is_hidden: bool,
    /// The `cfg`s that it, or a module around it, is under.
    pub cfgs: Vec<String>,
    pub items: Vec<Item>,
}

/// A name that a module imports or hands on.
#[derive(Clone)]
pub struct Import {
    pub name: String,
    pub path: Vec<String>,
    pub is_public: bool,
    pub is_hidden: bool,
    pub cfgs: Vec<String>,
}

/// All modules of the crate.
pub struct Crate {
    pub modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    /// Reads `src/lib.rs` and all that it declares.
    pub fn read() -> Self {
        let mut modules = BTreeMap::new();
        let src = crate_folder().join("src");
        let file = src.join("lib.rs");
        let items = parse(&file);
        let root = Module {
            file,
            is_public: true,
            is_hidden: false,
            cfgs: Vec::new(),
            items: Vec::new(),
        };
        add(&mut modules, Vec::new(), root, items, &src);
        Self { modules }
    }

    pub fn children(&self, of: &[String]) -> impl Iterator<Item = (&ModulePath, &Module)> {
        self.modules
            .iter()
            .filter(move |(path, _)| path.len() == of.len() + 1 && path.starts_with(of))
    }

    /// The module in which an item is defined, and the names behind it: the item, and what is in it. `None`
    /// where the path leaves the crate.
    pub fn resolve(&self, from: &[String], path: &[String]) -> Option<(ModulePath, Vec<String>)> {
        self.resolve_within(from, path, 0)
    }

    fn resolve_within(
        &self,
        from: &[String],
        path: &[String],
        depth: usize,
    ) -> Option<(ModulePath, Vec<String>)> {
        assert!(depth < 32, "{path:?} in {from:?} imports itself");
        let mut at = from.to_vec();
        let mut rest = path;
        while let Some((first, behind)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ => break,
            }
            rest = behind;
        }
        let is_relative = rest.len() == path.len();
        while let Some((first, behind)) = rest.split_first() {
            let child = [&at[..], std::slice::from_ref(first)].concat();
            if self.modules.contains_key(&child) {
                (at, rest) = (child, behind);
                continue;
            }
            let module = &self.modules[&at];
            if let Some(import) = imports(module).iter().find(|import| import.name == *first) {
                // `use proptest::collection::vec` and the like lead out of the crate.
                let starts_here = self.starts_here(&at, &import.path);
                let path = [&import.path[..], behind].concat();
                return starts_here
                    .then(|| self.resolve_within(&at, &path, depth + 1))
                    .flatten();
            }
            if is_relative && at == from && !defines(module, first) {
                return None;
            }
            break;
        }
        Some((at, rest.to_vec()))
    }

    /// Whether a path that is seen in a module starts in this crate.
    fn starts_here(&self, module: &[String], path: &[String]) -> bool {
        let first = path.first().map(String::as_str);
        let child = [module, &path[..1]].concat();
        matches!(first, Some("crate" | "super" | "self")) || self.modules.contains_key(&child)
    }
}

fn parse(file: &Path) -> Vec<Item> {
    let text = std::fs::read_to_string(file).unwrap();
    syn::parse_file(&text)
        .unwrap_or_else(|e| panic!("{}: {e}", file.display()))
        .items
}

fn add(
    modules: &mut BTreeMap<ModulePath, Module>,
    path: ModulePath,
    mut module: Module,
    items: Vec<Item>,
    folder: &Path,
) {
    for item in items.into_iter().filter(|item| !is_for_tests(item)) {
        let Item::Mod(inner) = item else {
            module.items.push(item);
            continue;
        };
        let name = inner.ident.to_string();
        let folder = folder.join(&name);
        let (file, items) = match inner.content {
            Some((_, items)) => (module.file.clone(), items),
            None => {
                let file = folder.with_extension("rs");
                let items = parse(&file);
                (file, items)
            }
        };
        let child = Module {
            file,
            is_public: matches!(inner.vis, Visibility::Public(_)),
            is_hidden: is_hidden(&inner.attrs),
            cfgs: [module.cfgs.clone(), cfgs(&inner.attrs)].concat(),
            items: Vec::new(),
        };
        let path = [&path[..], &[name]].concat();
        add(modules, path, child, items, &folder);
    }
    modules.insert(path, module);
}

/// The names that a module imports by `use`; a glob has the name `*`.
pub fn imports(module: &Module) -> Vec<Import> {
    let mut found = Vec::new();
    for item in &module.items {
        let Item::Use(item) = item else { continue };
        let template = Import {
            name: String::new(),
            path: Vec::new(),
            is_public: matches!(item.vis, Visibility::Public(_)),
            is_hidden: is_hidden(&item.attrs),
            cfgs: cfgs(&item.attrs),
        };
        leaves(&item.tree, template, &mut found);
    }
    found
}

fn leaves(tree: &UseTree, mut import: Import, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            import.path.push(path.ident.to_string());
            leaves(&path.tree, import, found);
        }
        UseTree::Group(group) => group
            .items
            .iter()
            .for_each(|tree| leaves(tree, import.clone(), found)),
        UseTree::Name(name) if name.ident == "self" => {
            import.name = import.path.last().cloned().unwrap_or_default();
            found.push(import);
        }
        UseTree::Name(name) => {
            import.name = name.ident.to_string();
            import.path.push(name.ident.to_string());
            found.push(import);
        }
        UseTree::Rename(rename) => {
            import.name = rename.rename.to_string();
            if rename.ident != "self" {
                import.path.push(rename.ident.to_string());
            }
            found.push(import);
        }
        UseTree::Glob(_) => {
            import.name = "*".to_string();
            found.push(import);
        }
    }
}

/// The paths in code that start with `crate`, `super` or `self`; those of nested `use` lists, and of macros'
/// arguments too.
pub fn paths(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Ident(ident)
                if ["crate", "super", "self"]
                    .iter()
                    .any(|start| ident == start)
                    && is_double_colon(&trees[at + 1..]) =>
            {
                at = path(&trees, at, Vec::new(), &mut found);
            }
            TokenTree::Group(group) => {
                found.extend(paths(group.stream()));
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

fn is_double_colon(trees: &[TokenTree]) -> bool {
    let is_colon = |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    is_colon(trees.first()) && is_colon(trees.get(1))
}

/// Reads the path that starts at an index, behind a prefix; answers the index behind it.
fn path(
    trees: &[TokenTree],
    mut at: usize,
    prefix: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let mut names = prefix;
    loop {
        match trees.get(at) {
            Some(TokenTree::Ident(ident)) => names.push(ident.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut start = 0;
                while start < inner.len() {
                    start = path(&inner, start, names.clone(), found).max(start + 1);
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        if !is_double_colon(&trees[at.min(trees.len())..]) {
            break;
        }
        at += 2;
    }
    if names.last().is_some_and(|name| name == "self") && names.len() > 1 {
        names.pop();
    }
    found.push(names);
    at
}

/// The tokens of a module's own items.
pub fn tokens(module: &Module) -> TokenStream {
    module.items.iter().map(ToTokens::to_token_stream).collect()
}

fn defines(module: &Module, name: &str) -> bool {
    module
        .items
        .iter()
        .any(|item| name_of(item).is_some_and(|defined| defined == name))
}

/// The name of an item that has one.
pub fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The attributes of an item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(item: &Item) -> bool {
    cfgs(attributes(item)).iter().any(|cfg| cfg == "test")
}

/// Whether documentation leaves something out.
pub fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute
                .meta
                .to_token_stream()
                .to_string()
                .contains("hidden")
    })
}

/// The conditions of `#[cfg(..)]`.
pub fn cfgs(attributes: &[Attribute]) -> Vec<String> {
    let cfgs = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    let condition = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    };
    cfgs.map(condition).collect()
}
