#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod check;
mod emit;
mod error;
mod expr;
mod parse;
mod table;
mod tree;

pub use error::Error;
pub use expr::Expr;
pub use parse::parse;
pub use table::{Field, Row, Table};
pub use tree::{Node, Tree};

/// The two Rust sources made from one table.
pub struct Output {
    /// `Row`, `decode`, `ROWS`, argument structs: needs nothing but `core`.
    pub decoder: String,
    /// `translate`: needs `crate::sem` with a module for each section.
    pub translator: String,
}

/// Compiles the table `text`; `file` is the name that error messages carry.
///
/// # Errors
/// Every fault found, in line order: syntax, widths, unknown fields, overlaps, rows that share a
/// semantic function but not its fields.
pub fn compile(file: &str, text: &str) -> Result<Output, Vec<Error>> {
    let table = parse(file, text)?;
    check::check(file, &table)?;
    let tree = Tree::build(&table);
    Ok(Output { decoder: emit::decoder(file, &table, &tree), translator: emit::translator(file, &table) })
}
