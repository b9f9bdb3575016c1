//! The public face of the crate: all that users can name, listed, so that a change is seen in review.
//!
//! The list is read from the sources and does not depend on the features that the test is built with: what is
//! under a `cfg` is there, with its condition. Left out: the module `cli`, what is `#[doc(hidden)]`,
//! implementations of traits, and methods that a macro writes.

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, TraitItem, Type, Visibility};

use crate::source::{Crate, ModulePath, attributes, cfgs, imports, is_hidden, name_of};

/// Types, functions, traits, constants and methods in all. More of them is more to keep stable.
const ITEMS: usize = 486;

/// An item by the module that defines it, and its name.
type Definition = (ModulePath, String);

/// The places an item can be reached at, and the conditions it is under.
#[derive(Default)]
struct Places {
    paths: BTreeSet<String>,
    cfgs: BTreeSet<String>,
}

struct Line {
    kind: &'static str,
    path: String,
    signature: String,
    cfgs: BTreeSet<String>,
}

impl Line {
    fn text(&self) -> String {
        let Self {
            kind,
            path,
            signature,
            cfgs,
        } = self;
        let cfgs: String = cfgs.iter().map(|cfg| format!(" [{cfg}]")).collect();
        format!("{kind} {path}{signature}{cfgs}")
    }
}

struct Face<'a> {
    source: &'a Crate,
    items: BTreeMap<Definition, Places>,
    lines: Vec<Line>,
}

impl Face<'_> {
    /// Everything that can be reached in a module, which itself can be reached at a path.
    fn visit(&mut self, module: &[String], at: &str, above: &BTreeSet<String>) {
        let source = self.source;
        let this = &source.modules[module];
        let conditions: BTreeSet<String> = above.iter().chain(&this.cfgs).cloned().collect();
        let is_left_out = |path: &[String]| path == ["cli"];
        for (path, child) in source.children(module) {
            if child.is_public && !child.is_hidden && !is_left_out(path) {
                let at = join(at, &path[path.len() - 1]);
                self.line(
                    "mod",
                    &at,
                    "",
                    &[&conditions, &child.cfgs.iter().cloned().collect()],
                );
                self.visit(path, &at, &conditions);
            }
        }
        for item in &this.items {
            if let (Some(name), true) = (name_of(item), is_public(item)) {
                let cfgs = cfgs(attributes(item));
                self.found(
                    (module.to_vec(), name.clone()),
                    join(at, &name),
                    &conditions,
                    &cfgs,
                );
            }
        }
        for import in imports(this) {
            if !import.is_public || import.is_hidden {
                continue;
            }
            assert_ne!(import.name, "*", "{at} hands on all of {:?}", import.path);
            let place = join(at, &import.name);
            match source.resolve(module, &import.path) {
                Some((of, rest)) if rest.is_empty() => self.visit(&of, &place, &conditions),
                Some((of, rest)) if rest.len() == 1 => {
                    self.found((of, rest[0].clone()), place, &conditions, &import.cfgs);
                }
                _ => {
                    let signature = format!(" = {}", import.path.join("::"));
                    self.line("use", &place, &signature, &[&conditions]);
                }
            }
        }
    }

    fn found(
        &mut self,
        item: Definition,
        path: String,
        conditions: &BTreeSet<String>,
        cfgs: &[String],
    ) {
        let places = self.items.entry(item).or_default();
        places.paths.insert(path);
        places.cfgs.extend(conditions.iter().chain(cfgs).cloned());
    }

    fn line(
        &mut self,
        kind: &'static str,
        path: &str,
        signature: &str,
        cfgs: &[&BTreeSet<String>],
    ) {
        self.lines.push(Line {
            kind,
            path: path.to_string(),
            signature: signature.to_string(),
            cfgs: cfgs.iter().copied().flatten().cloned().collect(),
        });
    }

    /// The lines of an item that was found, and of what is in it.
    fn describe(&mut self, (module, name): &Definition, places: &Places) {
        // Where it is defined if it can be reached there, else the shortest way; the others are told as such.
        let defined = join(&module.join("::"), name);
        let shortest = places
            .paths
            .iter()
            .min_by_key(|path| path.matches("::").count());
        let path = places.paths.get(&defined).or(shortest).unwrap().clone();
        for other in places.paths.iter().filter(|other| **other != path) {
            self.line("use", other, &format!(" = {path}"), &[&places.cfgs]);
        }
        let source = self.source;
        let of_name = |item: &&Item| name_of(item).is_some_and(|found| found == *name);
        let Some(item) = source.modules[module].items.iter().find(of_name) else {
            return self.line("type", &path, " (by a macro)", &[&places.cfgs]);
        };
        let mark = match attributes(item)
            .iter()
            .any(|a| a.path().is_ident("non_exhaustive"))
        {
            true => " non_exhaustive",
            false => "",
        };
        let cfgs = &[&places.cfgs][..];
        match item {
            Item::Fn(item) => self.line("fn", &path, &signature(&item.sig), cfgs),
            Item::Const(item) => self.line("const", &path, &format!(": {}", tidy(&item.ty)), cfgs),
            Item::Static(item) => {
                self.line("static", &path, &format!(": {}", tidy(&item.ty)), cfgs)
            }
            Item::Type(item) => {
                let signature = format!("{} = {}", tidy(&item.generics), tidy(&item.ty));
                self.line("type", &path, &signature, cfgs);
            }
            Item::Struct(item) => {
                self.line(
                    "struct",
                    &path,
                    &format!("{}{mark}", tidy(&item.generics)),
                    cfgs,
                );
                for (place, field) in item.fields.iter().enumerate() {
                    if matches!(field.vis, Visibility::Public(_)) && !is_hidden(&field.attrs) {
                        let name = field
                            .ident
                            .as_ref()
                            .map_or(place.to_string(), ToString::to_string);
                        let signature = format!(".{name}: {}", tidy(&field.ty));
                        self.line("field", &path, &signature, cfgs);
                    }
                }
            }
            Item::Enum(item) => {
                self.line(
                    "enum",
                    &path,
                    &format!("{}{mark}", tidy(&item.generics)),
                    cfgs,
                );
                for variant in item.variants.iter().filter(|v| !is_hidden(&v.attrs)) {
                    let fields = match &variant.fields {
                        Fields::Unit => String::new(),
                        Fields::Unnamed(fields) => tidy(&without_docs(fields.unnamed.clone())),
                        Fields::Named(fields) => tidy(&without_docs(fields.named.clone())),
                    };
                    let fields = match &variant.fields {
                        Fields::Unit => fields,
                        Fields::Unnamed(_) => format!("({fields})"),
                        Fields::Named(_) => format!(" {{ {fields} }}"),
                    };
                    let path = join(&path, &variant.ident.to_string());
                    self.line("variant", &path, &fields, cfgs);
                }
            }
            Item::Trait(item) => {
                let bounds = match item.supertraits.is_empty() {
                    true => String::new(),
                    false => format!(": {}", tidy(&item.supertraits)),
                };
                self.line(
                    "trait",
                    &path,
                    &format!("{}{bounds}", tidy(&item.generics)),
                    cfgs,
                );
                for item in &item.items {
                    match item {
                        TraitItem::Fn(method) if !is_hidden(&method.attrs) => {
                            let kind = match method.default {
                                Some(_) => "provided method",
                                None => "required method",
                            };
                            let path = join(&path, &method.sig.ident.to_string());
                            self.line(kind, &path, &signature(&method.sig), cfgs);
                        }
                        TraitItem::Type(item) => {
                            self.line("type", &join(&path, &item.ident.to_string()), "", cfgs)
                        }
                        TraitItem::Const(item) => {
                            let path = join(&path, &item.ident.to_string());
                            self.line("const", &path, &format!(": {}", tidy(&item.ty)), cfgs);
                        }
                        _ => {}
                    }
                }
            }
            other => panic!("{path} is of an unknown kind: {}", tidy(other)),
        }
        self.methods((module, name), &path, &places.cfgs);
    }

    /// The inherent methods and constants of a type, wherever in the crate they stand.
    fn methods(
        &mut self,
        (module, name): (&ModulePath, &String),
        path: &str,
        above: &BTreeSet<String>,
    ) {
        let source = self.source;
        for (at, place) in &source.modules {
            for item in &place.items {
                let Item::Impl(item) = item else { continue };
                let Type::Path(of) = &*item.self_ty else {
                    continue;
                };
                let of: Vec<String> = of
                    .path
                    .segments
                    .iter()
                    .map(|s| s.ident.to_string())
                    .collect();
                let is_of_type = source
                    .resolve(at, &of)
                    .is_some_and(|(of, rest)| of == *module && rest.iter().eq([name]));
                if item.trait_.is_some() || !is_of_type {
                    continue;
                }
                let around: BTreeSet<String> = place
                    .cfgs
                    .iter()
                    .cloned()
                    .chain(cfgs(&item.attrs))
                    .collect();
                for item in &item.items {
                    self.method(item, path, &[above, &around]);
                }
            }
        }
    }

    fn method(&mut self, item: &ImplItem, path: &str, above: &[&BTreeSet<String>]) {
        let (attributes, visibility) = match item {
            ImplItem::Fn(item) => (&item.attrs, &item.vis),
            ImplItem::Const(item) => (&item.attrs, &item.vis),
            _ => return,
        };
        let cfgs: BTreeSet<String> = cfgs(attributes).into_iter().collect();
        if !matches!(visibility, Visibility::Public(_))
            || is_hidden(attributes)
            || cfgs.contains("test")
        {
            return;
        }
        let above = [above, &[&cfgs]].concat();
        match item {
            ImplItem::Fn(item) => {
                self.line(
                    "method",
                    &join(path, &item.sig.ident.to_string()),
                    &signature(&item.sig),
                    &above,
                );
            }
            ImplItem::Const(item) => {
                let path = join(path, &item.ident.to_string());
                self.line("const", &path, &format!(": {}", tidy(&item.ty)), &above);
            }
            _ => {}
        }
    }
}

fn is_public(item: &Item) -> bool {
    let visibility = match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Union(item) => &item.vis,
        _ => return false,
    };
    matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes(item))
}

fn without_docs(
    fields: syn::punctuated::Punctuated<syn::Field, syn::Token![,]>,
) -> syn::punctuated::Punctuated<syn::Field, syn::Token![,]> {
    let without = |mut field: syn::Field| {
        field.attrs.clear();
        field
    };
    fields.into_iter().map(without).collect()
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_string(),
        path => format!("{path}::{name}"),
    }
}

/// A function's signature behind its name.
fn signature(signature: &syn::Signature) -> String {
    let mut unnamed = signature.clone();
    for input in &mut unnamed.inputs {
        match input {
            syn::FnArg::Typed(typed) => typed.attrs.clear(),
            syn::FnArg::Receiver(receiver) => {
                receiver.attrs.clear();
                // `mut self` is the body's own affair.
                receiver.mutability = receiver.reference.as_ref().and(receiver.mutability);
            }
        }
    }
    let text = tidy(&unnamed);
    let name = format!("fn {}", signature.ident);
    let (before, behind) = text.split_once(&name).unwrap();
    match before.trim() {
        "" => behind.to_string(),
        qualifiers => format!("{behind} ({qualifiers})"),
    }
}

/// Tokens on one line, with blanks where people put them.
fn tidy(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string().replace('\n', " ");
    let blanks = [
        (" :: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" :", ":"),
        ("( ", "("),
        (" )", ")"),
        (" (", "("),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        ("->(", "-> ("),
        (",)", ")"),
        (",>", ">"),
        (":(", ": ("),
        (",(", ", ("),
        ("=(", "= ("),
        ("? ", "?"),
    ];
    for (from, to) in blanks {
        text = text.replace(from, to);
    }
    text.trim().trim_end_matches(',').to_string()
}

fn face() -> Vec<Line> {
    let source = Crate::read();
    let mut face = Face {
        source: &source,
        items: BTreeMap::new(),
        lines: Vec::new(),
    };
    face.visit(&[], "", &BTreeSet::new());
    for (item, places) in std::mem::take(&mut face.items) {
        face.describe(&item, &places);
    }
    let mut lines = face.lines;
    // An item before what is in it.
    lines.sort_by_cached_key(|line| (line.path.clone(), line.kind == "field", line.text()));
    lines
}

#[test]
fn the_public_face_is_the_one_agreed_on() {
    let lines = face();
    let count = |kinds: &[&str]| {
        lines
            .iter()
            .filter(|line| kinds.contains(&line.kind))
            .count()
    };
    let counted = [
        ("types", count(&["struct", "enum", "type"])),
        ("functions", count(&["fn"])),
        ("traits", count(&["trait"])),
        ("constants", count(&["const", "static"])),
        (
            "methods",
            count(&["method", "required method", "provided method"]),
        ),
    ];
    let items: usize = counted.iter().map(|(_, count)| count).sum();
    let others = [
        ("modules", count(&["mod"])),
        ("fields", count(&["field"])),
        ("variants", count(&["variant"])),
        ("further paths", count(&["use"])),
    ];
    let shown = |counts: &[(&str, usize)]| {
        let counts: Vec<String> = counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        counts.join(", ")
    };
    let head = format!(
        "{items} items: {}; beside them {}",
        shown(&counted),
        shown(&others)
    );
    println!("{head}");
    let text: Vec<String> = lines.iter().map(Line::text).collect();
    let list = format!("{head}\n\n{}", text.join("\n"));
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!("public", list) });
    assert_eq!(
        items, ITEMS,
        "the number of items, here and in the snapshot"
    );
}
