//! The guests that tests can be written for.

use brolga_core::{CcKind, CcOp, Nzcv, Width};
use brolga_ir::Frontend;

/// Address of the code under test.
pub const CODE: u64 = 0x1000;

/// How a guest's condition flags are written in tests.
#[derive(Clone, Copy)]
pub struct Flags {
    /// Name in a row.
    pub name: &'static str,
    /// A letter for each, in order, and its bit in what `get` gives.
    pub letters: &'static [(char, u32)],
    /// The flags of a border form.
    pub get: fn([u64; 3]) -> u64,
    /// A border form of flags.
    pub set: fn(u64) -> [u64; 3],
}

/// A guest as the harness needs to know it.
#[derive(Clone, Copy)]
pub struct Guest {
    /// Name in file headers and folder name under `tests/isa`.
    pub name: &'static str,
    /// Its front end.
    pub frontend: &'static dyn Frontend,
    /// What registers that steer execution hold where a row does not say; all others hold junk.
    pub control: &'static [(&'static str, u64)],
    /// Its condition flags.
    pub flags: Flags,
    /// Whether the top byte of an address is ignored.
    pub tagged: bool,
    /// Assembler aliases: the name in a test, and the decode table's names it may stand for.
    pub aliases: &'static [(&'static str, &'static [&'static str])],
}

/// The guest called `name`.
pub fn guest_by_name(name: &str) -> Option<&'static Guest> {
    GUESTS.iter().find(|g| g.name == name)
}

/// The first word of packed flags.
const PACKED: u64 = CcOp::new(CcKind::Packed, Width::W32).word();

static GUESTS: [Guest; 2] = [A64, X86_64];

const A64: Guest = Guest {
    name: "a64",
    frontend: &brolga_arm::A64,
    control: &[
        ("pc", CODE),
        ("cc_op", 0),
        ("cc_a", 0),
        ("cc_b", 0),
        ("fpcr", 0),
        ("fpsr", 0),
        ("excl_addr", u64::MAX),
        ("excl_size", 0),
        ("excl_lo", 0),
        ("excl_hi", 0),
        ("btype", 0),
        ("dit", 0),
        ("ssbs", 0),
    ],
    flags: Flags {
        name: "nzcv",
        letters: &[('n', 31), ('z', 30), ('c', 29), ('v', 28)],
        get: |[op, a, b]| Nzcv::eval(op, a, b).bits(),
        set: |bits| [PACKED, bits, 0],
    },
    tagged: true,
    aliases: A64_ALIASES,
};

const X86_64: Guest = Guest {
    name: "x86_64",
    frontend: &brolga_x86::X86,
    control: &[
        ("rip", CODE),
        ("cc_op", 0),
        ("cc_a", 0x2000_0000),
        ("cc_b", 0),
        ("df", 0),
        ("eflags_other", 0),
        ("mxcsr", 0x1f80),
        ("mxcsr_flags", 0),
        ("fpu_control", 0x37f),
        ("fpu_status", 0),
        ("fpu_tags", 0),
    ],
    flags: Flags {
        name: "flags",
        letters: &[('o', 11), ('s', 7), ('z', 6), ('a', 4), ('p', 2), ('c', 0)],
        get: |[op, a, b]| brolga_x86::state::status(op, a, b),
        set: |bits| [PACKED, brolga_x86::state::packed(bits), 0],
    },
    tagged: false,
    aliases: &[("movabs", &["MOV"])],
};

/// Arm ARM, the "Alias conditions" of the pages named.
const A64_ALIASES: &[(&str, &[&str])] = &[
    ("cmp", &["SUBS"]),
    ("cmn", &["ADDS"]),
    ("tst", &["ANDS"]),
    ("neg", &["SUB"]),
    ("negs", &["SUBS"]),
    ("ngc", &["SBC"]),
    ("ngcs", &["SBCS"]),
    ("mvn", &["ORN", "NOT"]),
    ("mov", &["ORR", "MOVZ", "MOVN", "ADD", "INS", "UMOV", "DUP"]),
    ("lsl", &["UBFM", "LSLV"]),
    ("lsr", &["UBFM", "LSRV"]),
    ("asr", &["SBFM", "ASRV"]),
    ("ror", &["EXTR", "RORV"]),
    ("ubfx", &["UBFM"]),
    ("ubfiz", &["UBFM"]),
    ("sbfx", &["SBFM"]),
    ("sbfiz", &["SBFM"]),
    ("bfi", &["BFM"]),
    ("bfxil", &["BFM"]),
    ("bfc", &["BFM"]),
    ("uxtb", &["UBFM"]),
    ("uxth", &["UBFM"]),
    ("sxtb", &["SBFM"]),
    ("sxth", &["SBFM"]),
    ("sxtw", &["SBFM"]),
    ("mul", &["MADD", "MUL"]),
    ("mneg", &["MSUB"]),
    ("smull", &["SMADDL", "SMULL"]),
    ("umull", &["UMADDL", "UMULL"]),
    ("smnegl", &["SMSUBL"]),
    ("umnegl", &["UMSUBL"]),
    ("cset", &["CSINC"]),
    ("cinc", &["CSINC"]),
    ("csetm", &["CSINV"]),
    ("cinv", &["CSINV"]),
    ("cneg", &["CSNEG"]),
    ("nop", &["HINT", "NOP"]),
    ("ic", &["SYS"]),
    ("dc", &["SYS"]),
];
