//! Whether every name in a template exists, wherever it stands.
//!
//! handlebars' strict mode looks only at what is printed, not at `{{#if}}` or a helper's parameters, and only when that
//! branch is taken. So the template's tree is walked once, before anybody is mailed, against the values that will be
//! there. Decides which names, helpers and forms a notice may use. Never renders.

use std::collections::BTreeSet;

use handlebars::Template;
use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use serde_json::Value;

use super::error::NoticeError;
use super::helpers::{BLOCKS, VALUES};
use super::paths::{Meaning, Scope};

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

/// What a template is checked against.
#[derive(Clone, Copy)]
pub(super) struct Ground<'v> {
    /// The template's path, for messages.
    pub(super) file: &'v str,
    /// The values that will be there; the customer's are stand-ins.
    pub(super) root: &'v Value,
    /// Whether it is the HTML part.
    pub(super) escaped: bool,
    /// Whether any column may be named, because nobody was imported yet.
    pub(super) any_column: bool,
}

/// A walk over one template.
pub(super) struct Names<'v> {
    pub(super) ground: Ground<'v>,
    pub(super) scopes: Vec<Scope<'v>>,
    pub(super) usage: Usage,
    line: usize,
}

/// What a walk finds, or the first thing that is wrong.
pub(super) type Found<T> = Result<T, NoticeError>;

impl<'v> Names<'v> {
    /// A walk that has not begun.
    pub(super) fn new(ground: Ground<'v>) -> Self {
        Self { ground, scopes: vec![Scope::outermost(ground.root)], usage: Usage::default(), line: 1 }
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
                if dynamic && self.ground.escaped {
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
            let scope = if name == "each" { self.items(block, &subject)? } else { self.with(block, subject)? };
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

    /// An error about a form at the present line.
    pub(super) fn refused(&self, what: &str) -> NoticeError {
        NoticeError::Refused { file: self.ground.file.to_owned(), line: self.line, what: what.to_owned() }
    }

    /// An error about a name at the present line.
    pub(super) fn unknown_name(&self, name: &str, known: &str) -> NoticeError {
        NoticeError::UnknownName {
            file: self.ground.file.to_owned(),
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
