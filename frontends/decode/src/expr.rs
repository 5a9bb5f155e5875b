//! Constraints over the fields of a row: parsing, evaluation, and printing as Rust.

use crate::table::Field;

/// An expression over field values. Comparisons and logic give 0 or 1; anything not zero is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// A literal.
    Number(u32),
    /// The value of a field, by its position in the row.
    Field(usize),
    /// Logical negation.
    Not(Box<Expr>),
    /// A two-operand operator, one of `OPERATORS`.
    Binary(&'static str, Box<Expr>, Box<Expr>),
}

/// Operators by binding strength, weakest first; those of one level associate to the left.
const OPERATORS: [&[&str]; 4] = [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">"], &["&"]];

impl Expr {
    /// Parses `text`, naming fields of `fields`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str, fields: &[Field]) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, next: 0, fields };
        let expr = parser.level(0)?;
        match parser.tokens.get(parser.next) {
            None => Ok(expr),
            Some(extra) => Err(format!("`{extra}` is out of place in the constraint")),
        }
    }

    /// The value for the fields of `word`.
    pub fn eval(&self, fields: &[Field], word: u32) -> u32 {
        match self {
            Self::Number(n) => *n,
            Self::Field(i) => fields[*i].get(word),
            Self::Not(e) => u32::from(e.eval(fields, word) == 0),
            Self::Binary(op, a, b) => apply(op, a.eval(fields, word), b.eval(fields, word)),
        }
    }

    /// The bits of the word on which the value depends.
    pub fn mask(&self, fields: &[Field]) -> u32 {
        match self {
            Self::Number(_) => 0,
            Self::Field(i) => fields[*i].mask(),
            Self::Not(e) => e.mask(fields),
            Self::Binary(_, a, b) => a.mask(fields) | b.mask(fields),
        }
    }

    /// A Rust expression of type `bool` over the variable `word`.
    pub fn rust_bool(&self, fields: &[Field]) -> String {
        match self {
            Self::Not(e) => format!("!{}", e.rust_bool(fields)),
            Self::Binary(op, a, b) if matches!(*op, "||" | "&&") => {
                format!("({} {op} {})", a.rust_bool(fields), b.rust_bool(fields))
            }
            Self::Binary(op, a, b) if *op != "&" => {
                format!("({} {op} {})", a.rust_u32(fields), b.rust_u32(fields))
            }
            _ => format!("({} != 0)", self.rust_u32(fields)),
        }
    }

    fn rust_u32(&self, fields: &[Field]) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Field(i) => rust_field(&fields[*i]),
            Self::Binary("&", a, b) => format!("({} & {})", a.rust_u32(fields), b.rust_u32(fields)),
            _ => format!("u32::from({})", self.rust_bool(fields)),
        }
    }
}

/// A Rust expression for a field's value, of type `u32`, over the variable `word`.
pub(crate) fn rust_field(field: &Field) -> String {
    let low = u32::MAX >> (32 - field.width);
    if field.lsb == 0 { format!("(word & {low:#x})") } else { format!("((word >> {}) & {low:#x})", field.lsb) }
}

fn apply(op: &str, a: u32, b: u32) -> u32 {
    match op {
        "&" => a & b,
        "||" => u32::from(a != 0 || b != 0),
        "&&" => u32::from(a != 0 && b != 0),
        "==" => u32::from(a == b),
        "!=" => u32::from(a != b),
        "<" => u32::from(a < b),
        "<=" => u32::from(a <= b),
        ">" => u32::from(a > b),
        ">=" => u32::from(a >= b),
        _ => unreachable!("operator {op} is not in OPERATORS"),
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut rest = text.trim_start();
    let mut out = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if let Some(op) = OPERATORS.iter().copied().flatten().find(|op| op.len() == 2 && rest.starts_with(**op))
        {
            op.len()
        } else if "&<>!()".contains(first) {
            1
        } else {
            return Err(format!("`{first}` has no meaning in a constraint"));
        };
        out.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(out)
}

struct Parser<'a> {
    tokens: Vec<String>,
    next: usize,
    fields: &'a [Field],
}

impl Parser<'_> {
    fn level(&mut self, level: usize) -> Result<Expr, String> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(op) = self.take_one_of(operators) {
            let right = self.level(level + 1)?;
            left = Expr::Binary(op, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn take_one_of(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        let token = self.tokens.get(self.next)?;
        let op = operators.iter().find(|op| *op == token)?;
        self.next += 1;
        Some(op)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        let token = self.tokens.get(self.next).cloned().ok_or("the constraint ends too early")?;
        self.next += 1;
        match token.as_str() {
            "!" => Ok(Expr::Not(Box::new(self.unary()?))),
            "(" => {
                let inner = self.level(0)?;
                self.take_one_of(&[")"]).ok_or("`)` is missing in the constraint")?;
                Ok(inner)
            }
            _ if token.starts_with(|c: char| c.is_ascii_digit()) => number(&token).map(Expr::Number),
            _ => match self.fields.iter().position(|f| f.name == token) {
                Some(i) => Ok(Expr::Field(i)),
                None => Err(format!("the constraint names `{token}`, which is no field of the row")),
            },
        }
    }
}

fn number(token: &str) -> Result<u32, String> {
    let (digits, radix) = match token.get(..2) {
        Some("0x") => (&token[2..], 16),
        Some("0b") => (&token[2..], 2),
        _ => (token, 10),
    };
    u32::from_str_radix(digits, radix).map_err(|_| format!("`{token}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<Field> {
        vec![Field { name: "size".into(), lsb: 22, width: 2 }, Field { name: "q".into(), lsb: 30, width: 1 }]
    }

    fn value(text: &str, size: u32, q: u32) -> u32 {
        let fields = fields();
        Expr::parse(text, &fields).unwrap().eval(&fields, size << 22 | q << 30)
    }

    #[test]
    fn precedence_is_rusts() {
        assert_eq!(value("size & 2 == 2 && q", 3, 1), 1);
        assert_eq!(value("size & 2 == 2 && q", 1, 1), 0);
        assert_eq!(value("q || size == 1 && 0", 1, 0), 0);
        assert_eq!(value("(q || size == 1) && 1", 1, 0), 1);
        assert_eq!(value("!(size==3 && q==0)", 3, 0), 0);
        assert_eq!(value("q == (size == 0x3)", 3, 1), 1);
        assert_eq!(value("size >= 0b10", 2, 0), 1);
        assert_eq!(value("!q & 1", 0, 0), 1);
    }

    #[test]
    fn errors_name_the_culprit() {
        let error = |text| Expr::parse(text, &fields()).unwrap_err();
        assert!(error("sz == 1").contains("`sz`"));
        assert!(error("size ==").contains("too early"));
        assert!(error("(size").contains("`)`"));
        assert!(error("size size").contains("out of place"));
        assert!(error("size % 2").contains('%'));
        assert!(error("size == 0b3").contains("0b3"));
    }

    #[test]
    fn rust_text_is_typed() {
        let text = Expr::parse("q == (size == 3) && !(size & 1)", &fields()).unwrap().rust_bool(&fields());
        assert_eq!(
            text,
            "((((word >> 30) & 0x1) == u32::from((((word >> 22) & 0x3) == 3))) && !((((word >> 22) & 0x3) & 1) != 0))"
        );
    }
}
