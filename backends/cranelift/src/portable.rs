//! Code as bytes that mean the same to every process on such a host.
//!
//! What must be the same beside: this very build, the host's instructions ([`host_key`]), [`Options`](crate::Options),
//! and the guest's tables of registers and helpers.

use crate::compile::{Compiled, Reloc, SlotForm};
use crate::lower::Access;

/// Bits of a form: what code must be like to be put in place now.
const PRECISE: u32 = 1;
const REMOVES_TAGS: u32 = 2;

/// The form of code with these properties.
pub(crate) fn form(precise: bool, removes_tags: bool) -> u32 {
    u32::from(precise) * PRECISE | u32::from(removes_tags) * REMOVES_TAGS
}

/// What generated code may expect of this host, in words.
pub fn host_key() -> String {
    let mut key = std::env::consts::ARCH.to_string();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! have {
            ($($name:tt)*) => {$(
                if std::arch::is_x86_feature_detected!($name) {
                    key += concat!(" ", $name);
                }
            )*};
        }
        // What Cranelift asks a host for.
        have!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "bmi1" "bmi2" "lzcnt" "avx512f" "avx512dq"
            "avx512vl" "avx512vbmi" "avx512bitalg" "cmpxchg16b");
        // What functions of vectors do.
        have!("aes" "pclmulqdq" "sha" "gfni");
    }
    key
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    fn list<T>(&mut self, items: &[T], each: impl Fn(&mut Writer, &T)) {
        self.u32(items.len() as u32);
        items.iter().for_each(|item| each(self, item));
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*head))
    }

    fn u64(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*head))
    }

    /// A list of items of `size` bytes each.
    fn list<T>(&mut self, size: usize, each: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        // The count may be anything: no room is made that the bytes cannot fill.
        if count > self.0.len() / size {
            return None;
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(each(self)?);
        }
        Some(items)
    }
}

/// Bits of a relocation's word that its index has.
const INDEX_BITS: u32 = 24;

/// Form and bytes of `code`: the code, so that nobody need copy it, tables, and the length of the code.
pub(crate) fn export(code: &Compiled) -> (u32, Vec<u8>) {
    let form = form(code.precise, code.removes_tags);
    let base = code.entries.first().map_or(0, |entry| entry.0);
    let mut w = Writer(Vec::with_capacity(code.code.len() + 24 * code.traps.len() + 256));
    w.0.extend(&code.code);
    w.u32(form);
    w.list(&code.entries, |w, &(pc, at)| (w.u64(pc), w.u32(at)).0);
    w.list(&code.exits, |w, &pc| w.u64(pc));
    w.list(&code.counters, |w, &pc| w.u64(pc));
    w.u32(code.patience);
    w.u32(u32::from(code.counted));
    w.list(&code.relocs, |w, r| (w.u32(r.at), w.u32(r.index | (r.form as u32) << INDEX_BITS)).0);
    let near = code.traps.iter().all(|(_, access)| access.resume == access.pc && distance(base, access.pc).is_some());
    w.u32(u32::from(near));
    if near {
        w.list(&code.traps, |w, &(at, access)| (w.u32(at), w.u32(distance(base, access.pc).unwrap_or(0) as u32)).0);
    } else {
        w.list(&code.traps, |w, &(at, access)| (w.u32(at), w.u64(access.resume), w.u64(access.pc)).0);
    }
    w.u32(code.code.len() as u32);
    (form, w.0)
}

/// How far `to` is from `from`, if 32 bits can say it.
fn distance(from: u64, to: u64) -> Option<i32> {
    i32::try_from(to.wrapping_sub(from) as i64).ok()
}

/// The code in `bytes`; `None` if they are not of [`export`].
pub(crate) fn import(mut bytes: Vec<u8>) -> Option<Compiled> {
    let (rest, len) = bytes.split_last_chunk()?;
    let len = u32::from_le_bytes(*len) as usize;
    let mut r = Reader(rest.get(len..)?);
    let form = r.u32()?;
    let entries = r.list(12, |r| Some((r.u64()?, r.u32()?)))?;
    let exits = r.list(8, Reader::u64)?;
    let counters = r.list(8, Reader::u64)?;
    let patience = r.u32()?;
    let counted = r.u32()? != 0;
    let relocs = r.list(8, reloc)?;
    let base = entries.first()?.0;
    let near = |r: &mut Reader<'_>| {
        let (at, pc) = (r.u32()?, base.wrapping_add(r.u32()? as i32 as u64));
        Some((at, Access { resume: pc, pc }))
    };
    let far = |r: &mut Reader<'_>| Some((r.u32()?, Access { resume: r.u64()?, pc: r.u64()? }));
    let traps = if r.u32()? != 0 { r.list(8, near) } else { r.list(20, far) }?;
    let inside = |at: u32, size: usize| at as usize + size <= len;
    let named = |form| match form {
        SlotForm::Slot => exits.len() + counters.len(),
        SlotForm::Count | SlotForm::CountNumber if !counted => 0,
        SlotForm::Count | SlotForm::CountNumber | SlotForm::Hot => entries.len(),
    };
    let good = r.0.is_empty()
        && entries.iter().all(|e| inside(e.1, 1))
        && relocs.iter().all(|r| inside(r.at, 4) && (r.index as usize) < named(r.form))
        && traps.is_sorted_by_key(|t| t.0);
    let (precise, removes_tags) = (form & PRECISE != 0, form & REMOVES_TAGS != 0);
    let traps = traps.into();
    bytes.truncate(len);
    let code = bytes;
    let place = Compiled { code, entries, exits, counters, patience, relocs, traps, precise, removes_tags, counted };
    good.then_some(place)
}

fn reloc(r: &mut Reader<'_>) -> Option<Reloc> {
    let (at, word) = (r.u32()?, r.u32()?);
    Some(Reloc { at, index: word & ((1 << INDEX_BITS) - 1), form: SlotForm::from_word(word >> INDEX_BITS)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Compiled {
        Compiled {
            code: (0..64).collect(),
            entries: vec![(0x40_0000, 54), (0x40_0010, 0)],
            exits: vec![0x40_0020, 0x40_1000],
            counters: vec![0x40_0000],
            patience: 7,
            relocs: [(8, 1, SlotForm::Slot), (24, 0, SlotForm::Hot), (40, 2, SlotForm::Slot), (44, 1, SlotForm::Count)]
                .map(|(at, index, form)| Reloc { at, index, form })
                .into(),
            traps: [3, 9].map(|at| (at, Access { resume: 0x40_0000, pc: 0x40_0000 + u64::from(at) })).into(),
            precise: true,
            removes_tags: false,
            counted: true,
        }
    }

    #[test]
    fn code_survives_the_way_there_and_back() {
        let (form, bytes) = export(&sample());
        assert_eq!((form, import(bytes)), (PRECISE, Some(sample())));
        let mut far = sample();
        far.traps = [(3, 0x40_0000, 1 << 40), (9, 0x40_0004, 0x40_0004)]
            .map(|(at, resume, pc)| (at, Access { resume, pc }))
            .into();
        assert_eq!(import(export(&far).1), Some(far));
    }

    #[test]
    fn what_is_cut_is_refused() {
        let (_, bytes) = export(&sample());
        for len in 0..bytes.len() {
            assert_eq!(import(bytes[..len].to_vec()), None, "{len}");
        }
    }

    #[test]
    fn relocations_and_entries_must_lie_in_the_code() {
        let with = |change: fn(&mut Compiled)| {
            let mut code = sample();
            change(&mut code);
            import(export(&code).1)
        };
        assert_eq!(with(|c| c.relocs[0].at = 61), None);
        assert_eq!(with(|c| c.relocs[0].index = 3), None);
        assert_eq!(with(|c| c.relocs[3].index = 2), None);
        assert_eq!(with(|c| c.counted = false), None, "no entry is counted");
        assert_eq!(with(|c| c.entries[0].1 = 64), None);
        assert_eq!(with(|c| c.entries.clear()), None);
        assert_eq!(with(|c| c.traps.reverse()), None);
    }
}
