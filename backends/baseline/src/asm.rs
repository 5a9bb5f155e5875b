//! The code buffer: labels, register names, and shorthand for the encoder's operands.

use crate::code::{Jump, Way};
use crate::encode::opcode;
use crate::one::One;
use brolga_core::{Env, Width};
use cranelift_assembler_x64::{
    Amode, AmodeOffsetPlusKnownOffset, DeferredTarget, NonRspGpr, Registers, Scale, gpr::enc,
};

/// Registers by number.
pub(crate) enum Host {}

impl Registers for Host {
    type ReadGpr = u8;
    type ReadWriteGpr = u8;
    type WriteGpr = u8;
    type ReadXmm = u8;
    type ReadWriteXmm = u8;
    type WriteXmm = u8;
}

pub(crate) const RAX: u8 = enc::RAX;
pub(crate) const RCX: u8 = enc::RCX;
pub(crate) const RDX: u8 = enc::RDX;
pub(crate) const RBX: u8 = enc::RBX;
pub(crate) const RSP: u8 = enc::RSP;
pub(crate) const RBP: u8 = enc::RBP;
pub(crate) const RSI: u8 = enc::RSI;
/// `Env` plus its bias, always.
pub(crate) const RDI: u8 = enc::RDI;
pub(crate) const R8: u8 = enc::R8;

/// Emits one host instruction: `put!(self, addq_rm(RAX, word(3)))`.
macro_rules! put {
    ($self:expr, $name:ident($($arg:expr),* $(,)?)) => {{
        let instruction = cranelift_assembler_x64::inst::$name::<$crate::asm::Host>::new($($arg),*);
        $self.add(|one| instruction.encode(one))
    }};
}
pub(crate) use put;

/// The same for instructions without a register operand.
macro_rules! put_plain {
    ($self:expr, $name:ident($($arg:expr),*)) => {
        $self.add(|one| cranelift_assembler_x64::inst::$name::new($($arg),*).encode(one))
    };
}
pub(crate) use put_plain;

/// Memory at a distance from the next instruction that is not known yet.
pub(crate) fn near() -> Amode<u8> {
    Amode::RipRelative { target: DeferredTarget::None }
}

/// Memory at a register and a displacement.
pub(crate) fn at(base: u8, disp: i32) -> Amode<u8> {
    let simm32 = AmodeOffsetPlusKnownOffset { simm32: disp.into(), offset: None };
    Amode::ImmReg { base, simm32, trap: None }
}

/// Memory at two registers, the second one scaled, and a displacement.
pub(crate) fn indexed(base: u8, index: u8, scale: Scale, disp: i32) -> Amode<u8> {
    Amode::ImmRegRegShift { base, index: NonRspGpr::new(index), scale, simm32: disp.into(), trap: None }
}

/// A word of the register file, which `Env` begins with.
pub(crate) fn word(w: u8) -> Amode<u8> {
    field(8 * usize::from(w))
}

/// A field of `Env`.
pub(crate) fn field(offset: usize) -> Amode<u8> {
    at(RDI, displacement(offset))
}

/// The displacement of an offset in `Env`.
pub(crate) fn displacement(offset: usize) -> i32 {
    offset as i32 - Env::BIAS
}

const _: () = assert!(std::mem::offset_of!(Env, file) == 0);

/// A place in the code that is not known yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Label(u32);

/// What a label stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Unknown,
    /// An offset in the code.
    Here(u32),
    /// Nothing in the code of this block.
    Out(Way),
}

/// A host condition, in the numbers of the opcodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cc {
    O = 0,
    No = 1,
    B = 2,
    Ae = 3,
    E = 4,
    Ne = 5,
    Be = 6,
    A = 7,
    S = 8,
    Ns = 9,
    P = 10,
    Np = 11,
    L = 12,
    Ge = 13,
    Le = 14,
    G = 15,
}

impl Cc {
    const ALL: [Cc; 16] = {
        use Cc::*;
        [O, No, B, Ae, E, Ne, Be, A, S, Ns, P, Np, L, Ge, Le, G]
    };

    /// What holds where this does not.
    pub(crate) fn opposite(self) -> Cc {
        Cc::ALL[self as usize ^ 1]
    }
}

/// Host code that grows.
#[derive(Debug, Default)]
pub(crate) struct Asm {
    pub(crate) bytes: Vec<u8>,
    labels: Vec<Place>,
    /// Ends of the displacements to fill in, and what they lead to.
    uses: Vec<(u32, Label)>,
    /// End of the last unconditional one.
    last_jump: u32,
}

/// Bytes of a jump.
pub(crate) const JUMP: usize = 5;

impl Asm {
    /// An empty buffer for about `bytes` bytes.
    pub(crate) fn with_room(bytes: usize) -> Asm {
        Asm { bytes: Vec::with_capacity(bytes), ..Asm::default() }
    }

    /// Adds the instruction that `encode` makes.
    #[inline(always)]
    pub(crate) fn add(&mut self, encode: impl FnOnce(&mut One)) {
        let mut one = One::default();
        encode(&mut one);
        one.end(&mut self.bytes);
    }

    pub(crate) fn here(&self) -> u32 {
        self.bytes.len() as u32
    }

    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(Place::Unknown);
        Label(self.labels.len() as u32 - 1)
    }

    pub(crate) fn bind(&mut self, label: Label) {
        self.labels[label.0 as usize] = Place::Here(self.here());
    }

    /// Has jumps to `label` leave the block.
    pub(crate) fn bind_out(&mut self, label: Label, way: Way) {
        self.labels[label.0 as usize] = Place::Out(way);
    }

    /// A label for `way`.
    pub(crate) fn out(&mut self, way: Way) -> Label {
        self.labels.push(Place::Out(way));
        Label(self.labels.len() as u32 - 1)
    }

    fn used(&mut self, label: Label) {
        self.uses.push((self.here(), label));
    }

    pub(crate) fn jump(&mut self, to: Label) {
        put_plain!(self, jmp_d32(0));
        self.used(to);
        self.last_jump = self.here();
    }

    pub(crate) fn jump_if(&mut self, cc: Cc, to: Label) {
        self.bytes.extend([0x0f, 0x80 | cc as u8, 0, 0, 0, 0]);
        self.used(to);
    }

    /// `goal` becomes 1 or 0, by way of RAX.
    pub(crate) fn set_if(&mut self, cc: Cc, goal: u8) {
        self.instruction(Width::W32, 0x0f90 | cc as u16, 0, RAX.into());
        self.instruction(Width::W32, opcode::MOVZX8, goal, RAX.into());
    }

    /// A constant into a register; host flags stay.
    pub(crate) fn constant(&mut self, reg: u8, value: u64) {
        if let Ok(short) = u32::try_from(value) {
            put!(self, movl_oi(reg, short));
        } else if let Ok(short) = i32::try_from(value as i64) {
            put!(self, movq_mi_sxl(reg, short));
        } else {
            put!(self, movabsq_oi(reg, value));
        }
    }

    /// A constant into memory; `spare` may be overwritten.
    pub(crate) fn store_constant(&mut self, to: Amode<u8>, value: u64, spare: u8) {
        if let Ok(short) = i32::try_from(value as i64) {
            put!(self, movq_mi_sxl(to, short));
        } else {
            self.constant(spare, value);
            put!(self, movq_mr(to, spare));
        }
    }

    /// Returns to the run loop with a status word.
    pub(crate) fn leave(&mut self, status: u32) {
        put!(self, movl_oi(RAX, status));
        self.unwind();
    }

    /// Returns to the run loop; the status word is in RAX. The frame is that of all regions and blocks.
    pub(crate) fn unwind(&mut self) {
        put!(self, movq_mr(RSP, RBP));
        put!(self, popq_o(RBP));
        put_plain!(self, retq_zo());
    }

    /// Fills displacements in, of labels that were bound; the rest lead out. A jump out at the very end is left away: the
    /// code runs on there.
    pub(crate) fn finish(mut self) -> (Vec<u8>, Vec<Jump>, Option<Way>) {
        let mut out = Vec::new();
        let mut tail = None;
        for (end, label) in self.uses {
            match self.labels[label.0 as usize] {
                Place::Out(way) if end == self.bytes.len() as u32 && self.last_jump == end => tail = Some(way),
                Place::Out(to) => out.push(Jump { end, to }),
                Place::Here(at) => {
                    let distance = at.wrapping_sub(end);
                    self.bytes[end as usize - 4..end as usize].copy_from_slice(&distance.to_le_bytes());
                }
                Place::Unknown => unreachable!("every label that is used is bound"),
            }
        }
        if tail.is_some() {
            self.bytes.truncate(self.bytes.len() - JUMP);
        }
        (self.bytes, out, tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_lead_to_their_labels() {
        let mut a = Asm::default();
        let (back, on) = (a.label(), a.label());
        a.bind(back);
        a.jump_if(Cc::E, on);
        a.jump(back);
        a.bind(on);
        put_plain!(a, retq_zo());
        // je +5 over the jmp; jmp -11 to the start.
        assert_eq!(a.finish().0, [0x0f, 0x84, 5, 0, 0, 0, 0xe9, 0xf5, 0xff, 0xff, 0xff, 0xc3]);
    }

    #[test]
    fn conditions_are_those_of_the_host() {
        for (i, cc) in Cc::ALL.into_iter().enumerate() {
            assert_eq!((cc as usize, cc.opposite().opposite()), (i, cc));
        }
        assert_eq!((Cc::L.opposite(), Cc::A.opposite(), Cc::E.opposite()), (Cc::Ge, Cc::Be, Cc::Ne));
        let mut a = Asm::default();
        a.set_if(Cc::B, R8);
        // setb al; movzx r8d, al
        assert_eq!(a.finish().0, [0x0f, 0x92, 0xc0, 0x44, 0x0f, 0xb6, 0xc0]);
    }

    #[test]
    fn jumps_out_are_told_and_the_last_is_left_away() {
        let mut a = Asm::default();
        let (one, two) = (a.out(Way::Exit(1)), a.out(Way::Exit(2)));
        a.jump_if(Cc::E, one);
        a.jump(two);
        let (bytes, jumps, tail) = a.finish();
        assert_eq!((bytes.len(), tail), (6, Some(Way::Exit(2))));
        assert_eq!(jumps, [Jump { end: 6, to: Way::Exit(1) }]);
        // A conditional one stays, though it is the last.
        let mut a = Asm::default();
        let one = a.out(Way::Exit(1));
        a.jump_if(Cc::E, one);
        assert_eq!(a.finish().2, None);
    }

    #[test]
    fn constants_take_their_shortest_form() {
        let form = |value| {
            let mut a = Asm::default();
            a.constant(RAX, value);
            a.finish().0
        };
        assert_eq!(form(7), [0xb8, 7, 0, 0, 0]);
        assert_eq!(form(u64::MAX), [0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(form(1 << 40).len(), 10);
    }
}
