//! The flat form: what the interpreter runs.
//!
//! Operands are words of the register file; temporaries live in its scratch words, so a plain guest
//! instruction becomes one op on guest registers. Every word holds its value zero-extended, except
//! where an op is known to look at the low half only: 32-bit forms ignore their operands' high halves.

/// No operand. The word exists but is never allocated.
pub const NONE: u8 = 255;

/// One flat op, 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct FlatOp {
    /// What to do.
    pub code: Code,
    /// How far its guest instruction is behind that of the op before, in bytes.
    pub advance: u8,
    /// Result word.
    pub dst: u8,
    /// First operand word.
    pub a: u8,
    /// Second operand word.
    pub b: u8,
    /// Third operand word.
    pub c: u8,
    /// Memory operation, predicate, helper, shift.
    pub aux: u16,
    /// Constant, offset, mask, targets.
    pub imm: u64,
}

impl FlatOp {
    /// An op without operands.
    pub fn new(code: Code) -> FlatOp {
        FlatOp { code, advance: 0, dst: NONE, a: NONE, b: NONE, c: NONE, aux: 0, imm: 0 }
    }
}

/// What a flat op does. `R` takes `b` from a word, `I` from `imm`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "named as the IR ops that they run")]
pub enum Code {
    Mov,
    Mov128,
    Const,
    /// A constant of `wide`
    Const128,
    Add64R,
    Add64I,
    Add32R,
    Add32I,
    Sub64R,
    Sub64I,
    Sub32R,
    Sub32I,
    Mul64,
    Mul32,
    And64R,
    And64I,
    Or64R,
    Or64I,
    Xor64R,
    Xor64I,
    Bic64,
    And32R,
    Or32R,
    Or32I,
    Xor32R,
    Xor32I,
    Bic32,
    Shl64R,
    Shl64I,
    Shl32R,
    Shl32I,
    Lshr64R,
    Lshr64I,
    Lshr32R,
    Lshr32I,
    Ashr64R,
    Ashr64I,
    Ashr32R,
    Ashr32I,
    Rotr64R,
    Rotr64I,
    Rotr32R,
    Rotr32I,
    /// `a + (b << aux)`, 64 bits
    AddShl64,
    And128,
    Or128,
    Xor128,
    Bic128,
    Not128,
    /// Rarer binary ops: IR op in `aux`, width in `imm`.
    Binary,
    /// Rarer unary ops.
    Unary,
    /// Sign-extends from `64 - aux` bits, then masks with `imm`.
    Sext,
    /// `(a >> aux) & imm`
    Extract,
    /// `(a << (aux & 63)) >>s (aux >> 8)`, masked with `imm`
    Sextract,
    /// `imm` is the unshifted mask, `aux` the lsb
    Deposit,
    IcmpR,
    IcmpI,
    Select,
    Select128,
    /// Writes the three flag words at `dst`: `aux`, a, b.
    SetCcR,
    /// The same with b from `imm`.
    SetCcI,
    /// Flag words at `dst` from `a` if `b` (a truth word) else from `c`: all are first words of triples.
    SelectCc,
    /// Operation word of an add or subtract with carry: `c` truth word chooses `imm` low or high half.
    SetCcCarry,
    /// Predicate `aux` on the flag words at `a`.
    Cond,
    /// Predicate `aux` on a 64-bit subtraction.
    CondSub64R,
    CondSub64I,
    CondSub32R,
    CondSub32I,
    /// N Z C V of the flag words at `a`, in bits 31..28.
    Unpack,
    Load8,
    Load16,
    Load32,
    Load64,
    /// Any other load up to 8 bytes: `aux` memory operation, `c` result bits.
    LoadAny,
    Load128,
    Store8,
    Store16,
    Store32,
    Store64,
    StoreAny,
    Store128,
    /// Operation in `c`.
    Rmw,
    Cas,
    Cas128,
    /// To, from, how many bytes.
    MemCopy,
    Fence,
    /// Orders loads before all, and stores before stores.
    LightFence,
    /// Vector op: IR op in the low half of `aux`, shape in the high half; extra in `imm`.
    Vector,
    /// Bytes of `a` and `b` by the selectors `wide[imm]`.
    Shuffle,
    /// Bits of `b` where `a` is 1, else of `c`.
    Bitselect,
    /// Helper `aux`; arguments a, b, c. `imm` is that of [`crate::FpHint`].
    Call,
    /// Helper `aux` on each lane: extra argument in the low half of `imm`, `FpLanes` and `FpOp` in the high half.
    FpLanes,
    /// Local jump to flat index `imm`.
    Jump,
    /// As `Jump`, backwards: polls.
    JumpBack,
    /// To the low half of `imm` if `a` is not 0, else to the high half.
    Brif,
    /// As `Brif`, but with the predicate `aux & 15` on a subtraction; `c` is 0 for 32, 1 for 64 bits,
    /// and bit 4 of `aux` says that `b` is a constant of `consts[aux >> 5]`.
    BrifSub,
    /// As `Brif`, with predicate `aux` on the flag words at `b`.
    BrifCc,
    Goto,
    GotoInd,
    /// Raise kind in `aux`, address in `imm`, operand in `a`.
    Raise,
}

/// A prepared block. Its ops come first: every run reads where they are, few read anything else.
#[derive(Debug)]
#[repr(C)]
pub struct Flat {
    /// Ops; control enters at the first.
    pub ops: Box<[FlatOp]>,
    /// Constants of `BrifSub`.
    pub consts: Box<[u64]>,
    /// 128-bit constants and selectors.
    pub wide: Box<[u128]>,
    /// Guest address of the block.
    pub(crate) base: u64,
    /// Word of the program counter.
    pub pc: u8,
    /// First word of temporaries.
    pub scratch: u8,
    /// The block's own: it gets no host code.
    pub once: bool,
}

impl Flat {
    /// For each op the address of the guest instruction that it belongs to.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.ops.iter().scan(self.base, |pc, op| {
            *pc = pc.wrapping_add(u64::from(op.advance));
            Some(*pc)
        })
    }

    /// Guest address of the instruction that flat op `index` belongs to.
    pub fn pc_of(&self, index: usize) -> u64 {
        self.addresses().nth(index).unwrap_or(self.base)
    }
}
