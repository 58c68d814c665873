//! Well-known formats, for models that bring no template.

const BUILTINS: &[(&str, &str)] = &[
    ("chatml", include_str!("builtin/chatml.jinja")),
    ("llama2", include_str!("builtin/llama2.jinja")),
    ("llama3", include_str!("builtin/llama3.jinja")),
    ("gemma", include_str!("builtin/gemma.jinja")),
    ("zephyr", include_str!("builtin/zephyr.jinja")),
    ("phi3", include_str!("builtin/phi3.jinja")),
    ("mistral", include_str!("builtin/mistral.jinja")),
];

/// The names that [`Template::builtin`](crate::Template::builtin) knows.
pub const BUILTIN_NAMES: &[&str] = &{
    let mut names = [""; BUILTINS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = BUILTINS[i].0;
        i += 1;
    }
    names
};

/// The source of `name`.
pub(crate) fn source(name: &str) -> Option<&'static str> {
    BUILTINS.iter().find(|(n, _)| *n == name).map(|(_, source)| *source)
}

#[cfg(test)]
mod tests {
    use crate::{Inputs, Message, Template};
    use jiff::civil::date;

    #[test]
    fn every_builtin_shows_the_messages_in_order_and_opens_the_reply() {
        for (name, _) in super::BUILTINS {
            let turns = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi"), ("user", "Bye")];
            let messages = turns.map(|(role, content)| Message::new(role, content));
            let inputs = Inputs::new(&messages, "<s>", "</s>", date(2026, 1, 15).at(12, 0, 0, 0));
            let text = Template::builtin(name).unwrap().render(&inputs).unwrap();
            let places =
                turns.map(|(_, content)| text.find(content).unwrap_or_else(|| panic!("{name}: {content} in {text:?}")));
            assert!(places.is_sorted() && !text.ends_with("Bye"), "{name}: {text:?}");
        }
        assert!(Template::builtin("no such").is_none());
    }
}
