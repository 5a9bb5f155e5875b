//! The guests that tests can be written for.

use brolga_ir::Frontend;

/// Address of the code under test.
pub const CODE: u64 = 0x1000;

/// A guest as the harness needs to know it.
#[derive(Clone, Copy)]
pub struct Guest {
    /// Name in file headers and folder name under `tests/isa`.
    pub name: &'static str,
    /// Its front end.
    pub frontend: &'static dyn Frontend,
    /// What registers that steer execution hold where a row does not say; all others hold junk.
    pub control: &'static [(&'static str, u64)],
    /// Whether the top byte of an address is ignored.
    pub tagged: bool,
    /// Assembler aliases: the name in a test, and the decode table's names it may stand for.
    pub aliases: &'static [(&'static str, &'static [&'static str])],
}

/// The guest called `name`.
pub fn guest_by_name(name: &str) -> Option<&'static Guest> {
    GUESTS.iter().find(|g| g.name == name)
}

static GUESTS: [Guest; 1] = [Guest {
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
    tagged: true,
    aliases: A64_ALIASES,
}];

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
