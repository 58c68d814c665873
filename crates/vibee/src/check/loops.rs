//! Methods that take a lambda become loops: the lambda's body is the loop's, its names are the loop's.

use crate::{
    diagnostic::Diagnostic,
    intrinsic::Intrinsic,
    source::Span,
    typed::{Arm, Expr, Kind, LocalId, Loop, LoopForm, Over, Pattern},
    types::Type,
    value::Value,
};

use super::{
    Checker,
    calls::Given,
    expr::{bool, if_else, int, lets_around, node, operation, poison},
    methods::{Lowering, Method},
    unify::is_poisoned,
};

/// A loop in the making: what it goes over and the name of its item.
pub(super) struct Iteration {
    pub(super) over: Over,
    pub(super) item: LocalId,
    pub(super) span: Span,
}

/// What a receiver is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiver {
    List,
    Set,
    Map,
    String,
    Bytes,
}

impl Checker<'_> {
    /// A loop: `next` makes the next `acc` of `acc`.
    fn looped(
        &mut self,
        form: LoopForm,
        iteration: Iteration,
        init: Expr,
        next: impl FnOnce(&mut Self, Expr) -> (Option<Expr>, Expr),
    ) -> Expr {
        let ty = init.ty.clone();
        let acc = self.made("$acc", &ty);
        let span = iteration.span;
        let read = self.read(acc, span);
        let (until, step) = next(self, read);
        let made = Loop { form, over: iteration.over, item: iteration.item, acc, init, until, step };
        node(Kind::Loop(Box::new(made)), ty, span)
    }

    /// `all` and `any`: ends with the first item that settles it.
    pub(super) fn settled(&mut self, form: LoopForm, iteration: Iteration, condition: Expr) -> Expr {
        let span = iteration.span;
        let is_all = form == LoopForm::All;
        self.looped(form, iteration, bool(is_all, span), |_, acc| {
            let until = if is_all { operation(Intrinsic::Not, vec![acc], Type::Bool, span) } else { acc };
            (Some(until), condition)
        })
    }

    pub(super) fn counted(&mut self, iteration: Iteration, condition: Expr) -> Expr {
        let span = iteration.span;
        self.looped(LoopForm::Count, iteration, int(0, span), |_, acc| {
            let more = operation(Intrinsic::IntAdd, vec![acc.clone(), int(1, span)], Type::Int, span);
            (None, if_else(condition, more, acc))
        })
    }

    pub(super) fn summed(&mut self, iteration: Iteration, filter: Option<Expr>, value: Expr) -> Expr {
        let span = iteration.span;
        let ty = self.resolved(&value.ty);
        let (op, zero) = match ty {
            Type::Int => (Intrinsic::IntAdd, Value::Int(0)),
            Type::U64 => (Intrinsic::U64Add, Value::U64(0)),
            Type::Float => (Intrinsic::FloatAdd, Value::Float(0.0)),
            Type::F32 => (Intrinsic::F32Add, Value::F32(0.0)),
            _ => {
                if !is_poisoned(&ty) {
                    let text = format!("a sum is of Int, U64, Float or F32, found {}", self.show(&ty));
                    self.report(Diagnostic::new("E0310", value.span, text));
                }
                return poison(span);
            }
        };
        let zero = node(Kind::Const(zero), ty.clone(), span);
        self.looped(LoopForm::Sum, iteration, zero, |_, acc| {
            let sum = operation(op, vec![acc.clone(), value], ty, span);
            (None, filtered(filter, sum, acc))
        })
    }

    /// `map` with `where`: what `value` gives for each item that counts.
    pub(super) fn mapped(&mut self, iteration: Iteration, filter: Option<Expr>, value: Expr) -> Expr {
        let span = iteration.span;
        let ty = Type::List(Box::new(value.ty.clone()));
        let form = if filter.is_some() { LoopForm::Filter } else { LoopForm::Map };
        self.looped(form, iteration, node(Kind::List(Vec::new()), ty.clone(), span), |_, acc| {
            let more = operation(Intrinsic::ListPush, vec![acc.clone(), value], ty, span);
            (None, filtered(filter, more, acc))
        })
    }

    /// The call of a method of the table.
    pub(super) fn method(&mut self, row: &'static Method, given: Vec<Given>, returns: Type, span: Span) -> Expr {
        let receiver = row.params.first().copied().unwrap_or_default();
        let kind = match receiver.split('<').next() {
            Some("Set") => Receiver::Set,
            Some("Map") => Receiver::Map,
            Some("String") => Receiver::String,
            Some("Bytes") => Receiver::Bytes,
            _ => Receiver::List,
        };
        let mut values = Vec::new();
        let mut lambda = None;
        for given in given {
            match given {
                Given::Value(value) => values.push(value),
                Given::Lambda(locals, body) => lambda = Some((locals, body)),
            }
        }
        let mut values = values.into_iter();
        let Some(receiver) = values.next() else { return poison(span) };
        let Some((locals, body)) = lambda else {
            // `sum()` of the items themselves.
            let of = match self.resolved(&receiver.ty) {
                Type::List(of) => *of,
                _ => Type::Poison,
            };
            let item = self.made("$item", &of);
            let value = self.read(item, span);
            return self.summed(Iteration { over: over_of(receiver), item, span }, None, value);
        };
        if row.lowering == Lowering::Fold || row.lowering == Lowering::Scan {
            let ([acc, item], Some(init)) = (locals.as_slice(), values.next()) else { return poison(span) };
            return self.folded(row.lowering, receiver, init, (*acc, *item), body, span);
        }
        let Some(item) = locals.first().copied() else { return poison(span) };
        match row.lowering {
            Lowering::OptionMap
            | Lowering::OptionAndThen
            | Lowering::OptionFilter
            | Lowering::ResultMap
            | Lowering::ResultMapErr
            | Lowering::ResultAndThen => return self.matched(row.lowering, receiver, item, body, returns, span),
            Lowering::TakeWhile | Lowering::DropWhile | Lowering::Position => {
                return self.prefix((row.lowering, kind), receiver, item, body, returns, span);
            }
            _ => {}
        }
        if row.lowering == Lowering::Partition {
            return self.partitioned(receiver, item, body, returns, span);
        }
        let iteration = Iteration { over: over_of(receiver), item, span };
        match row.lowering {
            Lowering::All => self.settled(LoopForm::All, iteration, body),
            Lowering::Any => self.settled(LoopForm::Any, iteration, body),
            Lowering::Count => self.counted(iteration, body),
            Lowering::Sum => self.summed(iteration, None, body),
            Lowering::Map => self.mapped(iteration, None, body),
            Lowering::Filter => self.kept(kind, iteration, body, returns),
            Lowering::FlatMap => {
                let empty = node(Kind::List(Vec::new()), returns.clone(), span);
                self.looped(LoopForm::Other, iteration, empty, |_, acc| {
                    (None, operation(Intrinsic::ListConcat, vec![acc, body], returns, span))
                })
            }
            Lowering::FilterMap => self.filter_mapped(iteration, body, returns),
            Lowering::Find => {
                let value = self.read(item, span);
                let none = node(Kind::Option(None), returns.clone(), span);
                self.looped(LoopForm::Other, iteration, none.clone(), |_, acc| {
                    let until = operation(Intrinsic::Ne, vec![acc, none.clone()], Type::Bool, span);
                    let some = node(Kind::Option(Some(Box::new(value))), returns, span);
                    (Some(until), if_else(body, some, none))
                })
            }
            Lowering::MapValues => self.values_mapped(iteration, body, returns),
            Lowering::SortBy => self.sorted(iteration, body, returns),
            Lowering::GroupBy => self.grouped(iteration, body, returns),
            _ => self.extreme(row.lowering == Lowering::MinBy, iteration, body, returns),
        }
    }

    fn folded(
        &mut self,
        lowering: Lowering,
        receiver: Expr,
        init: Expr,
        (acc, item): (LocalId, LocalId),
        body: Expr,
        span: Span,
    ) -> Expr {
        let is_simple = matches!(init.kind, Kind::Const(_) | Kind::Local(_));
        let is_scan = lowering == Lowering::Scan;
        if is_simple && !is_scan {
            let made = Loop { form: LoopForm::Fold, over: over_of(receiver), item, acc, init, until: None, step: body };
            let ty = made.init.ty.clone();
            return node(Kind::Loop(Box::new(made)), ty, span);
        }
        // The receiver stands first in the text, so it is evaluated first.
        let ty = init.ty.clone();
        let whole = self.made("$over", &receiver.ty);
        let first = self.made("$init", &ty);
        let (whole_read, first_read) = (self.read(whole, span), self.read(first, span));
        let looped = if is_scan {
            let list = Type::List(Box::new(ty.clone()));
            let iteration = Iteration { over: Over::Items(whole_read), item, span };
            let empty = node(Kind::List(Vec::new()), list.clone(), span);
            self.looped(LoopForm::Other, iteration, empty, |_, so_far| {
                let len = operation(Intrinsic::ListLen, vec![so_far.clone()], Type::Int, span);
                let last = operation(Intrinsic::IntSub, vec![len.clone(), int(1, span)], Type::Int, span);
                let last = operation(Intrinsic::ListAt, vec![so_far.clone(), last], ty.clone(), span);
                let is_first = operation(Intrinsic::Eq, vec![len, int(0, span)], Type::Bool, span);
                let before = if_else(is_first, first_read, last);
                let more = operation(Intrinsic::ListPush, vec![so_far, body], list, span);
                (None, lets_around(vec![(acc, before)], more))
            })
        } else {
            let over = Over::Items(whole_read);
            let made = Loop { form: LoopForm::Fold, over, item, acc, init: first_read, until: None, step: body };
            node(Kind::Loop(Box::new(made)), ty, span)
        };
        lets_around(vec![(whole, receiver), (first, init)], looped)
    }

    fn kept(&mut self, kind: Receiver, iteration: Iteration, condition: Expr, returns: Type) -> Expr {
        let span = iteration.span;
        let item = self.read(iteration.item, span);
        let list = |of: Type| node(Kind::List(Vec::new()), Type::List(Box::new(of)), span);
        let init = match (kind, &returns) {
            (Receiver::Set, _) => operation(Intrinsic::SetOf, vec![list(item.ty.clone())], returns.clone(), span),
            (Receiver::Map, _) => operation(Intrinsic::MapOf, vec![list(item.ty.clone())], returns.clone(), span),
            (Receiver::String, _) => node(Kind::Const(Value::String("".into())), Type::String, span),
            _ => node(Kind::List(Vec::new()), returns.clone(), span),
        };
        self.looped(LoopForm::Filter, iteration, init, |checker, acc| {
            let more = match kind {
                Receiver::Set => operation(Intrinsic::SetPut, vec![acc.clone(), item], returns, span),
                Receiver::Map => {
                    let [key, value] = checker.pair_of(&item, &returns);
                    operation(Intrinsic::MapPut, vec![acc.clone(), key, value], returns, span)
                }
                Receiver::String => operation(Intrinsic::StringConcat, vec![acc.clone(), item], returns, span),
                _ => operation(Intrinsic::ListPush, vec![acc.clone(), item], returns, span),
            };
            (None, if_else(condition, more, acc))
        })
    }

    /// Key and value of an item of a map.
    fn pair_of(&mut self, item: &Expr, map: &Type) -> [Expr; 2] {
        let (key, value) = match self.shallow(map) {
            Type::Map(key, value) => (*key, *value),
            _ => (Type::Poison, Type::Poison),
        };
        let part = |at: u16, ty: Type| node(Kind::Field(Box::new(item.clone()), at), ty, item.span);
        [part(0, key), part(1, value)]
    }

    fn filter_mapped(&mut self, iteration: Iteration, body: Expr, returns: Type) -> Expr {
        let span = iteration.span;
        let of = match self.shallow(&returns) {
            Type::List(of) => *of,
            _ => Type::Poison,
        };
        let value = self.made("$value", &of);
        let read = self.read(value, span);
        self.looped(LoopForm::Other, iteration, node(Kind::List(Vec::new()), returns.clone(), span), |_, acc| {
            let more = operation(Intrinsic::ListPush, vec![acc.clone(), read], returns.clone(), span);
            let some = Arm { pattern: Pattern::Some(Box::new(Pattern::Bind(value))), guard: None, body: more };
            let none = Arm { pattern: Pattern::None, guard: None, body: acc };
            (None, node(Kind::Match { subject: Box::new(body), arms: vec![some, none] }, returns, span))
        })
    }

    fn values_mapped(&mut self, mut iteration: Iteration, body: Expr, returns: Type) -> Expr {
        let span = iteration.span;
        let value = iteration.item;
        let (key, of) = match self.shallow(&returns) {
            Type::Map(key, _) => (*key, self.local_type(value)),
            _ => (Type::Poison, Type::Poison),
        };
        let pair_type = Type::Tuple(vec![key.clone(), of.clone()]);
        iteration.item = self.made("$pair", &pair_type);
        let pair = self.read(iteration.item, span);
        let new = match self.shallow(&returns) {
            Type::Map(_, new) => *new,
            _ => Type::Poison,
        };
        let empty_type = Type::List(Box::new(Type::Tuple(vec![key.clone(), new])));
        let empty = node(Kind::List(Vec::new()), empty_type, span);
        let init = operation(Intrinsic::MapOf, vec![empty], returns.clone(), span);
        self.looped(LoopForm::Other, iteration, init, |_, acc| {
            let part = |at: u16, ty: Type| node(Kind::Field(Box::new(pair.clone()), at), ty, span);
            let (key, of) = (part(0, key), part(1, of));
            let more = operation(Intrinsic::MapPut, vec![acc, key, body], returns, span);
            (None, lets_around(vec![(value, of)], more))
        })
    }

    fn sorted(&mut self, iteration: Iteration, key: Expr, returns: Type) -> Expr {
        let span = iteration.span;
        let item = self.read(iteration.item, span);
        // The place before the item keeps equal keys in their order, and no item is ever compared.
        let keyed = Type::Tuple(vec![key.ty.clone(), Type::Int, item.ty.clone()]);
        let list = Type::List(Box::new(keyed.clone()));
        let of = item.ty.clone();
        let empty = node(Kind::List(Vec::new()), list.clone(), span);
        let all = self.looped(LoopForm::Other, iteration, empty, |_, acc| {
            let place = operation(Intrinsic::ListLen, vec![acc.clone()], Type::Int, span);
            let tuple = node(Kind::Tuple(vec![key, place, item]), keyed.clone(), span);
            (None, operation(Intrinsic::ListPush, vec![acc, tuple], list.clone(), span))
        });
        let all = operation(Intrinsic::ListSort, vec![all], list, span);
        let local = self.made("$keyed", &keyed);
        let item = node(Kind::Field(Box::new(self.read(local, span)), 2), of, span);
        let mut made = self.mapped(Iteration { over: Over::Items(all), item: local, span }, None, item);
        made.ty = returns;
        made
    }

    fn grouped(&mut self, iteration: Iteration, key: Expr, returns: Type) -> Expr {
        let span = iteration.span;
        let item = self.read(iteration.item, span);
        let group = Type::List(Box::new(item.ty.clone()));
        let pairs = Type::List(Box::new(Type::Tuple(vec![key.ty.clone(), group.clone()])));
        let init = operation(Intrinsic::MapOf, vec![node(Kind::List(vec![]), pairs, span)], returns.clone(), span);
        let key_local = self.made("$key", &key.ty);
        let group_local = self.made("$group", &group);
        let (read_key, read_group) = (self.read(key_local, span), self.read(group_local, span));
        self.looped(LoopForm::Other, iteration, init, |_, acc| {
            let old = operation(
                Intrinsic::MapGet,
                vec![acc.clone(), read_key.clone()],
                Type::Option(Box::new(group.clone())),
                span,
            );
            let some =
                Arm { pattern: Pattern::Some(Box::new(Pattern::Bind(group_local))), guard: None, body: read_group };
            let empty = node(Kind::List(Vec::new()), group.clone(), span);
            let none = Arm { pattern: Pattern::None, guard: None, body: empty };
            let old = node(Kind::Match { subject: Box::new(old), arms: vec![some, none] }, group.clone(), span);
            let new = operation(Intrinsic::ListPush, vec![old, item], group, span);
            let put = operation(Intrinsic::MapPut, vec![acc, read_key, new], returns, span);
            (None, lets_around(vec![(key_local, key)], put))
        })
    }

    fn extreme(&mut self, is_min: bool, iteration: Iteration, key: Expr, returns: Type) -> Expr {
        let span = iteration.span;
        let item = self.read(iteration.item, span);
        let of = item.ty.clone();
        let pair = Type::Tuple(vec![key.ty.clone(), of.clone()]);
        let best = Type::Option(Box::new(pair.clone()));
        let (key_type, key_local) = (key.ty.clone(), self.made("$key", &key.ty));
        // Two locals: one that is bound at two places would seem to be needed from the first to the second.
        let (best_local, found_local) = (self.made("$best", &pair), self.made("$found", &pair));
        let read_key = self.read(key_local, span);
        let part = |checker: &Self, pair: LocalId, at: u16, ty: Type| {
            node(Kind::Field(Box::new(checker.read(pair, span)), at), ty, span)
        };
        let old_key = part(self, best_local, 0, key_type);
        let found_item = part(self, found_local, 1, of);
        let none = node(Kind::Option(None), best.clone(), span);
        let all = self.looped(LoopForm::Other, iteration, none, |_, acc| {
            let new = node(Kind::Tuple(vec![read_key.clone(), item]), pair, span);
            let new = node(Kind::Option(Some(Box::new(new))), best.clone(), span);
            let order = operation(Intrinsic::Compare, vec![read_key, old_key], Type::Int, span);
            let op = if is_min { Intrinsic::Lt } else { Intrinsic::Gt };
            let is_better = operation(op, vec![order, int(0, span)], Type::Bool, span);
            let some = if_else(is_better, new.clone(), acc.clone());
            let some = Arm { pattern: Pattern::Some(Box::new(Pattern::Bind(best_local))), guard: None, body: some };
            let none = Arm { pattern: Pattern::None, guard: None, body: new };
            let step = node(Kind::Match { subject: Box::new(acc), arms: vec![some, none] }, best, span);
            (None, lets_around(vec![(key_local, key)], step))
        });
        let found = node(Kind::Option(Some(Box::new(found_item))), returns.clone(), span);
        let some = Arm { pattern: Pattern::Some(Box::new(Pattern::Bind(found_local))), guard: None, body: found };
        let none = node(Kind::Option(None), returns.clone(), span);
        let none = Arm { pattern: Pattern::None, guard: None, body: none };
        node(Kind::Match { subject: Box::new(all), arms: vec![some, none] }, returns, span)
    }

    /// `take_while`, `drop_while` and `position`: how many items stand before the first that ends it.
    fn prefix(
        &mut self,
        (lowering, kind): (Lowering, Receiver),
        receiver: Expr,
        item: LocalId,
        body: Expr,
        returns: Type,
        span: Span,
    ) -> Expr {
        let (len, slice) = match kind {
            Receiver::String => (Intrinsic::StringLen, Intrinsic::StringSlice),
            Receiver::Bytes => (Intrinsic::BytesLen, Intrinsic::BytesSlice),
            _ => (Intrinsic::ListLen, Intrinsic::ListSlice),
        };
        let whole = self.made("$over", &receiver.ty);
        let read = self.read(whole, span);
        let iteration = Iteration { over: Over::Items(read.clone()), item, span };
        let until = match lowering {
            Lowering::Position => body,
            _ => operation(Intrinsic::Not, vec![body], Type::Bool, span),
        };
        let count = self.looped(LoopForm::Other, iteration, int(0, span), |_, acc| {
            (Some(until), operation(Intrinsic::IntAdd, vec![acc, int(1, span)], Type::Int, span))
        });
        let len = operation(len, vec![read.clone()], Type::Int, span);
        let made = match lowering {
            Lowering::TakeWhile => operation(slice, vec![read, int(0, span), count], returns, span),
            Lowering::DropWhile => operation(slice, vec![read, count, len], returns, span),
            _ => {
                let at = self.made("$at", &Type::Int);
                let is_there = operation(Intrinsic::Lt, vec![self.read(at, span), len], Type::Bool, span);
                let some = node(Kind::Option(Some(Box::new(self.read(at, span)))), returns.clone(), span);
                let none = node(Kind::Option(None), returns, span);
                lets_around(vec![(at, count)], if_else(is_there, some, none))
            }
        };
        lets_around(vec![(whole, receiver)], made)
    }

    fn partitioned(&mut self, receiver: Expr, item: LocalId, body: Expr, returns: Type, span: Span) -> Expr {
        let list = receiver.ty.clone();
        let of = self.local_type(item);
        let whole = self.made("$over", &list);
        let read = self.read(whole, span);
        let flags = self.mapped(Iteration { over: Over::Items(read.clone()), item, span }, None, body);
        let flags_type = flags.ty.clone();
        let flags_local = self.made("$flags", &flags_type);
        let mut part = |wanted: bool| {
            let at = self.made("$at", &Type::Int);
            let len = operation(Intrinsic::ListLen, vec![read.clone()], Type::Int, span);
            let last = operation(Intrinsic::IntSub, vec![len, int(1, span)], Type::Int, span);
            let over = Over::Range(int(0, span), last);
            let flag = vec![self.read(flags_local, span), self.read(at, span)];
            let flag = operation(Intrinsic::ListAt, flag, Type::Bool, span);
            let flag = if wanted { flag } else { operation(Intrinsic::Not, vec![flag], Type::Bool, span) };
            let value = operation(Intrinsic::ListAt, vec![read.clone(), self.read(at, span)], of.clone(), span);
            self.mapped(Iteration { over, item: at, span }, Some(flag), value)
        };
        let (yes, no) = (part(true), part(false));
        let both = node(Kind::Tuple(vec![yes, no]), returns, span);
        lets_around(vec![(whole, receiver), (flags_local, flags)], both)
    }

    /// Methods of Option and Result.
    fn matched(
        &mut self,
        lowering: Lowering,
        receiver: Expr,
        item: LocalId,
        body: Expr,
        returns: Type,
        span: Span,
    ) -> Expr {
        let some = |kind: Kind| node(kind, returns.clone(), span);
        let inner = Box::new(Pattern::Bind(item));
        let arm = |pattern: Pattern, body: Expr| Arm { pattern, guard: None, body };
        let none = some(Kind::Option(None));
        let err_type = match self.shallow(&receiver.ty) {
            Type::Result(of, err) => {
                if lowering == Lowering::ResultMapErr {
                    *of
                } else {
                    *err
                }
            }
            _ => Type::Poison,
        };
        let arms = match lowering {
            Lowering::OptionMap => {
                vec![arm(Pattern::Some(inner), some(Kind::Option(Some(Box::new(body))))), arm(Pattern::None, none)]
            }
            Lowering::OptionAndThen => vec![arm(Pattern::Some(inner), body), arm(Pattern::None, none)],
            Lowering::OptionFilter => {
                let value = some(Kind::Option(Some(Box::new(self.read(item, span)))));
                vec![arm(Pattern::Some(inner), if_else(body, value, none.clone())), arm(Pattern::None, none)]
            }
            _ => {
                let other = self.made("$other", &err_type);
                let (pattern, value) = (Box::new(Pattern::Bind(other)), Box::new(self.read(other, span)));
                match lowering {
                    Lowering::ResultMap => vec![
                        arm(Pattern::Ok(inner), some(Kind::Ok(Box::new(body)))),
                        arm(Pattern::Err(pattern), some(Kind::Err(value))),
                    ],
                    Lowering::ResultMapErr => vec![
                        arm(Pattern::Ok(pattern), some(Kind::Ok(value))),
                        arm(Pattern::Err(inner), some(Kind::Err(Box::new(body)))),
                    ],
                    _ => vec![arm(Pattern::Ok(inner), body), arm(Pattern::Err(pattern), some(Kind::Err(value)))],
                }
            }
        };
        node(Kind::Match { subject: Box::new(receiver), arms }, returns, span)
    }
}

/// A range goes from bound to bound; anything else by its items.
pub(super) fn over_of(over: Expr) -> Over {
    match over.kind {
        Kind::Intrinsic { op: Intrinsic::ListRange, mut args } if args.len() == 2 => {
            let (Some(hi), Some(lo)) = (args.pop(), args.pop()) else {
                return Over::Range(int(0, over.span), int(-1, over.span));
            };
            Over::Range(lo, hi)
        }
        kind => Over::Items(Expr { kind, ..over }),
    }
}

fn filtered(filter: Option<Expr>, more: Expr, acc: Expr) -> Expr {
    match filter {
        Some(filter) => if_else(filter, more, acc),
        None => more,
    }
}
