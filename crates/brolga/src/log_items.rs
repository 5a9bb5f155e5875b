//! The `-d` items: one row each, the names the established user-mode emulator taught everyone.

/// A set of `-d` items, one bit a row of [`LOG_ITEMS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogItems(u32);

/// One `-d` item.
#[derive(Debug)]
pub struct LogItem {
    /// As written after `-d`.
    pub name: &'static str,
    /// Its set.
    pub set: LogItems,
    /// One line for `-d help`.
    pub help: &'static str,
}

macro_rules! log_items {
    ($($konst:ident $name:literal $bit:literal $help:literal;)*) => {
        impl LogItems {
            $(#[doc = concat!("`-d ", $name, "`: ", $help, ".")] pub const $konst: LogItems = LogItems(1 << $bit);)*
        }
        /// Every `-d` item, in the order `-d help` prints.
        pub const LOG_ITEMS: &[LogItem] = &[$(LogItem { name: $name, set: LogItems::$konst, help: $help }),*];
    };
}

log_items! {
    OUT_ASM      "out_asm"      0  "host code of each region";
    IN_ASM       "in_asm"       1  "guest code of each translated block";
    OP           "op"           2  "IR of each block before the passes";
    OP_OPT       "op_opt"       3  "IR of each region after the passes";
    OP_IND       "op_ind"       4  "accepted for compatibility: Brolga has no such stage";
    INT          "int"          5  "guest exceptions and signals taken";
    EXEC         "exec"         6  "a line for each block entered (very long)";
    CPU          "cpu"          7  "registers before each block (very long)";
    FPU          "fpu"          8  "with cpu: floating-point registers too";
    MMU          "mmu"          9  "memory mappings made and removed";
    PCALL        "pcall"        10 "accepted for compatibility: protected-mode x86 only";
    CPU_RESET    "cpu_reset"    11 "registers at the start of the program";
    UNIMP        "unimp"        12 "instructions and system calls Brolga does not implement";
    GUEST_ERRORS "guest_errors" 13 "things a program should not do";
    PAGE         "page"         14 "the memory map at the start";
    NOCHAIN      "nochain"      15 "do not link blocks, so that exec and cpu miss none";
    STRACE       "strace"       16 "every system call with arguments and result";
    TID          "tid"          17 "one log file per thread; the -D name must hold %d (its number)";
    VPU          "vpu"          18 "with cpu: vector registers too";
    INVALID_MEM  "invalid_mem"  19 "invalid memory accesses";
}

impl LogItems {
    /// No item.
    pub const NONE: LogItems = LogItems(0);

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: LogItems) -> LogItems {
        LogItems(self.0 | other.0)
    }

    /// Whether any item of `other` is in this set.
    pub const fn intersects(self, other: LogItems) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no item is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Reads a comma-separated `-d` value. `trace:PATTERN` items come back apart.
pub fn parse_log_items(text: &str) -> Result<(LogItems, Vec<String>), String> {
    let mut items = LogItems::NONE;
    let mut patterns = Vec::new();
    for name in text.split(',').filter(|name| !name.is_empty()) {
        if let Some(pattern) = name.strip_prefix("trace:") {
            patterns.push(pattern.to_owned());
        } else if name == "all" {
            items = LOG_ITEMS.iter().fold(items, |all, item| all.union(item.set));
        } else {
            let row = LOG_ITEMS.iter().find(|item| item.name == name);
            let row = row.ok_or_else(|| format!("unknown log item '{name}' ('-d help' lists them)"))?;
            items = items.union(row.set);
        }
    }
    Ok((items, patterns))
}
