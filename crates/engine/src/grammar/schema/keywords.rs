//! The keywords of JSON Schema, and what becomes of each.

/// The kind of a keyword: what its value must be, and so how it is lowered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keyword {
    /// The keyword says nothing about values and is left out.
    Annotation,
    /// The keyword `$defs`: looked at where something refers to it.
    Definitions,
    /// The value is a dialect; those that are known read alike here.
    Dialect,
    /// A type, or a list of types.
    Type,
    /// The value is any one, taken literally.
    Constant,
    /// The value is a list of values, taken literally.
    Constants,
    /// The value is a reference within the schema.
    Reference,
    /// The value is a schema.
    Schema,
    /// The value is a list of schemas, not empty.
    Schemas,
    /// The value holds schemas by name.
    SchemasByName,
    /// The value holds schemas by regular expression.
    SchemasByPattern,
    /// The keyword `items`: a schema, or in old dialects a list.
    Items,
    /// The keyword `additionalItems`: a schema of what follows the list of `items`.
    AdditionalItems,
    /// The value is a whole number of things.
    Length,
    /// The value is a number.
    Number,
    /// The value is a number, or in the oldest dialect a boolean.
    NumberOrFlag,
    /// The value is a number above zero.
    PositiveNumber,
    /// The value is a regular expression.
    Pattern,
    /// The value is the name of a format.
    Format,
    /// The value is a list of names.
    Names,
    /// The value is a schema of the names themselves.
    PropertyNames,
    /// The value `true` beside a schema allows null as well.
    Nullable,
    /// The keyword is enforced by nobody, so its value may only be `false`.
    OnlyFalse,
}

/// Every keyword that is not refused, by the type of value that it speaks of. A keyword that speaks of another type
/// than the value has says nothing, as the standard wants it.
const KEYWORDS: &[(&str, Keyword)] = &[
    // about the schema
    ("title", Keyword::Annotation),
    ("description", Keyword::Annotation),
    ("default", Keyword::Annotation),
    ("example", Keyword::Annotation),
    ("examples", Keyword::Annotation),
    ("deprecated", Keyword::Annotation),
    ("readOnly", Keyword::Annotation),
    ("writeOnly", Keyword::Annotation),
    ("$comment", Keyword::Annotation),
    ("$id", Keyword::Annotation),
    ("id", Keyword::Annotation),
    ("$anchor", Keyword::Annotation),
    ("contentMediaType", Keyword::Annotation),
    ("contentEncoding", Keyword::Annotation),
    // OpenAPI's hint which branch of a `oneOf` a value is of: the branches themselves say it too.
    ("discriminator", Keyword::Annotation),
    ("$defs", Keyword::Definitions),
    ("definitions", Keyword::Definitions),
    ("$schema", Keyword::Dialect),
    // any value
    ("type", Keyword::Type),
    ("const", Keyword::Constant),
    ("enum", Keyword::Constants),
    ("$ref", Keyword::Reference),
    ("anyOf", Keyword::Schemas),
    ("oneOf", Keyword::Schemas),
    ("allOf", Keyword::Schemas),
    ("nullable", Keyword::Nullable),
    // numbers
    ("minimum", Keyword::Number),
    ("maximum", Keyword::Number),
    ("exclusiveMinimum", Keyword::NumberOrFlag),
    ("exclusiveMaximum", Keyword::NumberOrFlag),
    ("multipleOf", Keyword::PositiveNumber),
    // strings
    ("minLength", Keyword::Length),
    ("maxLength", Keyword::Length),
    ("pattern", Keyword::Pattern),
    ("format", Keyword::Format),
    // arrays
    ("items", Keyword::Items),
    ("prefixItems", Keyword::Schemas),
    ("additionalItems", Keyword::AdditionalItems),
    ("minItems", Keyword::Length),
    ("maxItems", Keyword::Length),
    ("uniqueItems", Keyword::OnlyFalse),
    // objects
    ("properties", Keyword::SchemasByName),
    ("patternProperties", Keyword::SchemasByPattern),
    ("additionalProperties", Keyword::Schema),
    ("propertyNames", Keyword::PropertyNames),
    ("required", Keyword::Names),
    ("minProperties", Keyword::Length),
    ("maxProperties", Keyword::Length),
];

/// Names of the formats that are enforced.
pub(super) const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"];

/// Names of the types.
pub(super) const TYPES: &[&str] = &["null", "boolean", "integer", "number", "string", "array", "object"];

/// Returns the kind of a keyword; `None` if it is not supported.
pub(super) fn find(name: &str) -> Option<Keyword> {
    if name.starts_with("x-") && name != "x-guidance" {
        return Some(Keyword::Annotation);
    }
    KEYWORDS.iter().find(|(known, _)| *known == name).map(|(_, keyword)| *keyword)
}

/// Whether the dialect is one of those whose keywords are the ones above.
pub(super) fn is_dialect(uri: &str) -> bool {
    let uri = uri.trim_end_matches('#');
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
    matches!(
        rest,
        Some(
            "json-schema.org/draft/2020-12/schema"
                | "json-schema.org/draft/2019-09/schema"
                | "json-schema.org/draft-07/schema"
                | "json-schema.org/draft-06/schema"
                | "json-schema.org/draft-04/schema"
        )
    )
}
