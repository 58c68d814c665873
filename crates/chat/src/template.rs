//! [`Template`]: compile once, render under limits.

mod size;

use std::io::{self, Write};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, context, syntax::SyntaxConfig};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::{Inputs, builtin, limits, python};

/// Why a template cannot be compiled or rendered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Longer or deeper than templates may be.
    #[error("{got} {what}, at most {max} are allowed")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// Not a template.
    #[error("line {line}: {what}")]
    Syntax {
        /// Line of the source.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// The template itself refuses the conversation.
    #[error("the template refuses: {0}")]
    Refused(String),
    /// It ran out of fuel, or wrote too much.
    #[error("rendering was stopped: {0}")]
    Exhausted(String),
    /// It does what cannot be done.
    #[error("line {line}: {what}")]
    Rendering {
        /// Line of the source.
        line: usize,
        /// What is wrong there.
        what: String,
    },
}

/// A compiled chat template; immutable, may be used from several threads.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
}

const NAME: &str = "chat";

impl Template {
    /// Compiles the source that a model brings along, in transformers' dialect: Jinja with the `{% generation %}` mark.
    pub fn of_model(source: &str) -> Result<Self, Error> {
        size::check(source)?;
        Self::new(&python::without_generation_marks(source))
    }

    /// Compiles plain Jinja, in which `{% generation %}` is an unknown tag.
    pub fn new(source: &str) -> Result<Self, Error> {
        size::check(source)?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_fuel(Some(limits::FUEL));
        environment.set_recursion_limit(limits::RECURSION_MAX);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(unknown_method_callback);
        python::install(&mut environment);
        let added = environment.add_template_owned(NAME, python::with_safe_sums_spelled_out(source));
        added.map_err(|e| Error::Syntax { line: e.line().unwrap_or(0), what: reason(&e) })?;
        Ok(Self { environment })
    }

    /// One of the [well-known formats](crate::BUILTIN_NAMES), for models without a template.
    pub fn builtin(name: &str) -> Option<Self> {
        Self::new(builtin::source(name)?).ok()
    }

    /// The prompt for `inputs`.
    pub fn render(&self, inputs: &Inputs) -> Result<String, Error> {
        let template =
            self.environment.get_template(NAME).map_err(|e| Error::Rendering { line: 0, what: reason(&e) })?;
        let now = inputs.now;
        let variables = context! {
            messages => python::values(&inputs.messages),
            tools => inputs.tools.as_deref().map_or_else(|| Value::from_object(python::PythonNone), python::values),
            add_generation_prompt => inputs.add_generation_prompt,
            bos_token => inputs.bos_token.as_str(),
            eos_token => inputs.eos_token.as_str(),
            strftime_now => Value::from_function(move |format: &str| python::strftime(now, format)),
        };
        let mut output = Output { text: Vec::new() };
        match template.render_captured_to(variables, &mut output) {
            Ok(_) => String::from_utf8(output.text).map_err(|e| Error::Rendering { line: 0, what: e.to_string() }),
            Err(error) => Err(classify(&error)),
        }
    }
}

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

fn classify(error: &minijinja::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(inner) = current.downcast_ref::<minijinja::Error>() {
            if inner.kind() == ErrorKind::OutOfFuel {
                return Error::Exhausted(format!("more than {} instructions", limits::FUEL));
            }
            if let Some(refusal) = inner.detail().and_then(|d| d.strip_prefix(python::REFUSAL)) {
                return Error::Refused(refusal.to_owned());
            }
        }
        if current.downcast_ref::<io::Error>().is_some() {
            return Error::Exhausted(format!("more than {} bytes of output", limits::OUTPUT_BYTES_MAX));
        }
        cause = current.source();
    }
    Error::Rendering { line: error.line().unwrap_or(0), what: reason(error) }
}

/// Takes text up to the limit.
struct Output {
    text: Vec<u8>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > limits::OUTPUT_BYTES_MAX {
            return Err(io::Error::other("too much output"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
