//! What shall hold for all values of a domain.

use super::{
    Answer, Counterexample, PropertyReport, PropertyVerdict, Tester, domain,
    draw::{self, Draw, Refused, Source},
    examples::fault_text,
    origin::{self, Origin, origin},
    shrink,
};
use crate::{
    diagnostic::Diagnostic,
    show::show,
    typed::{FunctionId, Property},
    types::Type,
    value::{Fault, Outcome, Value},
};

/// What came of one case.
enum Judged {
    Holds,
    /// It does not count.
    Discarded,
    /// It does not hold: what came, and the first call of the behaviour with its result.
    Fails(Failure),
    Unsupported,
    Broken {
        code: &'static str,
        message: String,
    },
}

#[derive(Clone)]
struct Failure {
    found: String,
    call: Option<(Vec<Value>, Outcome)>,
    fault: Option<Fault>,
    /// Where the fault came up, where it is not looked for later: an implementation is not asked again.
    origin: Option<Origin>,
}

impl Tester<'_, '_> {
    pub(super) fn property(&mut self, property: &Property) {
        let function = self.program.function(property.of);
        let types: Vec<Type> = property.vars.iter().map(|(_, ty)| ty.clone()).collect();
        let mut report = PropertyReport {
            function: property.of,
            module: function.module.clone(),
            of: function.name.clone(),
            name: property.name.clone(),
            span: property.span,
            cases: 0,
            discarded: 0,
            verdict: PropertyVerdict::Held,
        };
        report.verdict = match domain::count(self.program, &Type::Tuple(types.clone())) {
            Some(n) => self.exhausted(property, &types, n, &mut report),
            None => self.drawn(property, &types, &mut report),
        };
        let pending = self.definition.engine.pending(property.of);
        report.verdict = match (report.verdict, pending) {
            (PropertyVerdict::Failed(_), Some(why)) => PropertyVerdict::Pending { why },
            (verdict, _) => verdict,
        };
        self.report.properties.push(report);
    }

    /// Tries every member; of those that fail the simplest is shown.
    fn exhausted(
        &mut self,
        property: &Property,
        types: &[Type],
        n: u64,
        report: &mut PropertyReport,
    ) -> PropertyVerdict {
        let mut simplest: Option<(u64, Vec<Value>, Failure)> = None;
        let mut n_found = 0;
        for at in 0..n {
            let values = domain::nth_of_all(self.program, types.iter(), at);
            let enters = |(ty, value)| domain::enters(&mut self.definition, ty, value);
            if !types.iter().zip(&values).all(enters) {
                // No member of the domain at all.
                continue;
            }
            match self.judge(property, &values) {
                Judged::Holds => report.cases += 1,
                Judged::Discarded => report.discarded += 1,
                Judged::Fails(failure) => {
                    report.cases += 1;
                    let weight = self.weight(types, at);
                    if simplest.as_ref().is_none_or(|(least, ..)| weight < *least) {
                        simplest = Some((weight, values, failure));
                        n_found += 1;
                    }
                }
                Judged::Unsupported => return PropertyVerdict::Unsupported,
                Judged::Broken { code, message } => return self.broken(property, &values, code, &message),
            }
        }
        match simplest {
            Some((_, values, failure)) => self.counterexample(property, &values, failure, n_found - 1),
            // Nothing was said of anything.
            None if report.cases == 0 => self.hardly_tested(property, report),
            None => PropertyVerdict::Proved,
        }
    }

    /// How far a member's parts are from the simplest ones.
    fn weight(&self, types: &[Type], at: u64) -> u64 {
        let mut rest = at;
        types.iter().fold(0, |sum, ty| {
            let n = domain::count(self.program, ty).unwrap_or(1).max(1);
            let digit = rest % n;
            rest /= n;
            sum + digit
        })
    }

    /// Draws cases; what fails is made small.
    fn drawn(&mut self, property: &Property, types: &[Type], report: &mut PropertyReport) -> PropertyVerdict {
        let n = u64::from(self.cases(property));
        let module = self.program.modules.iter().find(|module| module.name == report.module);
        let version = module.map_or("", |module| &module.version);
        let name = format!("{}.{}", report.of, property.name);
        let mut random = draw::seed(&report.module, &name, version, self.options.seed);
        let heights = draw::heights(self.program);
        let mut at = 0;
        while report.cases < n && report.cases + report.discarded < n.saturating_mul(11) {
            let source = draw::source(&mut random, at, n);
            at += 1;
            let (values, choices) = self.draw(types, &heights, source);
            let Some(values) = values else {
                report.discarded += 1;
                continue;
            };
            match self.judge(property, &values) {
                Judged::Holds => report.cases += 1,
                Judged::Discarded => report.discarded += 1,
                Judged::Unsupported => return PropertyVerdict::Unsupported,
                Judged::Broken { code, message } => return self.broken(property, &values, code, &message),
                Judged::Fails(failure) => {
                    report.cases += 1;
                    return self.shrunk(property, types, &heights, (choices, values, failure));
                }
            }
        }
        let drawn = report.cases + report.discarded;
        if drawn > 0 && report.discarded * 10 > drawn * 9 {
            return self.hardly_tested(property, report);
        }
        PropertyVerdict::Held
    }

    fn draw(&mut self, types: &[Type], heights: &[u32], source: Source) -> (Option<Vec<Value>>, Vec<u64>) {
        let mut draw = Draw::new(&mut self.definition, heights, source);
        let values: Result<Vec<Value>, Refused> = types.iter().map(|ty| draw.value(ty)).collect();
        (values.ok(), draw.choices)
    }

    fn shrunk(
        &mut self,
        property: &Property,
        types: &[Type],
        heights: &[u32],
        (choices, values, failure): (Vec<u64>, Vec<Value>, Failure),
    ) -> PropertyVerdict {
        let mut best = (values, failure);
        let mut least: Option<Vec<u64>> = None;
        let (_, n_smaller) = shrink::smallest(choices, &mut |choices| {
            let source = Source::Given { choices: choices.to_vec(), next: 0 };
            let (values, used) = self.draw(types, heights, source);
            let values = values?;
            let Judged::Fails(failure) = self.judge(property, &values) else { return None };
            if least.as_ref().is_none_or(|least| (used.len(), &used) < (least.len(), least)) {
                least = Some(used.clone());
                best = (values, failure);
            }
            Some(used)
        });
        let (values, failure) = best;
        self.counterexample(property, &values, failure, n_smaller)
    }

    fn judge(&mut self, property: &Property, values: &[Value]) -> Judged {
        if property.filter.is_some_and(|filter| !self.holds(filter, values)) {
            return Judged::Discarded;
        }
        if !self.definition.engine.is_external() {
            return match self.definition.engine.call(property.holds, values) {
                Answer::Value(Value::Bool(true)) => Judged::Holds,
                Answer::Unsupported => Judged::Unsupported,
                Answer::Broken { code, message } => Judged::Broken { code, message },
                answer => Judged::Fails(Failure {
                    found: found(&answer),
                    call: self.first_call(property, values),
                    fault: fault_of(&answer),
                    origin: None,
                }),
            };
        }
        let mut other = None;
        let mut call = None;
        let (evaluator, engine) = self.definition.both();
        let outcome = evaluator.call_with(property.holds, values, &mut |function: FunctionId, args| {
            if function != property.of {
                return None;
            }
            let outcome = match engine.call(function, args) {
                Answer::Value(value) => Ok(value),
                Answer::Fault(fault) => Err(fault),
                answer => {
                    other = Some(answer);
                    // Ends the evaluation; what it gives is not looked at.
                    Err(Fault::Unwrap)
                }
            };
            call.get_or_insert_with(|| args.to_vec());
            Some(outcome)
        });
        match (other, outcome) {
            (Some(Answer::Broken { code, message }), _) => Judged::Broken { code, message },
            (Some(_), _) => Judged::Unsupported,
            (None, Ok(Value::Bool(true))) => Judged::Holds,
            (None, outcome) => {
                let origin = evaluator.trace().map(|trace| origin::of(self.program, trace));
                let call = call.filter(|_| self.program.function(property.of).body.is_some());
                let call = call.map(|args| {
                    let right = self.definition.call(property.of, &args);
                    (args, right)
                });
                let answer = outcome.into();
                Judged::Fails(Failure { found: found(&answer), call, fault: fault_of(&answer), origin })
            }
        }
    }

    /// Finds what the behaviour is called with first.
    fn first_call(&mut self, property: &Property, values: &[Value]) -> Option<(Vec<Value>, Outcome)> {
        let mut call = None;
        // What it gives is known; only the calls are listened to.
        let _known = self.definition.both().0.call_with(property.holds, values, &mut |function: FunctionId, args| {
            if function == property.of {
                call.get_or_insert_with(|| args.to_vec());
            }
            None
        });
        let args = call?;
        self.program.function(property.of).body.as_ref()?;
        let result = self.definition.call(property.of, &args);
        Some((args, result))
    }

    fn counterexample(
        &mut self,
        property: &Property,
        values: &[Value],
        failure: Failure,
        shrinks: u32,
    ) -> PropertyVerdict {
        let origin = match (failure.origin, failure.fault) {
            (None, Some(fault)) => origin(self.program, self.definition.both().0, property.holds, values, fault),
            (found, _) => found,
        };
        let vars = self.shown(property, values);
        let function = self.program.function(property.of);
        let row = failure.call.map(|(args, result)| {
            let cells = function.locals.iter().zip(&args);
            let mut cells: Vec<String> =
                cells.map(|(local, value)| show(self.program, &local.declared, value)).collect();
            cells.push(match result {
                Ok(value) => show(self.program, &function.returns, &value),
                Err(fault) => fault_text(fault),
            });
            cells
        });
        PropertyVerdict::Failed(Counterexample { vars, found: failure.found, row, origin, shrinks })
    }

    /// The variables, as the language writes their values.
    fn shown(&self, property: &Property, values: &[Value]) -> Vec<(String, String)> {
        let vars = property.vars.iter().zip(values);
        vars.map(|((name, ty), value)| (name.clone(), show(self.program, ty, value))).collect()
    }

    /// Says of a case that could not be judged which one it is.
    fn broken(&self, property: &Property, values: &[Value], code: &'static str, message: &str) -> PropertyVerdict {
        let vars = self.shown(property, values);
        let vars: Vec<String> = vars.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        PropertyVerdict::Broken { code, message: format!("{message}; where {}", vars.join(", ")) }
    }

    fn hardly_tested(&mut self, property: &Property, report: &PropertyReport) -> PropertyVerdict {
        let drawn = report.cases + report.discarded;
        let message =
            format!("`{}` is hardly tested: {} of {drawn} cases were discarded", property.name, report.discarded);
        let diagnostic = Diagnostic::new("E0410", property.span, message);
        self.report.diagnostics.push(diagnostic.help("choose variables whose types say already what is allowed"));
        PropertyVerdict::HardlyTested
    }
}

fn fault_of(answer: &Answer) -> Option<Fault> {
    if let Answer::Fault(fault) = answer { Some(*fault) } else { None }
}

fn found(answer: &Answer) -> String {
    match answer {
        Answer::Fault(fault) => fault_text(*fault),
        _ => "false".to_owned(),
    }
}
