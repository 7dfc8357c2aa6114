//! Which case runs for which kind, and why not where it does not.

/// One thing that a store, the network or an entry can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// There is no such entry.
    Missing,
    /// There is, but not in the version that is asked for.
    VersionMissing,
    /// It was there: disabled, deleted, scheduled for deletion.
    Disabled,
    /// The identity may not.
    Denied,
    /// The credentials are not accepted any more, new ones are.
    Recovered,
    /// Too many calls, without and with a word on when to come back.
    Throttled,
    ThrottledWithAdvice,
    /// 5xx, in the store's own words and in a proxy's.
    Failing,
    /// No answer until the deadline.
    Hangs,
    /// The connection ends within the body, and before it.
    Cut,
    /// A body that is not what the API promises.
    Garbage,
    /// An answer that leads to another host.
    Redirected,
    /// More than the kind takes.
    TooLarge,
    /// Values as they come out.
    Binary,
    Empty,
    Unicode,
    /// 10,000 entries below a prefix; one more is too many.
    Paged,
    /// Names that are another path, another text or another host than they seem.
    HostileNames,
}

/// Whether a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Runs,
    /// And why it does not.
    Not(&'static str),
}

/// The columns: each kind, and its variants where they are read by other calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    File,
    SecretsManager,
    ParameterStore,
    SecretManager,
    ParameterManager,
    Rendered,
    KeyVault,
    AppConfiguration,
    Vault1,
    Vault2,
}

use Cell::Not;

const X: Cell = Cell::Runs;
/// Of a directory.
const WIRE: Cell = Not("a directory is not reached over a network");
const DISK: Cell = Not("a file is there or not: the file system knows no such state");
const ROOT: Cell =
    Not("root may read every file: the file store's unit tests make the error itself");
/// Of single kinds.
const THERE: Cell = Not("it is there or not: the store knows no such state");
const TEXT: Cell = Not("the store holds text only");
const JSON: Cell = Not("an entry is a JSON object");
const NO_VERSIONS: Cell = Not("it keeps no versions");
const UNBOUNDED: Cell = Not("the SDK reads answers of any size, AWS gives none larger than 64 KiB");

/// A missing cell does not compile, a missing row fails `the_table_is_whole`.
#[rustfmt::skip]
pub(crate) const TABLE: [(Case, [Cell; 10]); 18] = [
    //                           file         aws           gcp                   azure         vault
    //                           -            sm  ps        sm    pm    rendered  kv    app     1            2
    (Case::Missing,             [X,           X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::VersionMissing,      [NO_VERSIONS, X,  X,        X,    X,    X,        X,    X,      NO_VERSIONS, X]),
    (Case::Disabled,            [DISK,        X,  THERE,    X,    X,    X,        X,    THERE,  NO_VERSIONS, X]),
    (Case::Denied,              [ROOT,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Recovered,           [DISK,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Throttled,           [DISK,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::ThrottledWithAdvice, [DISK,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Failing,             [WIRE,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Hangs,               [WIRE,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Cut,                 [WIRE,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Garbage,             [WIRE,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Redirected,          [WIRE,        X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::TooLarge,            [X,           UNBOUNDED, UNBOUNDED, X, X, X,      X,    X,      X,           X]),
    (Case::Binary,              [X,           X,  TEXT,     X,    X,    TEXT,     TEXT, TEXT,   JSON,        JSON]),
    (Case::Empty,               [X,           X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Unicode,             [X,           X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::Paged,               [X,           X,  X,        X,    X,    X,        X,    X,      X,           X]),
    (Case::HostileNames,        [X,           X,  X,        X,    X,    X,        X,    X,      X,           X]),
];

/// The cases of a column, with what the table says.
pub(crate) fn cases(column: Column) -> impl Iterator<Item = (Case, Cell)> {
    TABLE
        .iter()
        .map(move |(case, cells)| (*case, cells[column as usize]))
}

#[test]
fn the_table_is_whole() {
    // A case that is new has to be named here, and then has to have its row.
    let row = |case: Case| match case {
        Case::Missing => 0,
        Case::VersionMissing => 1,
        Case::Disabled => 2,
        Case::Denied => 3,
        Case::Recovered => 4,
        Case::Throttled => 5,
        Case::ThrottledWithAdvice => 6,
        Case::Failing => 7,
        Case::Hangs => 8,
        Case::Cut => 9,
        Case::Garbage => 10,
        Case::Redirected => 11,
        Case::TooLarge => 12,
        Case::Binary => 13,
        Case::Empty => 14,
        Case::Unicode => 15,
        Case::Paged => 16,
        Case::HostileNames => 17,
    };
    for (place, (case, cells)) in TABLE.iter().enumerate() {
        assert_eq!(row(*case), place, "{case:?}");
        for cell in cells {
            assert!(!matches!(cell, Not(why) if why.len() < 10), "{case:?}");
        }
    }
    assert_eq!(Column::Vault2 as usize + 1, TABLE[0].1.len());
}
