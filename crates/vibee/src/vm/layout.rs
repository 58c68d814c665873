//! What the VM asks of types at run time, in tables.

use crate::bytecode::{Bytecode, Form, TypeIndex};

/// How words of a type are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As signed numbers.
    Signed,
    /// As unsigned numbers.
    Unsigned,
    Float,
    F32,
    Text,
    Bytes,
    /// Item by item: List, Set, Map.
    Items,
    /// Place by place: record, tuple.
    Places,
    /// By the case, then by what it carries.
    Cases,
}

/// What an object of words is.
#[derive(Debug)]
pub(super) struct Shape {
    /// The case, of an Option, Result or enum.
    pub case: Option<u16>,
    /// Whether a word of it may be a reference.
    pub has_heap: bool,
    /// How many words it has; 0 for a List, Set or Map.
    n_words: usize,
    /// Which words are references: by the place modulo the length.
    heap: Vec<bool>,
}

impl Shape {
    #[inline]
    pub(super) fn is_heap(&self, at: usize) -> bool {
        match self.heap.as_slice() {
            [all] => *all,
            [even, odd] => {
                if at.is_multiple_of(2) {
                    *even
                } else {
                    *odd
                }
            }
            more => more.get(at).copied().unwrap_or(false),
        }
    }
}

#[derive(Debug)]
struct Layout {
    kind: Kind,
    has_float: bool,
    is_heap: bool,
    /// Digits of a Tryte.
    n_digits: u8,
    /// The first of its shapes.
    shape: u32,
    /// Types of items (one, or key and value) or places.
    parts: Vec<u32>,
    /// Types of what each case carries.
    cases: Vec<Vec<u32>>,
}

/// Tables of all types.
#[derive(Debug)]
pub(super) struct Layouts {
    rows: Vec<Layout>,
    shapes: Vec<Shape>,
    none: Shape,
}

impl Layouts {
    pub(super) fn new(bytecode: &Bytecode) -> Self {
        let has_float = has_float(bytecode);
        let is_heap = |ty: &TypeIndex| bytecode.form(*ty).is_some_and(Form::is_heap);
        let mut shapes = Vec::new();
        let mut layouts = Vec::new();
        for (at, form) in bytecode.types.iter().enumerate() {
            let shape = shapes.len() as u32;
            let (kind, parts) = match form {
                Form::Bool | Form::Trit | Form::Tryte(_) | Form::Int => (Kind::Signed, vec![]),
                Form::U64 => (Kind::Unsigned, vec![]),
                Form::Float => (Kind::Float, vec![]),
                Form::F32 => (Kind::F32, vec![]),
                Form::String => (Kind::Text, vec![]),
                Form::Bytes => (Kind::Bytes, vec![]),
                Form::List(of) | Form::Set(of) => (Kind::Items, vec![*of]),
                Form::Map(key, of) => (Kind::Items, vec![*key, *of]),
                Form::Tuple(_) | Form::Record { .. } => (Kind::Places, form.places().unwrap_or_default()),
                Form::Enum { .. } if form.is_bare_enum() => (Kind::Signed, vec![]),
                Form::Option(_) | Form::Result(..) | Form::Enum { .. } => (Kind::Cases, vec![]),
            };
            let carried = |case| (0..form.n_carried(case)).filter_map(move |place| form.carried(case, place));
            let cases: Vec<Vec<TypeIndex>> = match kind {
                Kind::Cases => (0..form.n_cases()).map(|case| carried(case).collect()).collect(),
                _ => vec![],
            };
            let mut add = |case, n_words, types: &[TypeIndex]| {
                let heap: Vec<bool> = types.iter().map(is_heap).collect();
                shapes.push(Shape { case, has_heap: heap.contains(&true), n_words, heap });
            };
            match kind {
                Kind::Items => add(None, 0, &parts),
                Kind::Places => add(None, parts.len(), &parts),
                Kind::Cases => {
                    cases.iter().enumerate().for_each(|(case, of)| add(Some(case as u16), of.len(), of));
                }
                _ => {}
            }
            let numbers = |types: &[TypeIndex]| types.iter().map(|ty| ty.0).collect::<Vec<_>>();
            layouts.push(Layout {
                kind,
                has_float: has_float.get(at).copied().unwrap_or(true),
                is_heap: form.is_heap(),
                n_digits: if let Form::Tryte(n) = form { *n } else { 0 },
                shape,
                parts: numbers(&parts),
                cases: cases.iter().map(|of| numbers(of)).collect(),
            });
        }
        let none = Shape { case: None, has_heap: false, n_words: 0, heap: vec![] };
        Self { rows: layouts, shapes, none }
    }

    #[inline]
    pub(super) fn shape(&self, shape: u32) -> &Shape {
        self.shapes.get(shape as usize).unwrap_or(&self.none)
    }

    #[inline]
    pub(super) fn n_words(&self, shape: u32) -> usize {
        self.shape(shape).n_words
    }

    #[inline]
    pub(super) fn kind(&self, ty: u32) -> Kind {
        self.rows.get(ty as usize).map_or(Kind::Signed, |layout| layout.kind)
    }

    pub(super) fn has_float(&self, ty: u32) -> bool {
        self.rows.get(ty as usize).is_none_or(|layout| layout.has_float)
    }

    #[inline]
    pub(super) fn is_heap(&self, ty: u32) -> bool {
        self.rows.get(ty as usize).is_some_and(|layout| layout.is_heap)
    }

    /// The shape of a List, Set, Map, record or tuple, or of a type's first case.
    #[inline]
    pub(super) fn shape_of(&self, ty: u32) -> u32 {
        self.rows.get(ty as usize).map_or(0, |layout| layout.shape)
    }

    /// Whether keys of a type are looked for by their bits: all of them, or, of texts, the short ones.
    pub(super) fn is_found_by_bits(&self, ty: u32) -> bool {
        matches!(self.kind(ty), Kind::Signed | Kind::Unsigned | Kind::Text)
    }

    pub(super) fn is_text(&self, ty: u32) -> bool {
        self.kind(ty) == Kind::Text
    }

    pub(super) fn n_digits(&self, ty: u32) -> u8 {
        self.rows.get(ty as usize).map_or(0, |layout| layout.n_digits)
    }

    pub(super) fn n_places(&self, ty: u32) -> usize {
        self.rows.get(ty as usize).map_or(0, |layout| layout.parts.len())
    }

    /// The type of an item or place.
    #[inline]
    pub(super) fn part(&self, ty: u32, at: usize) -> u32 {
        let Some(layout) = self.rows.get(ty as usize) else { return 0 };
        let at = match (layout.kind, layout.parts.len()) {
            (Kind::Items, 1) => 0,
            (Kind::Items, 2) => at % 2,
            _ => at,
        };
        layout.parts.get(at).copied().unwrap_or(0)
    }

    pub(super) fn n_carried(&self, ty: u32, case: u16) -> usize {
        self.rows.get(ty as usize).and_then(|layout| layout.cases.get(usize::from(case))).map_or(0, Vec::len)
    }

    /// The type of what a case carries at a place.
    pub(super) fn carried(&self, ty: u32, case: u16, at: usize) -> u32 {
        let of = self.rows.get(ty as usize).and_then(|layout| layout.cases.get(usize::from(case)));
        of.and_then(|of| of.get(at)).copied().unwrap_or(0)
    }
}

/// Which types may have floats within.
fn has_float(bytecode: &Bytecode) -> Vec<bool> {
    let n = bytecode.types.len();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); n];
    let mut found = vec![false; n];
    let mut todo = Vec::new();
    for (at, form) in bytecode.types.iter().enumerate() {
        let parts: Vec<TypeIndex> = match form {
            Form::List(of) | Form::Set(of) | Form::Option(of) => vec![*of],
            Form::Map(key, of) => vec![*key, *of],
            Form::Result(of, err) => vec![*of, *err],
            Form::Enum { cases, .. } => cases.iter().flat_map(|(_, fields)| fields).map(|(_, ty)| *ty).collect(),
            Form::Float | Form::F32 => {
                todo.push(at);
                continue;
            }
            _ => form.places().unwrap_or_default(),
        };
        for part in parts {
            if let Some(users) = users.get_mut(part.0 as usize) {
                users.push(at);
            }
        }
    }
    while let Some(at) = todo.pop() {
        if let Some(found) = found.get_mut(at)
            && !std::mem::replace(found, true)
        {
            todo.extend(users.get(at).into_iter().flatten());
        }
    }
    found
}
