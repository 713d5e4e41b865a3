//! A YAML text as a tree of values with their places. Aliases are shared, not copied, so a file of
//! nested aliases needs no more memory than its length.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::problem::TextProblem;
use crate::{Place, Problem, syntax};

/// A useful file is never nested deeper.
const DEPTH_MAX: usize = 64;

/// A value's number in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(usize);

impl Id {
    /// The number of a value in the list that a tree is made of.
    pub(crate) fn of(number: usize) -> Self {
        Self(number)
    }
}

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Id>),
    Map(Vec<(Id, Id)>),
}

#[derive(Debug)]
pub(crate) struct TreeValue {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) tag: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Tree {
    values: Vec<TreeValue>,
    pub(crate) root: Id,
}

impl Tree {
    pub(crate) fn get(&self, id: Id) -> &TreeValue {
        &self.values[id.0] // ids are only made here, for values that are there
    }

    /// A tree of values whose ids are their positions in the list.
    pub(crate) fn of(values: Vec<TreeValue>, root: Id) -> Self {
        Self { values, root }
    }

    /// The texts that are written at these offsets.
    pub(crate) fn texts_at<'t>(
        &'t self,
        offsets: &'t BTreeSet<usize>,
    ) -> impl Iterator<Item = (usize, String)> + 't {
        self.values.iter().filter_map(|value| match &value.kind {
            Kind::Scalar { text, .. } if offsets.contains(&value.place.offset) => {
                Some((value.place.offset, text.clone()))
            }
            _ => None,
        })
    }

    /// Reads a text of one document. Empty ones beside it do not count.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let mut documents = Builder::new(text, 1).run(text)?.into_iter();
        let only = documents.next();
        only.ok_or_else(|| Problem::new(&start(), TextProblem::Empty))
    }

    /// Reads a text of any number of documents; without empty ones.
    pub(crate) fn documents(text: &str) -> Result<Vec<Self>, Problem> {
        Builder::new(text, usize::MAX).run(text)
    }
}

struct Builder {
    values: Vec<TreeValue>,
    open: Vec<(Id, usize, Vec<Id>)>,
    anchors: BTreeMap<usize, Id>,
    bytes: Option<Vec<usize>>,
    root: Option<Id>,
    length: usize,
    /// The documents that are complete, and how many there may be.
    documents: Vec<Tree>,
    max: usize,
}

impl Builder {
    fn new(text: &str, max: usize) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(i, _)| i).collect());
        Self {
            values: Vec::new(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            bytes,
            root: None,
            length: text.len(),
            documents: Vec::new(),
            max,
        }
    }

    fn byte(&self, index: usize) -> usize {
        match &self.bytes {
            None => index.min(self.length),
            Some(bytes) => bytes.get(index).copied().unwrap_or(self.length),
        }
    }

    fn place(&self, span: &Span) -> Place {
        let offset = self.byte(span.start.index());
        Place {
            line: span.start.line() as u32,
            column: span.start.col() as u32 + 1,
            offset,
            length: self.byte(span.end.index()).saturating_sub(offset),
            file: String::new(),
            key: String::new(),
        }
    }

    fn run(mut self, text: &str) -> Result<Vec<Tree>, Problem> {
        let mut begin = start();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|e| {
                let place = Place {
                    line: e.marker().line() as u32,
                    column: e.marker().col() as u32 + 1,
                    offset: self.byte(e.marker().index()),
                    ..Place::default()
                };
                syntax::problem(text, e.info(), place)
            })?;
            let place = self.place(&span);
            match event {
                Event::DocumentStart(_) => begin = place.clone(),
                Event::DocumentEnd => self.end_document(),
                _ => {}
            }
            self.event(event, place)?;
            // The rest may be of another program, and not even YAML.
            if self.documents.len() >= self.max && self.has_content() {
                return Err(Problem::new(&begin, TextProblem::SeveralDocuments));
            }
        }
        self.end_document();
        Ok(self.documents)
    }

    /// Whether the document that is being read is not empty.
    fn has_content(&self) -> bool {
        self.values.first().is_some_and(|first| match &first.kind {
            Kind::Scalar { text, plain } => !*plain || !["", "~"].contains(&text.as_str()),
            Kind::List(_) | Kind::Map(_) => true,
        })
    }

    fn end_document(&mut self) {
        let content = self.has_content();
        let values = std::mem::take(&mut self.values);
        self.anchors.clear();
        if let Some(root) = self.root.take().filter(|_| content) {
            self.documents.push(Tree { values, root });
        }
    }

    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let id = self.push(
                    Kind::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                    place,
                    tag,
                );
                self.close(id, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Kind::List(Vec::new()), place, anchor, tag)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Kind::Map(Vec::new()), place, anchor, tag)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&place),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(id) => self.add(*id),
                None => return Err(Problem::new(&place, TextProblem::RecursiveAlias)),
            },
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, place: Place, tag: Option<Cow<'_, Tag>>) -> Id {
        let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix));
        self.values.push(TreeValue { kind, place, tag });
        Id(self.values.len() - 1)
    }

    fn open(
        &mut self,
        kind: Kind,
        place: Place,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
    ) -> Result<(), Problem> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Problem::new(&place, TextProblem::TooDeep(DEPTH_MAX)));
        }
        // `{{ x }}`: a mapping as the key of a mapping.
        if let Some((outer, _, items)) = self.open.last()
            && items.is_empty()
            && let Some(outer) = self.values.get(outer.0)
            && let (Kind::Map(_), Kind::Map(_)) = (&outer.kind, &kind)
            && outer.place.offset + 1 == place.offset
        {
            let both = Place {
                length: 2,
                ..outer.place.clone()
            };
            return Err(Problem::new(&both, TextProblem::Template));
        }
        let id = self.push(kind, place, tag);
        self.open.push((id, anchor, Vec::new()));
        Ok(())
    }

    fn end(&mut self, end: &Place) {
        let Some((id, anchor, items)) = self.open.pop() else {
            return;
        };
        if let Some(value) = self.values.get_mut(id.0) {
            value.place.length = (end.offset + end.length).saturating_sub(value.place.offset);
            match &mut value.kind {
                Kind::List(list) => *list = items,
                Kind::Map(map) => {
                    *map = items
                        .chunks_exact(2)
                        .filter_map(|p| Some((*p.first()?, *p.get(1)?)))
                        .collect();
                }
                Kind::Scalar { .. } => {}
            }
        }
        self.close(id, anchor);
    }

    fn close(&mut self, id: Id, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        self.add(id);
    }

    fn add(&mut self, id: Id) {
        match self.open.last_mut() {
            Some((_, _, items)) => items.push(id),
            None => self.root = self.root.or(Some(id)),
        }
    }
}

/// The first character of a text.
pub(crate) fn start() -> Place {
    Place {
        line: 1,
        column: 1,
        ..Place::default()
    }
}
