//! The methods that take a lambda: one table, which the checker, its lowering to loops and the reference read.
//!
//! A lambda is `x => …` or `(a, b) => …`, or the name of a function. One that takes a pair, as those of a Map do, may
//! name both parts: `(key, value) => …`.

/// A row of the table.
#[derive(Debug)]
pub struct Method {
    /// What a spec writes after the point.
    pub name: &'static str,
    /// Types of what stands before the point and of the arguments; `A => B` and `(A, B) => C` are lambdas.
    pub params: &'static [&'static str],
    /// Type of the result.
    pub returns: &'static str,
    /// One sentence for the reference.
    pub doc: &'static str,
    pub(super) lowering: Lowering,
}

/// How a method becomes a loop or a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lowering {
    All,
    Any,
    Count,
    Sum,
    Map,
    MapValues,
    Filter,
    Fold,
    Scan,
    FlatMap,
    FilterMap,
    TakeWhile,
    DropWhile,
    Find,
    Position,
    SortBy,
    GroupBy,
    MinBy,
    MaxBy,
    Partition,
    OptionMap,
    OptionAndThen,
    OptionFilter,
    ResultMap,
    ResultMapErr,
    ResultAndThen,
}

macro_rules! methods {
    ($($lowering:ident $name:literal ($($param:literal),*) $returns:literal $doc:literal)*) => {
        /// All methods that take a lambda. A static: rows are told apart by their address, and a constant may have
        /// one in each place that it is used.
        pub static METHODS: &[Method] = &[
            $(Method {
                name: $name,
                params: &[$($param),*],
                returns: $returns,
                doc: $doc,
                lowering: Lowering::$lowering,
            },)*
        ];
    };
}

methods! {
    All "all" ("List<T>", "T => Bool") "Bool"
        "Whether it holds for every item; those behind the first for which it does not are not asked."
    All "all" ("Set<T>", "T => Bool") "Bool"
        "Whether it holds for every member, asked in order."
    All "all" ("Map<K, V>", "((K, V)) => Bool") "Bool"
        "Whether it holds for every key and value, asked in order."
    All "all" ("String", "String => Bool") "Bool"
        "Whether it holds for every scalar value, each a text of one."
    All "all" ("Bytes", "Int => Bool") "Bool"
        "Whether it holds for every byte."
    Any "any" ("List<T>", "T => Bool") "Bool"
        "Whether it holds for some item; those behind the first for which it does are not asked."
    Any "any" ("Set<T>", "T => Bool") "Bool"
        "Whether it holds for some member, asked in order."
    Any "any" ("Map<K, V>", "((K, V)) => Bool") "Bool"
        "Whether it holds for some key and value, asked in order."
    Any "any" ("String", "String => Bool") "Bool"
        "Whether it holds for some scalar value, each a text of one."
    Any "any" ("Bytes", "Int => Bool") "Bool"
        "Whether it holds for some byte."
    Count "count" ("List<T>", "T => Bool") "Int"
        "For how many items it holds."
    Count "count" ("Set<T>", "T => Bool") "Int"
        "For how many members it holds."
    Count "count" ("Map<K, V>", "((K, V)) => Bool") "Int"
        "For how many keys and values it holds."
    Count "count" ("String", "String => Bool") "Int"
        "For how many scalar values it holds."
    Count "count" ("Bytes", "Int => Bool") "Int"
        "For how many bytes it holds."
    Sum "sum" ("List<T>", "T => N") "N"
        "The sum of what it gives for each item, from the first: Int, U64, Float or F32; 0 of an empty list."
    Sum "sum" ("Set<T>", "T => N") "N"
        "The sum of what it gives for each member, in order."
    Sum "sum" ("Map<K, V>", "((K, V)) => N") "N"
        "The sum of what it gives for each key and value, in order."
    Sum "sum" ("List<T>") "T"
        "The sum of the items, from the first: Int, U64, Float or F32; 0 of an empty list."
    Map "map" ("List<T>", "T => U") "List<U>"
        "What it gives for each item."
    Map "map" ("Set<T>", "T => U") "List<U>"
        "What it gives for each member, in order."
    Map "map" ("Map<K, V>", "((K, V)) => U") "List<U>"
        "What it gives for each key and value, in order."
    Map "map" ("String", "String => U") "List<U>"
        "What it gives for each scalar value, each a text of one."
    Map "map" ("Bytes", "Int => U") "List<U>"
        "What it gives for each byte."
    MapValues "map_values" ("Map<K, V>", "V => U") "Map<K, U>"
        "The same keys with what it gives for their values."
    Filter "filter" ("List<T>", "T => Bool") "List<T>"
        "The items for which it holds."
    Filter "filter" ("Set<T>", "T => Bool") "Set<T>"
        "The members for which it holds."
    Filter "filter" ("Map<K, V>", "((K, V)) => Bool") "Map<K, V>"
        "The keys and values for which it holds."
    Filter "filter" ("String", "String => Bool") "String"
        "The scalar values for which it holds."
    Fold "fold" ("List<T>", "A", "(A, T) => A") "A"
        "Begins with the first argument and takes what the second gives for it and each item."
    Fold "fold" ("Set<T>", "A", "(A, T) => A") "A"
        "Begins with the first argument and takes what the second gives for it and each member, in order."
    Fold "fold" ("Map<K, V>", "A", "(A, (K, V)) => A") "A"
        "Begins with the first argument and takes what the second gives for it and each key and value, in order."
    Fold "fold" ("String", "A", "(A, String) => A") "A"
        "Begins with the first argument and takes what the second gives for it and each scalar value."
    Fold "fold" ("Bytes", "A", "(A, Int) => A") "A"
        "Begins with the first argument and takes what the second gives for it and each byte."
    Scan "scan" ("List<T>", "A", "(A, T) => A") "List<A>"
        "Like `fold`, and gives what each step gave: as many as there are items."
    FlatMap "flat_map" ("List<T>", "T => List<U>") "List<U>"
        "The lists that it gives for each item, one after the other."
    FilterMap "filter_map" ("List<T>", "T => Option<U>") "List<U>"
        "What is in it where it gives `Some`."
    TakeWhile "take_while" ("List<T>", "T => Bool") "List<T>"
        "The items before the first for which it does not hold."
    TakeWhile "take_while" ("String", "String => Bool") "String"
        "The scalar values before the first for which it does not hold."
    TakeWhile "take_while" ("Bytes", "Int => Bool") "Bytes"
        "The bytes before the first for which it does not hold."
    DropWhile "drop_while" ("List<T>", "T => Bool") "List<T>"
        "The items from the first on for which it does not hold."
    DropWhile "drop_while" ("String", "String => Bool") "String"
        "The scalar values from the first on for which it does not hold."
    DropWhile "drop_while" ("Bytes", "Int => Bool") "Bytes"
        "The bytes from the first on for which it does not hold."
    Find "find" ("List<T>", "T => Bool") "Option<T>"
        "The first item for which it holds."
    Find "find" ("Set<T>", "T => Bool") "Option<T>"
        "The first member, in order, for which it holds."
    Find "find" ("Map<K, V>", "((K, V)) => Bool") "Option<(K, V)>"
        "The first key and value, in order, for which it holds."
    Position "position" ("List<T>", "T => Bool") "Option<Int>"
        "Where the first item stands for which it holds."
    Position "position" ("String", "String => Bool") "Option<Int>"
        "Where the first scalar value stands for which it holds."
    Position "position" ("Bytes", "Int => Bool") "Option<Int>"
        "Where the first byte stands for which it holds."
    SortBy "sort_by" ("List<T>", "T => K") "List<T>"
        "Sorted by what it gives, in the order of `compare`; items of equal keys stay in their order."
    GroupBy "group_by" ("List<T>", "T => K") "Map<K, List<T>>"
        "The items by what it gives for them, in their order."
    MinBy "min_by" ("List<T>", "T => K") "Option<T>"
        "The first of the items for which it gives the least, in the order of `compare`."
    MaxBy "max_by" ("List<T>", "T => K") "Option<T>"
        "The first of the items for which it gives the greatest, in the order of `compare`."
    Partition "partition" ("List<T>", "T => Bool") "(List<T>, List<T>)"
        "The items for which it holds, and the others."
    OptionMap "map" ("Option<T>", "T => U") "Option<U>"
        "What it gives for what is in it."
    OptionAndThen "and_then" ("Option<T>", "T => Option<U>") "Option<U>"
        "What it gives for what is in it; `None` of `None`."
    OptionFilter "filter" ("Option<T>", "T => Bool") "Option<T>"
        "Itself where it holds for what is in it, else `None`."
    ResultMap "map" ("Result<T, E>", "T => U") "Result<U, E>"
        "What it gives for the value; an `Err` stays."
    ResultMapErr "map_err" ("Result<T, E>", "E => F") "Result<T, F>"
        "What it gives for the error; an `Ok` stays."
    ResultAndThen "and_then" ("Result<T, E>", "T => Result<U, E>") "Result<U, E>"
        "What it gives for the value; an `Err` stays."
}
