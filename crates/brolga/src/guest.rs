//! The guest architectures this binary knows: one row each, with every name they go by.
//!
//! A row feeds the ELF check, the names made by `brolga links`, the binfmt_misc magic, the package architecture of a
//! sysroot and the list of processors. A new guest is a new row.

/// One guest architecture of user mode.
#[derive(Debug)]
pub struct Guest {
    /// The name in `brolga-NAME` and `qemu-NAME`, also what the guest's `uname -m` says.
    pub name: &'static str,
    /// What it is to linux-user.
    pub user: brolga_user::Guest,
    /// `e_machine` of its ELF files (gABI, "ELF Header").
    pub machine: u16,
    /// Whether its ELF files are ELFCLASS64 (else ELFCLASS32).
    pub wide: bool,
    /// Whether its ELF files are ELFDATA2LSB (else ELFDATA2MSB).
    pub little_endian: bool,
    /// The architecture's name in Debian and Ubuntu packages.
    pub debian: &'static str,
    /// The multiarch triplet, also the folder of a cross C library under `/usr`.
    pub triplet: &'static str,
    /// What `-cpu` takes, the default first: name and description.
    pub cpus: &'static [(&'static str, &'static str)],
}

/// Every guest of this build.
pub const GUESTS: &[Guest] = &[
    Guest {
        name: "aarch64",
        user: brolga_user::Guest::Aarch64,
        machine: 183,
        wide: true,
        little_endian: true,
        debian: "arm64",
        triplet: "aarch64-linux-gnu",
        cpus: &brolga_arm::cpu::NAMES,
    },
    Guest {
        name: "x86_64",
        user: brolga_user::Guest::X86_64,
        machine: 62,
        wide: true,
        little_endian: true,
        debian: "amd64",
        triplet: "x86_64-linux-gnu",
        cpus: &brolga_x86::cpu::NAMES,
    },
];

impl Guest {
    /// The guest called `name`, by its own, its package or its triplet name.
    pub fn by_name(name: &str) -> Option<&'static Guest> {
        GUESTS.iter().find(|g| [g.name, g.debian, g.triplet].contains(&name))
    }

    /// The guest whose ELF files carry these header values.
    pub fn by_elf(machine: u16, wide: bool, little_endian: bool) -> Option<&'static Guest> {
        GUESTS.iter().find(|g| g.machine == machine && g.wide == wide && g.little_endian == little_endian)
    }

    /// The names of all guests, for messages.
    pub fn names() -> String {
        GUESTS.iter().map(|g| g.name).collect::<Vec<_>>().join(", ")
    }
}

/// Names of `e_machine` values (gABI, "ELF Header", and the processor supplements), for messages about files that are
/// no guest's.
const MACHINES: &[(u16, &str)] = &[
    (2, "SPARC"),
    (3, "Intel 80386"),
    (4, "Motorola 68000"),
    (8, "MIPS"),
    (15, "PA-RISC"),
    (18, "SPARC v8+"),
    (20, "PowerPC"),
    (21, "64-bit PowerPC"),
    (22, "IBM S/390"),
    (40, "32-bit Arm"),
    (42, "SuperH"),
    (43, "SPARC v9"),
    (50, "Itanium"),
    (62, "x86-64"),
    (92, "OpenRISC"),
    (94, "Xtensa"),
    (164, "Hexagon"),
    (183, "AArch64"),
    (189, "MicroBlaze"),
    (243, "RISC-V"),
    (247, "BPF"),
    (258, "LoongArch"),
];

/// What an ELF file is built for, in words: `x86-64`, `big-endian MIPS`, `machine 4711`.
pub fn machine_words(machine: u16, wide: bool, little_endian: bool) -> String {
    let name = match MACHINES.iter().find(|(number, _)| *number == machine) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("machine {machine}"),
    };
    match (machine, wide, little_endian) {
        (183, _, false) | (21, _, false) | (8, _, false) => format!("big-endian {name}"),
        (62, false, _) => format!("{name} (x32)"),
        (243, false, _) => format!("32-bit {name}"),
        _ => name,
    }
}
