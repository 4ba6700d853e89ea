//! Binding what is the same for everybody into a template, once per campaign and locale.
//!
//! Rendering the incident again for each of 100,000 recipients costs more than the rest of their message. So every element
//! that does not depend on the customer is rendered once and becomes plain text of the template; what is left is rendered
//! per recipient. Decides nothing about content: the bound template gives the same text as the unbound one.

use handlebars::template::{HelperTemplate, TemplateElement};
use handlebars::{Context, Handlebars, Output, RenderContext, Renderable as _, Template};

use super::error::NoticeError;
use super::names::{Ground, Names};

/// Stands for whatever differs between recipients in the text of a template.
pub(super) const GAP: char = '\u{fffc}';

/// What a template is bound with.
pub(super) struct Binding<'a> {
    /// The names and values.
    pub(super) ground: Ground<'a>,
    /// Helpers and escaping.
    pub(super) registry: &'a Handlebars<'static>,
    /// The ground's values, as handlebars takes them.
    pub(super) context: &'a Context,
}

impl Binding<'_> {
    /// The template with everything bound that does not depend on the recipient. All its names were checked before.
    ///
    /// # Errors
    /// [`NoticeError`] where such an element cannot be rendered, for instance `date` of something that is none.
    pub(super) fn bind(&self, template: Template) -> Result<Template, NoticeError> {
        let mut bound = Template::new();
        let lines = template.mapping;
        for (index, element) in template.elements.into_iter().enumerate() {
            let place = lines.get(index).cloned();
            let line = place.as_ref().map_or(0, |place| place.0);
            for element in self.element(element, line)? {
                if let (TemplateElement::RawString(text), Some(TemplateElement::RawString(last))) =
                    (&element, bound.elements.last_mut())
                {
                    last.push_str(text);
                    continue;
                }
                bound.elements.push(element);
                bound.mapping.extend(place.clone());
            }
        }
        Ok(bound)
    }

    fn element(&self, element: TemplateElement, line: usize) -> Result<Vec<TemplateElement>, NoticeError> {
        if matches!(element, TemplateElement::RawString(_)) {
            return Ok(vec![element]);
        }
        if !self.names().element(&element)? {
            return Ok(vec![TemplateElement::RawString(self.text_of(element, line)?)]);
        }
        match element {
            TemplateElement::HelperBlock(block) if matches!(block.name.as_name(), Some("if" | "unless")) => {
                self.question(*block, line)
            }
            other => Ok(vec![other]),
        }
    }

    /// An `{{#if}}` whose branches depend on the recipient: one branch where the condition does not, else both, bound.
    fn question(&self, mut block: HelperTemplate, line: usize) -> Result<Vec<TemplateElement>, NoticeError> {
        let dynamic = self.names().condition(&block)?;
        let yes = block.template.take();
        let no = block.inverse.take();
        if !dynamic {
            let mut probe = Template::new();
            probe.elements.push(TemplateElement::RawString("yes".into()));
            block.template = Some(probe);
            let holds = !self.text_of(TemplateElement::HelperBlock(Box::new(block)), line)?.is_empty();
            let chosen = if holds { yes } else { no };
            return Ok(chosen
                .map(|branch| self.bind(branch))
                .transpose()?
                .map(|branch| branch.elements)
                .unwrap_or_default());
        }
        block.template = yes.map(|branch| self.bind(branch)).transpose()?;
        block.inverse = no.map(|branch| self.bind(branch)).transpose()?;
        Ok(vec![TemplateElement::HelperBlock(Box::new(block))])
    }

    fn names(&self) -> Names<'_> {
        Names::new(self.ground)
    }

    fn text_of(&self, element: TemplateElement, line: usize) -> Result<String, NoticeError> {
        let mut template = Template::new();
        template.elements.push(element);
        fill(&template, self.registry, self.context, LimitedText::new(0)).map_err(|error| NoticeError::Refused {
            file: self.ground.file.to_owned(),
            line: error.line_no.unwrap_or(line),
            what: error.reason().to_string(),
        })
    }
}

/// Renders a template into `out`; gives its text.
pub(super) fn fill(
    template: &Template,
    registry: &Handlebars<'_>,
    context: &Context,
    mut out: LimitedText,
) -> Result<String, handlebars::RenderError> {
    let mut state = RenderContext::new(None);
    template.render(registry, context, &mut state, &mut out)?;
    Ok(out.text)
}

/// The most octets of one rendered part: a real notice has some ten thousand, and providers clip at 100 kB.
pub(super) const PART_OCTETS_MAX: usize = 1_000_000;

/// A text that refuses to grow without bound, whatever a template loops over.
pub(super) struct LimitedText {
    text: String,
}

impl LimitedText {
    /// An empty text with room for `expected` octets.
    pub(super) fn new(expected: usize) -> Self {
        Self { text: String::with_capacity(expected) }
    }
}

impl Output for LimitedText {
    fn write(&mut self, segment: &str) -> Result<(), std::io::Error> {
        if self.text.len() + segment.len() > PART_OCTETS_MAX {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "the part is over its limit"));
        }
        self.text.push_str(segment);
        Ok(())
    }
}

/// The fixed text of a template with [`GAP`] for each value: of all branches, or only of what every recipient gets.
pub(super) fn fixed_text(template: &Template, all_branches: bool) -> String {
    let mut text = String::new();
    collect(template, all_branches, &mut text);
    text
}

fn collect(template: &Template, all_branches: bool, text: &mut String) {
    for element in &template.elements {
        match element {
            TemplateElement::RawString(fixed) => text.push_str(fixed),
            TemplateElement::HelperBlock(block) if all_branches => {
                for branch in [&block.template, &block.inverse].into_iter().flatten() {
                    text.push(GAP);
                    collect(branch, all_branches, text);
                }
                text.push(GAP);
            }
            _ => text.push(GAP),
        }
    }
}
