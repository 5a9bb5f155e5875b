//! What user code may learn of descriptors and system registers. SDM vol. 2, "LAR", "LSL", "VERR/VERW", "SGDT", "SIDT",
//! "SLDT", "STR", "SMSW".
//!
//! The descriptors are those of Linux that user code has a right to see. The addresses of tables and what system registers
//! hold are hidden from user code by User-Mode Instruction Prevention (SDM vol. 3, "Control Registers", CR4.UMIP): Linux
//! answers in the processor's place, with the same values everywhere. Its answer in a register leaves what is above it.

use super::operand::{Place, row};
use super::{Cx, Flow};
use crate::exec;
use brolga_ir::{IntCc, Ty, Value};

/// A descriptor: its selector without a level, and what LAR and LSL give for it.
struct Descriptor {
    selector: u64,
    /// Bits 23..8 as in the descriptor's second half.
    rights: u64,
    /// In bytes.
    limit: u64,
}

/// In `rights`: code and not data; code that may be read, data that may be written.
const CODE: u64 = 1 << 11;
const MORE: u64 = 1 << 9;

/// 32-bit code, data, 64-bit code, and what has the number of the processor, which is 0, as its limit.
const DESCRIPTORS: [Descriptor; 4] = [
    Descriptor { selector: 0x20, rights: 0xcf_fb00, limit: 0xffff_ffff },
    Descriptor { selector: 0x28, rights: 0xcf_f300, limit: 0xffff_ffff },
    Descriptor { selector: 0x30, rights: 0xaf_fb00, limit: 0xffff_ffff },
    Descriptor { selector: 0x78, rights: 0x40_f500, limit: 0 },
];

/// What Linux gives as the address of the interrupt table and that of descriptors, as the selector of the task, and as CR0.
const INTERRUPTS: u64 = 0xffff_ffff_ffff_0000;
const TABLE: u64 = 0xffff_ffff_fffe_0000;
const TASK: u64 = 0x40;
const CR0: u64 = 0x8005_0033;

impl Cx<'_> {
    /// Whether operand `n` selects a descriptor of which `part` gives something, and what, if so.
    fn described(&mut self, n: u32, part: fn(&Descriptor) -> Option<u64>) -> (Value, Value) {
        let selector = self.src(n);
        let selector = self.widen(selector);
        // All but the level.
        let selector = self.b.extract(Ty::I64, selector, 2, 14);
        let (mut found, mut value) = (self.iconst(Ty::I8, 0), self.iconst(Ty::I64, 0));
        for (descriptor, part) in DESCRIPTORS.iter().filter_map(|d| Some((d, part(d)?))) {
            let (known, part) = (self.iconst(Ty::I64, descriptor.selector >> 2), self.iconst(Ty::I64, part));
            let same = self.b.icmp(Ty::I64, IntCc::Eq, selector, known);
            found = self.b.or(Ty::I8, found, same);
            value = self.b.select(Ty::I64, same, part, value);
        }
        (found, value)
    }

    /// ZF alone becomes `found`.
    fn tell(&mut self, found: Value) {
        let none = self.iconst(Ty::I8, 0);
        let clear = self.b.icmp(Ty::I8, IntCc::Eq, found, none);
        let clear = self.widen(clear);
        self.flags_call(exec::SET_NOT_ZF, &[clear]);
    }

    /// Writes the first operand and ZF if there is a descriptor, else ZF alone.
    fn show(&mut self, part: fn(&Descriptor) -> Option<u64>) -> Flow {
        let (found, value) = self.described(1, part);
        let to = self.i.op0_register();
        let old = self.b.get(row(to));
        let new = if to.size() == 2 { self.b.deposit(Ty::I64, old, value, 0, 16) } else { value };
        let new = self.b.select(Ty::I64, found, new, old);
        self.b.set(row(to), new);
        self.tell(found);
        Flow::Next
    }

    /// Writes the low bytes of a register, or two bytes of memory.
    fn reveal(&mut self, value: u64) -> Flow {
        match self.place(0) {
            Place::Reg(r) => {
                let (old, value) = (self.b.get(row(r)), self.iconst(Ty::I64, value));
                let v = self.b.deposit(Ty::I64, old, value, 0, r.size() as u32 * 8);
                self.b.set(row(r), v);
            }
            place => {
                let v = self.iconst(Ty::I16, value & 0xffff);
                self.store(place, v);
            }
        }
        Flow::Next
    }
}

/// LAR: access rights.
pub fn rights(cx: &mut Cx) -> Flow {
    cx.show(|d| Some(d.rights))
}

/// LSL: the limit.
pub fn limit(cx: &mut Cx) -> Flow {
    cx.show(|d| Some(d.limit))
}

/// VERR: whether a segment may be read.
pub fn readable(cx: &mut Cx) -> Flow {
    let found = cx.described(0, |d| (d.rights & (CODE | MORE) != CODE).then_some(0)).0;
    cx.tell(found);
    Flow::Next
}

/// VERW: whether a segment may be written.
pub fn writable(cx: &mut Cx) -> Flow {
    let found = cx.described(0, |d| (d.rights & (CODE | MORE) == MORE).then_some(0)).0;
    cx.tell(found);
    Flow::Next
}

/// SGDT, and SIDT if `interrupts`: a limit of 0 and an address.
pub fn table(cx: &mut Cx, interrupts: bool) -> Flow {
    let addr = cx.flat_address();
    let addr = cx.writable(addr, 10);
    let (limit, base) = (cx.iconst(Ty::I16, 0), cx.iconst(Ty::I64, if interrupts { INTERRUPTS } else { TABLE }));
    cx.b.store(super::operand::plain(Ty::I16), addr, 0, limit);
    cx.b.store(super::operand::plain(Ty::I64), addr, 2, base);
    Flow::Next
}

/// SLDT: there is no local table.
pub fn local_table(cx: &mut Cx) -> Flow {
    cx.reveal(0)
}

/// STR: the selector of the task.
pub fn task(cx: &mut Cx) -> Flow {
    cx.reveal(TASK)
}

/// SMSW: CR0.
pub fn machine_status(cx: &mut Cx) -> Flow {
    cx.reveal(CR0)
}
