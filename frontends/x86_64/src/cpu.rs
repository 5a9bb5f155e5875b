//! Processors that programs can be shown: models, features, what `-cpu` says. A feature is what CPUID has a bit for; the
//! names are those of the established emulator, those of `/proc/cpuinfo` are Linux's (arch/x86/include/asm/cpufeatures.h).

use iced_x86::{Code, CpuidFeature as Iced, EncodingKind};

/// A register of a CPUID leaf: leaf, sub-leaf, register (EAX, EBX, ECX, EDX).
pub type Place = (u32, u32, usize);

const EBX1: Place = (7, 0, 1);
const ECX1: Place = (1, 0, 2);
const EDX1: Place = (1, 0, 3);
const ECX7: Place = (7, 0, 2);
const EAXD: Place = (0xd, 1, 0);
const ECXA: Place = (0x8000_0001, 0, 2);
const EDXA: Place = (0x8000_0001, 0, 3);

/// One feature.
pub struct Feature {
    /// Name for `-cpu`, with `-` between words.
    pub name: &'static str,
    /// Name in `/proc/cpuinfo`.
    pub linux: &'static str,
    /// Where CPUID has its bit.
    pub place: Place,
    /// Which bit.
    pub bit: u32,
}

const fn row(name: &'static str, linux: &'static str, place: Place, bit: u32) -> Feature {
    Feature { name, linux, place, bit }
}

/// Every feature that is there.
pub static FEATURES: [Feature; 47] = [
    row("fpu", "fpu", EDX1, 0),
    row("tsc", "tsc", EDX1, 4),
    row("cx8", "cx8", EDX1, 8),
    row("cmov", "cmov", EDX1, 15),
    row("clflush", "clflush", EDX1, 19),
    row("mmx", "mmx", EDX1, 23),
    row("fxsr", "fxsr", EDX1, 24),
    row("sse", "sse", EDX1, 25),
    row("sse2", "sse2", EDX1, 26),
    row("syscall", "syscall", EDXA, 11),
    row("nx", "nx", EDXA, 20),
    row("rdtscp", "rdtscp", EDXA, 27),
    row("lm", "lm", EDXA, 29),
    row("invtsc", "constant_tsc", (0x8000_0007, 0, 3), 8),
    row("pni", "pni", ECX1, 0),
    row("pclmulqdq", "pclmulqdq", ECX1, 1),
    row("ssse3", "ssse3", ECX1, 9),
    row("fma", "fma", ECX1, 12),
    row("cx16", "cx16", ECX1, 13),
    row("sse4.1", "sse4_1", ECX1, 19),
    row("sse4.2", "sse4_2", ECX1, 20),
    row("movbe", "movbe", ECX1, 22),
    row("popcnt", "popcnt", ECX1, 23),
    row("aes", "aes", ECX1, 25),
    row("xsave", "xsave", ECX1, 26),
    row("avx", "avx", ECX1, 28),
    row("f16c", "f16c", ECX1, 29),
    row("rdrand", "rdrand", ECX1, 30),
    row("lahf-lm", "lahf_lm", ECXA, 0),
    row("abm", "abm", ECXA, 5),
    row("3dnowprefetch", "3dnowprefetch", ECXA, 8),
    row("fsgsbase", "fsgsbase", EBX1, 0),
    row("bmi1", "bmi1", EBX1, 3),
    row("avx2", "avx2", EBX1, 5),
    row("bmi2", "bmi2", EBX1, 8),
    row("erms", "erms", EBX1, 9),
    row("rdseed", "rdseed", EBX1, 18),
    row("adx", "adx", EBX1, 19),
    row("clflushopt", "clflushopt", EBX1, 23),
    row("clwb", "clwb", EBX1, 24),
    row("sha-ni", "sha_ni", EBX1, 29),
    row("gfni", "gfni", ECX7, 8),
    row("vaes", "vaes", ECX7, 9),
    row("vpclmulqdq", "vpclmulqdq", ECX7, 10),
    row("rdpid", "rdpid", ECX7, 22),
    row("xsaveopt", "xsaveopt", EAXD, 0),
    row("xsavec", "xsavec", EAXD, 1),
];

/// Names that the established emulator knows and that are never there: they may be switched off.
const NEVER: &[&str] = &[
    "3dnow",
    "3dnowext",
    "apic",
    "arat",
    "avx-ifma",
    "avx-vnni",
    "avx512-bf16",
    "avx512-fp16",
    "avx512-vpopcntdq",
    "avx512bitalg",
    "avx512bw",
    "avx512cd",
    "avx512dq",
    "avx512f",
    "avx512ifma",
    "avx512vbmi",
    "avx512vbmi2",
    "avx512vl",
    "avx512vnni",
    "de",
    "fma4",
    "fsrm",
    "hle",
    "ht",
    "hypervisor",
    "invpcid",
    "la57",
    "mca",
    "mce",
    "monitor",
    "mpx",
    "msr",
    "mtrr",
    "pae",
    "pat",
    "pcid",
    "pge",
    "pku",
    "pse",
    "pse36",
    "rtm",
    "smap",
    "smep",
    "spec-ctrl",
    "ss",
    "sse4a",
    "svm",
    "tbm",
    "tsc-adjust",
    "tsc-deadline",
    "umip",
    "vme",
    "vmx",
    "x2apic",
    "xgetbv1",
    "xop",
    "xsaves",
];

/// Features that go when another goes, by name: the first needs the second.
const NEEDS: &[(&str, &str)] = &[
    ("avx", "xsave"),
    ("xsaveopt", "xsave"),
    ("xsavec", "xsave"),
    ("avx2", "avx"),
    ("fma", "avx"),
    ("f16c", "avx"),
    ("vaes", "avx"),
    ("vpclmulqdq", "avx"),
    ("bmi1", "avx"),
    ("bmi2", "avx"),
];

/// The feature that instructions of one of the decoder's need. LZCNT and TZCNT are always there,
/// though without their features they would be BSR and BSF.
const GATES: &[(Iced, &str)] = &[
    (Iced::SSE3, "pni"),
    (Iced::SSSE3, "ssse3"),
    (Iced::SSE4_1, "sse4.1"),
    (Iced::SSE4_2, "sse4.2"),
    (Iced::POPCNT, "popcnt"),
    (Iced::MOVBE, "movbe"),
    (Iced::CMPXCHG16B, "cx16"),
    (Iced::PCLMULQDQ, "pclmulqdq"),
    (Iced::AES, "aes"),
    (Iced::XSAVE, "xsave"),
    (Iced::XSAVEOPT, "xsaveopt"),
    (Iced::XSAVEC, "xsavec"),
    (Iced::AVX, "avx"),
    (Iced::AVX2, "avx2"),
    (Iced::FMA, "fma"),
    (Iced::F16C, "f16c"),
    (Iced::BMI1, "bmi1"),
    (Iced::BMI2, "bmi2"),
    (Iced::ADX, "adx"),
    (Iced::RDRAND, "rdrand"),
    (Iced::RDSEED, "rdseed"),
    (Iced::RDTSCP, "rdtscp"),
    (Iced::RDPID, "rdpid"),
    (Iced::FSGSBASE, "fsgsbase"),
    (Iced::SHA, "sha-ni"),
    (Iced::GFNI, "gfni"),
    (Iced::VAES, "vaes"),
    (Iced::VPCLMULQDQ, "vpclmulqdq"),
    (Iced::CLFLUSHOPT, "clflushopt"),
    (Iced::CLWB, "clwb"),
];

/// Who made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vendor {
    /// GenuineIntel
    Intel,
    /// AuthenticAMD
    Amd,
}

/// One model.
pub struct Model {
    /// For `-cpu`.
    pub name: &'static str,
    /// For `-cpu help`.
    pub about: &'static str,
    /// What CPUID calls it.
    pub brand: &'static str,
    /// Whose numbers it has.
    pub vendor: Vendor,
    /// Leaf 1, EAX: family, model, stepping.
    pub signature: u32,
    /// Lists of features that add up; all there are if there is none.
    features: &'static [&'static [&'static str]],
}

const V1: &[&str] =
    &["fpu", "tsc", "cx8", "cmov", "clflush", "mmx", "fxsr", "sse", "sse2", "syscall", "nx", "lm", "invtsc"];
const V2: &[&str] = &["pni", "ssse3", "cx16", "sse4.1", "sse4.2", "popcnt", "lahf-lm"];
const V3: &[&str] = &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"];
const CORE: &[&str] = &["rdtscp", "aes", "pclmulqdq", "rdrand", "fsgsbase", "erms", "xsaveopt"];
const LATER: &[&str] = &["3dnowprefetch", "adx", "rdseed"];

/// What every x86-64 processor has, or has with a feature that no instruction is refused for.
const ALWAYS: &[Iced] = &[
    Iced::INTEL8086,
    Iced::INTEL186,
    Iced::INTEL286,
    Iced::INTEL386,
    Iced::INTEL486,
    Iced::X64,
    Iced::CLFSH,
    Iced::CMOV,
    Iced::CPUID,
    Iced::CX8,
    Iced::FPU,
    Iced::FPU287,
    Iced::FPU387,
    Iced::FXSR,
    Iced::LZCNT,
    Iced::MMX,
    Iced::MULTIBYTENOP,
    Iced::PAUSE,
    Iced::PREFETCHW,
    Iced::SSE,
    Iced::SSE2,
    Iced::TSC,
];

/// Whether the default model tells programs that it has instructions of the decoder's feature.
pub fn announced(feature: Iced) -> bool {
    ALWAYS.contains(&feature) || GATES.iter().any(|(gate, name)| *gate == feature && Cpu::MAX.has(name))
}

const BROLGA: &str = "Brolga x86-64 processor";

const fn model(
    name: &'static str,
    about: &'static str,
    brand: &'static str,
    vendor: Vendor,
    signature: u32,
    features: &'static [&'static [&'static str]],
) -> Model {
    Model { name, about, brand, vendor, signature, features }
}

/// Signature of the models without one: family 6, model 15, from which no later one is to be concluded.
const PLAIN: u32 = 0x0006_0f01;
const GOLDMONT: &[&str] = &["rdtscp", "aes", "pclmulqdq", "rdrand", "fsgsbase", "erms", "xsaveopt", "xsavec", "sha-ni"];

use Vendor::{Amd, Intel};

/// The models, the default first.
pub static MODELS: [Model; 10] = [
    model(
        "max",
        "every feature Brolga has; sha-ni and gfni where the host has them (default)",
        BROLGA,
        Intel,
        PLAIN,
        &[],
    ),
    model("qemu64", "plain 64-bit processor", BROLGA, Amd, 0x6_0fb1, &[V1, &["pni", "cx16", "lahf-lm"]]),
    model("x86-64-v1", "x86-64 as in the beginning", BROLGA, Intel, PLAIN, &[V1]),
    model("x86-64-v2", "with SSE4.2 and POPCNT", BROLGA, Intel, PLAIN, &[V1, V2]),
    model("x86-64-v3", "with AVX2, BMI2 and FMA", BROLGA, Intel, PLAIN, &[V1, V2, V3]),
    model("Nehalem", "Intel Core i7 9xx", "Intel Core i7 9xx (Nehalem Class Core i7)", Intel, 0x1_06a3, &[V1, V2]),
    model("Haswell", "Intel Core, 2013", "Intel Core Processor (Haswell)", Intel, 0x3_06c4, &[V1, V2, V3, CORE]),
    model(
        "Skylake-Client",
        "Intel Core, 2015",
        "Intel Core Processor (Skylake)",
        Intel,
        0x5_06e3,
        &[V1, V2, V3, CORE, LATER, &["xsavec", "clflushopt"]],
    ),
    model(
        "Denverton",
        "Intel Atom, 2017, without AVX",
        "Intel Atom Processor (Denverton)",
        Intel,
        0x5_06f1,
        &[V1, V2, GOLDMONT, &["movbe", "xsave", "3dnowprefetch", "rdseed", "clflushopt"]],
    ),
    model(
        "EPYC",
        "AMD EPYC, 2017",
        "AMD EPYC Processor",
        Amd,
        0x80_0f12,
        &[V1, V2, V3, CORE, LATER, &["xsavec", "clflushopt", "sha-ni"]],
    ),
];

/// Names of the models and what they are, the default first.
pub static NAMES: [(&str, &str); MODELS.len()] = {
    let mut names = [("", ""); MODELS.len()];
    let mut i = 0;
    while i < MODELS.len() {
        names[i] = (MODELS[i].name, MODELS[i].about);
        i += 1;
    }
    names
};

/// A processor as a program sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    /// Index into [`MODELS`].
    pub model: u8,
    /// One bit a row of [`FEATURES`].
    pub features: u64,
}

impl Default for Cpu {
    fn default() -> Cpu {
        Cpu::MAX
    }
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// For each of the decoder's features the row of [`FEATURES`] that [`GATES`] names: every instruction is asked for.
static GATE_ROWS: [Option<u8>; 256] = {
    let mut rows = [None; 256];
    let mut i = 0;
    while i < GATES.len() {
        let mut row = 0;
        while !is_same(FEATURES[row].name, GATES[i].1) {
            row += 1;
        }
        rows[GATES[i].0 as usize] = Some(row as u8);
        i += 1;
    }
    rows
};

/// The row of a feature; words may be joined by `_` too, and SSE3 and others have two names.
fn position(name: &str) -> Option<usize> {
    let name = name.replace('_', "-");
    let name = match name.as_str() {
        "sse3" => "pni",
        "sse4-1" => "sse4.1",
        "sse4-2" => "sse4.2",
        "lzcnt" => "abm",
        other => other,
    };
    FEATURES.iter().position(|f| f.name == name)
}

impl Cpu {
    /// The default model.
    pub const MAX: Cpu = Cpu { model: 0, features: (1 << FEATURES.len()) - 1 };

    fn of(index: usize) -> Cpu {
        let lists = MODELS[index].features;
        let has = |name: &str| lists.is_empty() || lists.iter().any(|list| list.contains(&name));
        let features = FEATURES.iter().enumerate().fold(0, |m, (i, f)| m | u64::from(has(f.name)) << i);
        Cpu { model: index as u8, features }
    }

    /// Reads `MODEL[,+FEATURE][,-FEATURE][,FEATURE=on|off]...`. The error says what is wrong with the value.
    pub fn parse(text: &str) -> Result<Cpu, String> {
        let mut words = text.split(',');
        let name = words.next().unwrap_or_default();
        let index = MODELS.iter().position(|m| m.name == name);
        let mut cpu = Cpu::of(index.ok_or_else(|| format!("no CPU model '{name}' ('-cpu help' lists them)"))?);
        for word in words {
            let (name, on) = match (word.strip_prefix('+'), word.strip_prefix('-'), word.split_once('=')) {
                (Some(name), ..) => (name, true),
                (_, Some(name), _) => (name, false),
                (.., Some((name, "on" | "true" | "yes"))) => (name, true),
                (.., Some((name, "off" | "false" | "no"))) => (name, false),
                (.., Some((name, _))) => return Err(format!("'{word}' is neither {name}=on nor {name}=off")),
                _ => (word, true),
            };
            cpu.set(name, on)?;
        }
        Ok(cpu)
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), String> {
        let Some(row) = position(name) else {
            return match NEVER.contains(&name.replace('_', "-").as_str()) {
                true if !on => Ok(()),
                true => Err(format!("{name} is always off here")),
                false => Err(format!("no CPU feature '{name}'")),
            };
        };
        if on {
            self.features |= 1 << row;
            return Ok(());
        }
        self.features &= !(1 << row);
        for (needing, _) in NEEDS.iter().filter(|(_, needed)| *needed == FEATURES[row].name) {
            self.set(needing, false)?;
        }
        Ok(())
    }

    /// Whether it has the feature of this name.
    pub fn has(&self, name: &str) -> bool {
        position(name).is_some_and(|row| self.features >> row & 1 != 0)
    }

    /// Features that it has.
    pub fn present(&self) -> impl Iterator<Item = &'static Feature> + '_ {
        FEATURES.iter().enumerate().filter(|(i, _)| self.features >> i & 1 != 0).map(|(_, f)| f)
    }

    /// Its model.
    pub fn model(&self) -> &'static Model {
        &MODELS[usize::from(self.model) % MODELS.len()]
    }

    /// Whether it has an instruction of this form.
    pub fn runs(&self, code: Code) -> bool {
        let has = |f: &Iced| {
            let tzcnt = *f == Iced::BMI1 && code.encoding() == EncodingKind::Legacy;
            tzcnt || GATE_ROWS[*f as usize].is_none_or(|row| self.features >> row & 1 != 0)
        };
        *self == Cpu::MAX || code.cpuid_features().iter().all(has)
    }

    /// The register of a leaf that features make.
    pub fn register(&self, place: Place) -> u32 {
        self.present().filter(|f| f.place == place).fold(0, |word, f| word | 1 << f.bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_feature() {
        let listed = MODELS.iter().flat_map(|m| m.features.iter().copied().flatten());
        let others = NEEDS.iter().flat_map(|(a, b)| [a, b]).chain(GATES.iter().map(|(_, name)| name));
        for name in listed.chain(others) {
            assert!(FEATURES.iter().any(|f| f.name == *name), "{name}");
        }
        assert!(NEVER.iter().all(|name| position(name).is_none()));
        assert_eq!(Cpu::of(0), Cpu::MAX);
    }

    #[test]
    fn values_of_the_option() {
        let v3 = Cpu::parse("x86-64-v3").unwrap();
        assert!(v3.has("avx2") && v3.has("lzcnt") && !v3.has("aes"));
        let cpu = Cpu::parse("Haswell,-avx,+sha_ni,rdseed=on,-hle").unwrap();
        assert!(!cpu.has("avx2") && !cpu.has("fma") && cpu.has("xsave") && cpu.has("sha-ni") && cpu.has("rdseed"));
        assert!(!Cpu::parse("max,-sse4_1").unwrap().has("sse4.1"));
        for (text, part) in [
            ("i386", "no CPU model"),
            ("max,+avx512f", "always off"),
            ("max,x=1", "neither"),
            ("max,+zz", "no CPU feature"),
        ] {
            assert!(Cpu::parse(text).unwrap_err().contains(part), "{text}");
        }
    }

    #[test]
    fn instructions_need_their_features() {
        let nehalem = Cpu::parse("Nehalem").unwrap();
        assert!(nehalem.runs(Code::Pcmpgtq_xmm_xmmm128) && nehalem.runs(Code::Tzcnt_r64_rm64));
        for code in [Code::VEX_Vaddps_xmm_xmm_xmmm128, Code::VEX_Vaesenc_xmm_xmm_xmmm128, Code::VEX_Andn_r64_r64_rm64] {
            assert!(!nehalem.runs(code) && Cpu::MAX.runs(code), "{code:?}");
        }
    }
}
