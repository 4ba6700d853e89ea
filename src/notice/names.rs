//! Whether every name in a template exists, wherever it stands.
//!
//! handlebars' strict mode looks only at what is printed, not at `{{#if}}` or a helper's parameters, and only when that
//! branch is taken. So the template's tree is walked once, before anybody is mailed, against the values that will be
//! there. Decides which names, helpers and forms a notice may use. Never renders.

use std::collections::BTreeSet;

use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path, PathSeg, Template};
use serde_json::Value;

use super::error::NoticeError;
use super::helpers::{BLOCKS, VALUES};

/// Names listed in a message before the list is cut.
const KNOWN_NAMES_SHOWN_MAX: usize = 30;
/// The roots that differ from one recipient to the next.
const CUSTOMER: &str = "customer";
const REFERENCE_CODE: &str = "reference_code";

/// What a template takes from its surroundings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Columns that every row must have.
    pub(super) required: BTreeSet<String>,
    /// Columns that only `default` asks for.
    pub(super) optional: BTreeSet<String>,
    /// The whole customer is walked over, so every column is needed.
    pub(super) all_columns: bool,
    /// Roots other than the customer and their code.
    pub(super) roots: BTreeSet<String>,
}

impl Usage {
    /// Adds what another template takes.
    pub(super) fn join(&mut self, other: Self) {
        self.required.extend(other.required);
        self.optional.extend(other.optional);
        self.roots.extend(other.roots);
        self.all_columns |= other.all_columns;
    }
}

/// What a path or a helper's result stands for.
#[derive(Clone)]
struct Meaning<'v> {
    /// Every value it may be; none where nothing is known of it (a literal, a result, an item of an empty list).
    values: Vec<&'v Value>,
    /// Whether it differs between recipients.
    dynamic: bool,
}

impl Meaning<'_> {
    fn unknown(dynamic: bool) -> Self {
        Self { values: Vec::new(), dynamic }
    }
}

/// One level of `this`.
struct Scope<'v> {
    this: Meaning<'v>,
    /// `@index` and its like.
    locals: Vec<&'static str>,
    /// Names given by `as |name|`.
    given: Vec<(String, Meaning<'v>)>,
}

/// A walk over one template.
pub(super) struct Names<'v> {
    file: &'v str,
    root: &'v Value,
    escaped: bool,
    scopes: Vec<Scope<'v>>,
    line: usize,
    usage: Usage,
}

type Found<T> = Result<T, NoticeError>;

impl<'v> Names<'v> {
    /// A walk over `file`, with `root` the values that will be there; `escaped` for an HTML template.
    pub(super) fn new(file: &'v str, root: &'v Value, escaped: bool) -> Self {
        let this = Meaning { values: vec![root], dynamic: false };
        let scopes = vec![Scope { this, locals: Vec::new(), given: Vec::new() }];
        Self { file, root, escaped, scopes, line: 1, usage: Usage::default() }
    }

    /// What was used by everything walked so far.
    pub(super) fn into_usage(self) -> Usage {
        self.usage
    }

    /// Walks a template; tells whether its text differs between recipients.
    ///
    /// # Errors
    /// [`NoticeError`] at the first name, helper or form that a notice may not use.
    pub(super) fn template(&mut self, template: &Template) -> Found<bool> {
        let mut dynamic = false;
        for (index, element) in template.elements.iter().enumerate() {
            if let Some(place) = template.mapping.get(index) {
                self.line = place.0;
            }
            dynamic |= self.element(element)?;
        }
        Ok(dynamic)
    }

    /// Walks one element.
    pub(super) fn element(&mut self, element: &TemplateElement) -> Found<bool> {
        match element {
            TemplateElement::RawString(_) | TemplateElement::Comment(_) => Ok(false),
            TemplateElement::Expression(call) => self.printed(call),
            TemplateElement::HtmlExpression(call) => {
                let dynamic = self.printed(call)?;
                if dynamic && self.escaped {
                    return Err(
                        self.refused("a customer's value is always escaped in HTML; write {{ }} with two braces")
                    );
                }
                Ok(dynamic)
            }
            TemplateElement::HelperBlock(block) => self.block(block),
            _ => Err(self.refused("partials and decorators are not part of a notice; write the text here")),
        }
    }

    /// Whether the condition of an `{{#if}}` or `{{#unless}}` differs between recipients.
    pub(super) fn condition(&mut self, block: &HelperTemplate) -> Found<bool> {
        match block.params.first() {
            Some(condition) => Ok(self.parameter(condition, false)?.dynamic),
            None => Err(self.refused("an {{#if}} needs something to ask for")),
        }
    }

    fn printed(&mut self, call: &HelperTemplate) -> Found<bool> {
        let meaning = self.call(call)?;
        if meaning.values.iter().any(|value| value.is_array() || value.is_object()) {
            let name = call.name.as_name().unwrap_or_default();
            return Err(self.refused(&format!(
                "`{name}` is a list or a group of values; use {{{{#each {name}}}}}, {{{{list {name}}}}} or one of its fields"
            )));
        }
        Ok(meaning.dynamic)
    }

    /// A name, or a helper with its parameters.
    fn call(&mut self, call: &HelperTemplate) -> Found<Meaning<'v>> {
        let Some(name) = call.name.as_name() else {
            return Err(self.refused("a call in parentheses can only be a parameter"));
        };
        let Some((_, wanted)) = VALUES.iter().find(|(known, _)| *known == name) else {
            return match &call.name {
                Parameter::Path(path) if call.params.is_empty() && call.hash.is_empty() => self.path(path, false),
                _ => Err(self.unknown_helper(name)),
            };
        };
        if call.params.len() != *wanted || !call.hash.is_empty() {
            return Err(self.refused(&format!("the helper `{name}` takes {wanted} parameter(s)")));
        }
        let mut dynamic = false;
        for (index, parameter) in call.params.iter().enumerate() {
            let may_be_missing = name == "default" && index == 0;
            dynamic |= self.parameter(parameter, may_be_missing)?.dynamic;
        }
        Ok(Meaning::unknown(dynamic))
    }

    fn parameter(&mut self, parameter: &Parameter, may_be_missing: bool) -> Found<Meaning<'v>> {
        match parameter {
            Parameter::Literal(_) => Ok(Meaning::unknown(false)),
            Parameter::Path(path) => self.path(path, may_be_missing),
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(call) if !call.params.is_empty() => self.call(call),
                _ => Err(self
                    .refused("parentheses hold a helper with its parameters, such as (default customer.name \"you\")")),
            },
            _ => Err(self.refused("this parameter cannot be read")),
        }
    }

    fn block(&mut self, block: &HelperTemplate) -> Found<bool> {
        let name = block.name.as_name().unwrap_or_default();
        if !BLOCKS.contains(&name) {
            return Err(self.unknown_helper(name));
        }
        let asks = matches!(name, "if" | "unless");
        let hash_is_known = block.hash.keys().all(|key| asks && key == "includeZero");
        if block.params.len() != 1 || !hash_is_known {
            return Err(self.refused(&format!("{{{{#{name}}}}} takes one parameter")));
        }
        let subject = self.parameter(&block.params[0], false)?;
        let mut dynamic = subject.dynamic;
        if !asks {
            let scope = if name == "each" { self.items(block, &subject)? } else { self.with(block, subject) };
            self.scopes.push(scope);
        }
        if let Some(inner) = &block.template {
            dynamic |= self.template(inner)?;
        }
        if !asks {
            self.scopes.pop();
        }
        if let Some(otherwise) = &block.inverse {
            dynamic |= self.template(otherwise)?;
        }
        Ok(dynamic)
    }

    fn with(&self, block: &HelperTemplate, this: Meaning<'v>) -> Scope<'v> {
        let locals = self.scopes.last().map(|scope| scope.locals.clone()).unwrap_or_default();
        let given = given_names(block).into_iter().map(|name| (name, this.clone())).collect();
        Scope { this, locals, given }
    }

    fn items(&mut self, block: &HelperTemplate, list: &Meaning<'v>) -> Found<Scope<'v>> {
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

    fn path(&mut self, path: &Path, may_be_missing: bool) -> Found<Meaning<'v>> {
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
                    if found.is_none() && may_be_missing {
                        return Ok(Meaning::unknown(true));
                    }
                } else if std::ptr::eq(value, self.root) {
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
        &self.root[CUSTOMER]
    }

    fn refused(&self, what: &str) -> NoticeError {
        NoticeError::Refused { file: self.file.to_owned(), line: self.line, what: what.to_owned() }
    }

    fn unknown_name(&self, name: &str, known: &str) -> NoticeError {
        NoticeError::UnknownName {
            file: self.file.to_owned(),
            line: self.line,
            name: name.to_owned(),
            known: known.to_owned(),
        }
    }

    fn unknown_helper(&self, name: &str) -> NoticeError {
        let values = VALUES.iter().map(|(name, _)| *name);
        let known: Vec<String> =
            values.map(str::to_owned).chain(BLOCKS.iter().map(|name| format!("#{name}"))).collect();
        self.unknown_name(name, &format!("as helpers: {}", known.join(", ")))
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
