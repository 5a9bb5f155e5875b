//! Processor models: what `-cpu` names, as identification registers and Linux capability bits.
//!
//! A model announces the features of the named processor as far as they are implemented here. It announces only: an
//! instruction that the model lacks still executes. Arm ARM, "AArch64 System Registers", for the fields; Linux
//! arch/arm64/include/uapi/asm/hwcap.h and kernel/cpufeature.c for the bits; each processor's Technical Reference
//! Manual, "Main ID Register", and its list of features.

/// Identification registers with fields of [`Feature`]s.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Id {
    Pfr0,
    Pfr1,
    Isar0,
    Isar1,
    Isar2,
    Mmfr2,
}

/// Fields are four bits.
const FIELD: u64 = 0xf;

/// One feature: its name in `/proc/cpuinfo`, bit of AT_HWCAP (from 0) or AT_HWCAP2 (from 64), and the field that
/// announces it. Features of one field are in ascending order; the last that is present decides.
struct Feature {
    name: &'static str,
    bit: u32,
    field: Option<(Id, u32, u64)>,
}

const fn row(name: &'static str, bit: u32, id: Id, shift: u32, value: u64) -> Feature {
    Feature { name, bit, field: Some((id, shift, value)) }
}

const HWCAP2: u32 = 64;

/// Every feature that the table of instructions implements. FP and AdvSIMD read 0 when plain.
const FEATURES: &[Feature] = &[
    Feature { name: "fp", bit: 0, field: None },
    Feature { name: "asimd", bit: 1, field: None },
    Feature { name: "evtstrm", bit: 2, field: None },
    row("aes", 3, Id::Isar0, 4, 1),
    row("pmull", 4, Id::Isar0, 4, 2),
    row("sha1", 5, Id::Isar0, 8, 1),
    row("sha2", 6, Id::Isar0, 12, 1),
    row("crc32", 7, Id::Isar0, 16, 1),
    row("atomics", 8, Id::Isar0, 20, 2),
    row("fphp", 9, Id::Pfr0, 16, 1),
    row("asimdhp", 10, Id::Pfr0, 20, 1),
    Feature { name: "cpuid", bit: 11, field: None },
    row("asimdrdm", 12, Id::Isar0, 28, 1),
    row("jscvt", 13, Id::Isar1, 12, 1),
    row("fcma", 14, Id::Isar1, 16, 1),
    row("lrcpc", 15, Id::Isar1, 20, 1),
    row("dcpop", 16, Id::Isar1, 0, 1),
    row("sha3", 17, Id::Isar0, 32, 1),
    row("sm3", 18, Id::Isar0, 36, 1),
    row("sm4", 19, Id::Isar0, 40, 1),
    row("asimddp", 20, Id::Isar0, 44, 1),
    row("sha512", 21, Id::Isar0, 12, 2),
    row("asimdfhm", 23, Id::Isar0, 48, 1),
    row("dit", 24, Id::Pfr0, 48, 1),
    row("uscat", 25, Id::Mmfr2, 32, 1),
    row("ilrcpc", 26, Id::Isar1, 20, 2),
    row("flagm", 27, Id::Isar0, 52, 1),
    row("ssbs", 28, Id::Pfr1, 4, 2),
    row("sb", 29, Id::Isar1, 36, 1),
    // API: FEAT_PAuth2 with an algorithm of our own.
    row("paca", 30, Id::Isar1, 8, 3),
    row("pacg", 31, Id::Isar1, 28, 1),
    row("dcpodp", HWCAP2, Id::Isar1, 0, 2),
    row("flagm2", HWCAP2 + 7, Id::Isar0, 52, 2),
    row("frint", HWCAP2 + 8, Id::Isar1, 32, 1),
    row("i8mm", HWCAP2 + 13, Id::Isar1, 52, 1),
    row("bf16", HWCAP2 + 14, Id::Isar1, 44, 1),
    row("dgh", HWCAP2 + 15, Id::Isar1, 48, 1),
    row("rng", HWCAP2 + 16, Id::Isar0, 60, 1),
    row("bti", HWCAP2 + 17, Id::Pfr1, 0, 1),
    row("wfxt", HWCAP2 + 31, Id::Isar2, 0, 2),
    row("cssc", HWCAP2 + 34, Id::Isar2, 52, 1),
    Feature { name: "rprfm", bit: HWCAP2 + 35, field: None },
    row("mops", HWCAP2 + 43, Id::Isar2, 16, 1),
    row("hbc", HWCAP2 + 44, Id::Isar2, 20, 1),
    row("lrcpc3", HWCAP2 + 46, Id::Isar1, 20, 3),
];

/// One model.
struct Model {
    name: &'static str,
    about: &'static str,
    /// MIDR_EL1
    midr: u32,
    /// Names of [`FEATURES`] beside [`EVERY`]; `None` stands for all.
    features: Option<&'static [&'static str]>,
}

/// What every 64-bit Linux announces.
const EVERY: &[&str] = &["fp", "asimd", "evtstrm", "cpuid"];

const ARMV8_0: &[&str] = &["aes", "pmull", "sha1", "sha2", "crc32"];
const CORTEX_A55: &[&str] =
    &["aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "asimdrdm", "lrcpc", "dcpop", "asimddp"];
const NEOVERSE_N1: &[&str] = &[
    "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "asimdrdm", "lrcpc", "dcpop", "asimddp",
    "ssbs",
];
const NEOVERSE_V1: &[&str] = &[
    "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "asimdrdm", "jscvt", "fcma", "lrcpc",
    "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs", "paca",
    "pacg", "dcpodp", "i8mm", "bf16", "dgh", "rng",
];
const ARMV9_0: &[&str] = &[
    "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "asimdrdm", "jscvt", "fcma", "lrcpc",
    "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs", "sb",
    "paca", "pacg", "dcpodp", "flagm2", "frint", "i8mm", "bf16", "dgh", "bti",
];
const A64FX: &[&str] = &["sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "asimdrdm", "fcma", "dcpop"];

const fn model(name: &'static str, about: &'static str, midr: u32, features: Option<&'static [&'static str]>) -> Model {
    Model { name, about, midr, features }
}

/// The models, the default first. Implementer 0 of its MIDR is reserved for software use.
const MODELS: [Model; 12] = [
    model("max", "every feature Brolga has (default)", 0x000f_0510, None),
    model("a64fx", "Fujitsu A64FX", 0x461f_0010, Some(A64FX)),
    model("cortex-a35", "Arm Cortex-A35", 0x411f_d040, Some(ARMV8_0)),
    model("cortex-a53", "Arm Cortex-A53", 0x410f_d034, Some(ARMV8_0)),
    model("cortex-a55", "Arm Cortex-A55", 0x412f_d050, Some(CORTEX_A55)),
    model("cortex-a57", "Arm Cortex-A57", 0x411f_d070, Some(ARMV8_0)),
    model("cortex-a710", "Arm Cortex-A710", 0x412f_d471, Some(ARMV9_0)),
    model("cortex-a72", "Arm Cortex-A72", 0x410f_d083, Some(ARMV8_0)),
    model("cortex-a76", "Arm Cortex-A76", 0x414f_d0b1, Some(CORTEX_A55)),
    model("neoverse-n1", "Arm Neoverse N1", 0x414f_d0c1, Some(NEOVERSE_N1)),
    model("neoverse-n2", "Arm Neoverse N2", 0x410f_d493, Some(ARMV9_0)),
    model("neoverse-v1", "Arm Neoverse V1", 0x411f_d402, Some(NEOVERSE_V1)),
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

/// Properties of several features, or that are as they are: name, features, and the one value allowed if there are none.
const PROPERTIES: &[(&str, &[&str], &str)] = &[
    ("pauth", &["paca", "pacg"], ""),
    ("pauth-impdef", &[], "on"),
    ("neon", &[], "on"),
    ("aarch64", &[], "on"),
    ("lpa2", &[], "off"),
    ("pauth-qarma3", &[], "off"),
    ("pauth-qarma5", &[], "off"),
    ("sve", &[], "off"),
    ("sme", &[], "off"),
];

/// A processor as a program sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    /// MIDR_EL1
    pub midr: u32,
    /// One bit a row of [`FEATURES`].
    features: u64,
}

impl Default for Cpu {
    fn default() -> Cpu {
        Cpu::MAX
    }
}

impl Cpu {
    /// The default model.
    pub const MAX: Cpu = Cpu { midr: MODELS[0].midr, features: (1 << FEATURES.len()) - 1 };

    fn of(model: &Model) -> Cpu {
        let has = |name: &str| EVERY.contains(&name) || model.features.is_none_or(|list| list.contains(&name));
        let features = FEATURES.iter().enumerate().fold(0, |m, (i, f)| m | u64::from(has(f.name)) << i);
        Cpu { midr: model.midr, features }
    }

    /// Reads `MODEL[,PROPERTY=on|off]...`. Properties are features by their name in `/proc/cpuinfo` and the names that
    /// the established emulator has. The error says what is wrong with the value.
    pub fn parse(text: &str) -> Result<Cpu, String> {
        let mut words = text.split(',');
        let name = words.next().unwrap_or_default();
        let model = MODELS.iter().find(|m| m.name == name);
        let mut cpu = Cpu::of(model.ok_or_else(|| format!("no CPU model '{name}' ('-cpu help' lists them)"))?);
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, "on"));
            let on = match value {
                "on" | "true" | "yes" => true,
                "off" | "false" | "no" => false,
                _ => return Err(format!("'{word}' is neither {name}=on nor {name}=off")),
            };
            cpu.set(name, on)?;
        }
        Ok(cpu)
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), String> {
        let group = PROPERTIES.iter().find(|(n, ..)| *n == name);
        let own = [name];
        let names: &[&str] = match group {
            Some((_, [], fixed)) if (*fixed == "on") == on => return Ok(()),
            Some((_, [], fixed)) => return Err(format!("{name} is always {fixed} here")),
            Some((_, names, _)) => names,
            None if EVERY.contains(&name) && !on => return Err(format!("{name} is always on here")),
            None => &own,
        };
        for name in names {
            let row = FEATURES.iter().position(|f| f.name == *name);
            let bit = 1 << row.ok_or_else(|| format!("no CPU property '{name}'"))?;
            if on { self.features |= bit } else { self.features &= !bit }
        }
        Ok(())
    }

    fn present(&self) -> impl Iterator<Item = &'static Feature> + '_ {
        FEATURES.iter().enumerate().filter(|(i, _)| self.features >> i & 1 != 0).map(|(_, f)| f)
    }

    /// AT_HWCAP and AT_HWCAP2.
    pub fn hwcap(&self) -> [u64; 2] {
        let all = self.present().fold(0u128, |m, f| m | 1 << f.bit);
        [all as u64, (all >> 64) as u64]
    }

    /// Names for the line "Features" of `/proc/cpuinfo`.
    pub fn names(&self) -> Vec<&'static str> {
        self.present().map(|f| f.name).collect()
    }

    /// The fields of one register, over what it holds for every model.
    fn id(&self, id: Id, base: u64) -> u64 {
        let fields = self.present().filter_map(|f| f.field).filter(|(i, ..)| *i == id);
        fields.fold(base, |word, (_, shift, value)| word & !(FIELD << shift) | value << shift)
    }

    /// The identification register of this encoding (op0, op1, CRn, CRm, op2), if it depends on the model.
    pub fn register(&self, encoding: [u32; 5]) -> Option<u64> {
        Some(match encoding {
            [3, 0, 0, 0, 0] => self.midr.into(),
            // EL0 and EL1 are 64-bit only.
            [3, 0, 0, 4, 0] => self.id(Id::Pfr0, 0x11),
            [3, 0, 0, 4, 1] => self.id(Id::Pfr1, 0),
            [3, 0, 0, 6, 0] => self.id(Id::Isar0, 0),
            [3, 0, 0, 6, 1] => self.id(Id::Isar1, 0),
            [3, 0, 0, 6, 2] => self.id(Id::Isar2, 0),
            [3, 0, 0, 7, 2] => self.id(Id::Mmfr2, 0),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_announces_everything() {
        let max = Cpu::parse("max").unwrap();
        assert_eq!(max, Cpu::default());
        assert_eq!(max.register([3, 0, 0, 6, 0]), Some(0x1021_1111_1021_2120));
        assert_eq!(max.register([3, 0, 0, 6, 1]), Some(0x0011_1011_1031_1302));
        assert_eq!(max.register([3, 0, 0, 6, 2]), Some(0x0010_0000_0011_0002));
        assert_eq!(max.register([3, 0, 0, 4, 0]), Some(0x0001_0000_0011_0011));
        assert_eq!(max.hwcap()[0], 0xffff_ffff & !(1 << 22));
        assert_eq!(max.names().len(), FEATURES.len());
    }

    #[test]
    fn models_name_known_features_only() {
        for m in &MODELS {
            for name in m.features.unwrap_or_default().iter().chain(EVERY) {
                assert!(FEATURES.iter().any(|f| f.name == *name), "{}: {name}", m.name);
            }
            assert_eq!(m.midr >> 16 & 0xf, 0xf, "{}: architecture by the ID registers", m.name);
        }
        let a53 = Cpu::parse("cortex-a53").unwrap();
        assert_eq!((a53.hwcap(), a53.midr), ([0x8ff, 0], 0x410f_d034));
        assert_eq!(a53.register([3, 0, 0, 6, 1]), Some(0));
    }

    #[test]
    fn properties_change_bits_and_fields() {
        let plain = Cpu::parse("max,pauth=off,sha512=off,flagm2=off,sve=off,pauth-impdef=on").unwrap();
        assert_eq!(plain.hwcap()[0] >> 30 & 3, 0);
        assert_eq!(plain.register([3, 0, 0, 6, 1]).unwrap() & 0xf000_0ff0, 0);
        assert_eq!(plain.register([3, 0, 0, 6, 0]).unwrap() >> 52 & 0xf, 1);
        assert_eq!(Cpu::parse("cortex-a53,atomics=on").unwrap().hwcap()[0] >> 8 & 1, 1);
        for (text, why) in [
            ("host", "no CPU model 'host' ('-cpu help' lists them)"),
            ("max,sve=on", "sve is always off here"),
            ("max,fp=off", "fp is always on here"),
            ("max,mte=on", "no CPU property 'mte'"),
            ("max,aes=maybe", "'aes=maybe' is neither aes=on nor aes=off"),
        ] {
            assert_eq!(Cpu::parse(text).unwrap_err(), why);
        }
    }
}
