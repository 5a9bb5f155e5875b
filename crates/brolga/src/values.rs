//! Readers of option values: sizes, addresses, ranges and comma lists. Errors are the tail of a message:
//! "option '-s': *not a size: foo*".

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A value that must be text.
pub fn text(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| format!("'{}' is not UTF-8", value.to_string_lossy()))
}

/// An unsigned number as strtoull(3) with base 0 reads it: decimal, `0x` hexadecimal, or octal by a leading `0`.
pub fn number(word: &str) -> Option<u64> {
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    match word.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ if word.starts_with('+') => None,
        _ => word.parse().ok(),
    }
}

/// A number of bytes: a number with an optional K, M, G or T (powers of 1024).
pub fn size(value: &OsStr) -> Result<u64, String> {
    let word = text(value)?;
    let (digits, shift) = match word.char_indices().last() {
        Some((at, 'k' | 'K')) => (&word[..at], 10),
        Some((at, 'm' | 'M')) => (&word[..at], 20),
        Some((at, 'g' | 'G')) => (&word[..at], 30),
        Some((at, 't' | 'T')) => (&word[..at], 40),
        _ => (word, 0),
    };
    number(digits)
        .and_then(|n| n.checked_mul(1 << shift))
        .ok_or_else(|| format!("'{word}' is not a size (a number, or one with K, M, G or T)"))
}

/// A plain number.
pub fn integer(value: &OsStr) -> Result<u64, String> {
    let word = text(value)?;
    number(word).ok_or_else(|| format!("'{word}' is not a number"))
}

/// Address ranges `START..END`, `START+LENGTH`, `START-LENGTH`, comma-separated; the last form covers the LENGTH bytes
/// that end at START, START included.
pub fn ranges(value: &OsStr) -> Result<Vec<RangeInclusive<u64>>, String> {
    text(value)?.split(',').filter(|word| !word.is_empty()).map(range).collect()
}

fn range(word: &str) -> Result<RangeInclusive<u64>, String> {
    let bad = || format!("'{word}' is not a range (START..END, START+LENGTH or START-LENGTH)");
    let parts = |separator| word.split_once(separator).and_then(|(a, b)| Some((number(a)?, number(b)?)));
    let (low, high) = if let Some((low, high)) = parts("..") {
        (low, high)
    } else if let Some((low, length)) = parts("+") {
        (low, length.checked_sub(1).and_then(|l| low.checked_add(l)).ok_or_else(bad)?)
    } else if let Some((high, length)) = parts("-") {
        (length.checked_sub(1).and_then(|l| high.checked_sub(l)).ok_or_else(bad)?, high)
    } else {
        return Err(bad());
    };
    if low > high {
        return Err(bad());
    }
    Ok(low..=high)
}

/// The pieces of a comma list, as getsubopt(3) cuts one.
pub fn pieces(value: &OsStr) -> impl Iterator<Item = OsString> + '_ {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .filter(|piece| !piece.is_empty())
        .map(|p| OsString::from_vec(p.to_vec()))
}

/// `NAME=VALUE` cut at the first `=`.
pub fn assignment(value: &OsStr) -> Result<(OsString, OsString), String> {
    let bytes = value.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) if at > 0 => {
            Ok((OsString::from_vec(bytes[..at].to_vec()), OsString::from_vec(bytes[at + 1..].to_vec())))
        }
        _ => Err(format!("'{}' is not NAME=VALUE", value.to_string_lossy())),
    }
}

/// The value of `-t`: comma-separated triples `TARGET HOST COUNT` of real-time signal numbers.
pub fn signal_map(value: &OsStr) -> Result<(), String> {
    for triple in text(value)?.split(',') {
        let words: Vec<_> = triple.split_whitespace().map(number).collect();
        let [Some(target), Some(host), Some(count)] = words[..] else {
            return Err(format!("'{triple}' is not three numbers"));
        };
        let fits = |first: u64| first >= 32 && first.saturating_add(count) <= 65;
        if !fits(target) || !fits(host) {
            return Err(format!("'{triple}' leaves the real-time signals 32 to 64"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_suffixes_multiply_by_powers_of_1024() {
        for (word, bytes) in
            [("8388608", 8 << 20), ("8M", 8 << 20), ("0x10k", 16 << 10), ("010", 8), ("2g", 2 << 30), ("0", 0)]
        {
            assert_eq!(size(OsStr::new(word)), Ok(bytes), "{word}");
        }
        for word in ["", "M", "foo", "1Q", "-1", "+1", "99999999999T"] {
            assert!(size(OsStr::new(word)).is_err(), "{word}");
        }
    }

    #[test]
    fn ranges_come_in_three_forms() {
        let got = ranges(OsStr::new("0x1000..0x1fff,0x4000+0x100,0x8000-0x10")).unwrap();
        assert_eq!(got, [0x1000..=0x1fff, 0x4000..=0x40ff, 0x7ff1..=0x8000]);
        for word in ["foo", "5..4", "1+0", "0-2", "0xffffffffffffffff+2"] {
            assert!(ranges(OsStr::new(word)).is_err(), "{word}");
        }
    }

    #[test]
    fn assignment_keeps_later_equal_signs() {
        assert_eq!(assignment(OsStr::new("A=b=c")), Ok(("A".into(), "b=c".into())));
        assert!(assignment(OsStr::new("A")).is_err());
        assert!(assignment(OsStr::new("=b")).is_err());
    }
}
