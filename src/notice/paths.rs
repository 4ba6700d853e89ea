//! What a path in a template leads to.
//!
//! Decides how `this`, `../`, `@root`, `@index` and names given by `as |name|` are resolved, in the way handlebars does
//! it, and which columns a template thereby asks for. Never decides which helpers exist; that is `names`.

use handlebars::template::{BlockParam, HelperTemplate};
use handlebars::{Path, PathSeg};
use serde_json::Value;

use super::names::{Found, Names};

/// Names listed in a message before the list is cut.
const KNOWN_NAMES_SHOWN_MAX: usize = 30;
/// The roots that differ from one recipient to the next.
const CUSTOMER: &str = "customer";
const REFERENCE_CODE: &str = "reference_code";

/// What a path or a helper's result stands for.
#[derive(Clone)]
pub(super) struct Meaning<'v> {
    /// Every value it may be; none where nothing is known of it (a literal, a result, an item of an empty list).
    pub(super) values: Vec<&'v Value>,
    /// Whether it differs between recipients.
    pub(super) dynamic: bool,
}

impl Meaning<'_> {
    /// Something of which nothing is known.
    pub(super) fn unknown(dynamic: bool) -> Self {
        Self { values: Vec::new(), dynamic }
    }
}

/// One level of `this`.
pub(super) struct Scope<'v> {
    this: Meaning<'v>,
    /// `@index` and its like.
    locals: Vec<&'static str>,
    /// Names given by `as |name|`.
    given: Vec<(String, Meaning<'v>)>,
}

impl<'v> Scope<'v> {
    /// The outermost level: all values.
    pub(super) fn outermost(root: &'v Value) -> Self {
        Self { this: Meaning { values: vec![root], dynamic: false }, locals: Vec::new(), given: Vec::new() }
    }
}

impl<'v> Names<'v> {
    /// The level inside `{{#with}}`.
    pub(super) fn with(&self, block: &HelperTemplate, this: Meaning<'v>) -> Found<Scope<'v>> {
        if given_names(block).len() > 1 {
            return Err(self.refused("{{#with}} gives one name"));
        }
        let locals = self.scopes.last().map(|scope| scope.locals.clone()).unwrap_or_default();
        let given = given_names(block).into_iter().map(|name| (name, this.clone())).collect();
        Ok(Scope { this, locals, given })
    }

    /// The level inside `{{#each}}`: any item of the list.
    pub(super) fn items(&mut self, block: &HelperTemplate, list: &Meaning<'v>) -> Found<Scope<'v>> {
        let mut values = Vec::new();
        let mut locals = vec!["index", "first", "last"];
        for value in &list.values {
            match value {
                Value::Array(items) => values.extend(items),
                Value::Object(fields) => {
                    self.usage.all_columns |= std::ptr::eq(*value, self.customer());
                    locals.push("key");
                    values.extend(fields.values());
                }
                _ => return Err(self.refused("{{#each}} needs a list; this is a single value")),
            }
        }
        let this = Meaning { values, dynamic: list.dynamic };
        let mut names = given_names(block).into_iter();
        let mut given = Vec::new();
        given.extend(names.next().map(|item| (item, this.clone())));
        given.extend(names.next().map(|place| (place, Meaning::unknown(list.dynamic))));
        Ok(Scope { this, locals, given })
    }

    /// What a path leads to; `may_be_missing` for a column that `default` asks for.
    pub(super) fn path(&mut self, path: &Path, may_be_missing: bool) -> Found<Meaning<'v>> {
        let (segments, written) = match path {
            Path::Local((level, name, written)) => return self.local(*level, name, written),
            Path::Relative((segments, written)) => (segments, written),
        };
        let mut up = 0;
        let mut from_root = false;
        let mut names: Vec<&str> = Vec::new();
        for segment in segments {
            match segment {
                PathSeg::Named(name) => names.push(name),
                // The crate does not export the type of these; its Debug form is the rule's name in the grammar.
                other => match format!("{other:?}").as_str() {
                    "Ruled(path_root)" => from_root = true,
                    "Ruled(path_up)" => up += 1,
                    _ => return Err(self.refused(&format!("`{written}` cannot be read"))),
                },
            }
        }
        let given = names.first().filter(|_| !from_root).and_then(|name| self.given(name));
        let (start, names) = match given {
            Some(meaning) => (meaning, &names[1..]),
            None if from_root => (self.scopes[0].this.clone(), &names[..]),
            None => (self.above(up, written)?.this.clone(), &names[..]),
        };
        self.descend(start, names, written, may_be_missing)
    }

    fn descend(
        &mut self,
        start: Meaning<'v>,
        names: &[&str],
        written: &str,
        may_be_missing: bool,
    ) -> Found<Meaning<'v>> {
        let mut at = start;
        for name in names {
            let mut next = Vec::new();
            for value in std::mem::take(&mut at.values) {
                let found = child(value, name);
                if std::ptr::eq(value, self.customer()) {
                    at.dynamic = true;
                    let columns = if may_be_missing { &mut self.usage.optional } else { &mut self.usage.required };
                    columns.insert((*name).to_owned());
                    if found.is_none() && (may_be_missing || self.ground.any_column) {
                        return Ok(Meaning::unknown(true));
                    }
                } else if std::ptr::eq(value, self.ground.root) {
                    at.dynamic |= matches!(*name, CUSTOMER | REFERENCE_CODE);
                    if !matches!(*name, CUSTOMER | REFERENCE_CODE) {
                        self.usage.roots.insert((*name).to_owned());
                    }
                }
                next.push(found.ok_or_else(|| self.unknown_name(written, &children(value)))?);
            }
            at.values = next;
        }
        Ok(at)
    }

    fn local(&self, level: usize, name: &str, written: &str) -> Found<Meaning<'v>> {
        let scope = self.above(level, written)?;
        if scope.locals.contains(&name) {
            return Ok(Meaning::unknown(scope.this.dynamic));
        }
        let known = if scope.locals.is_empty() {
            "none of these outside {{#each}}".to_owned()
        } else {
            scope.locals.iter().map(|name| format!("@{name}")).collect::<Vec<_>>().join(", ")
        };
        Err(self.unknown_name(written, &known))
    }

    fn above(&self, levels: usize, written: &str) -> Found<&Scope<'v>> {
        let index = self.scopes.len().checked_sub(levels + 1);
        index
            .and_then(|index| self.scopes.get(index))
            .ok_or_else(|| self.refused(&format!("`{written}` goes up further than there are blocks")))
    }

    fn given(&self, name: &str) -> Option<Meaning<'v>> {
        let scopes = self.scopes.iter().rev();
        scopes.flat_map(|scope| &scope.given).find(|(given, _)| given == name).map(|(_, meaning)| meaning.clone())
    }

    fn customer(&self) -> &'v Value {
        &self.ground.root[CUSTOMER]
    }
}

/// The names after `as |…|`.
fn given_names(block: &HelperTemplate) -> Vec<String> {
    let given = match &block.block_param {
        Some(BlockParam::Single(one)) => vec![one],
        Some(BlockParam::Pair((one, two))) => vec![one, two],
        _ => Vec::new(),
    };
    given.into_iter().filter_map(|name| name.as_name()).map(str::to_owned).collect()
}

fn child<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    }
}

/// What there is instead, for a message.
fn children(value: &Value) -> String {
    match value {
        Value::Object(fields) if fields.len() > KNOWN_NAMES_SHOWN_MAX => {
            let shown: Vec<&str> = fields.keys().take(KNOWN_NAMES_SHOWN_MAX).map(String::as_str).collect();
            format!("{} and {} more", shown.join(", "), fields.len() - KNOWN_NAMES_SHOWN_MAX)
        }
        Value::Object(fields) => fields.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        Value::Array(items) => format!("a list of {}; walk it with {{{{#each}}}}", items.len()),
        _ => "a single value without fields".to_owned(),
    }
}
