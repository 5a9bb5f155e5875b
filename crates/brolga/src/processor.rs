//! The processor a guest has: what `-cpu` names, the front end that decodes for it, what its programs are told.

use crate::usual;
use brolga_arm::{A64, A64With};
use brolga_interp::usual::Usual;
use brolga_ir::Frontend;
use brolga_user::{CpuId, Guest};
use brolga_x86::cpu::Cpu;
use brolga_x86::{X86, X86With};

/// A processor of one of the guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processor {
    /// 64-bit Arm.
    A64(brolga_arm::Cpu),
    /// 64-bit x86.
    X86(Cpu),
}

impl Processor {
    /// The processor of `guest` that `-cpu` asks for; what is wrong with its value otherwise.
    pub fn parse(guest: Guest, asked: Option<&str>) -> Result<Processor, String> {
        match (guest, asked) {
            (_, None) => Ok(Processor::usual(guest)),
            (Guest::Aarch64, Some(text)) => brolga_arm::Cpu::parse(text).map(Processor::A64),
            (Guest::X86_64, Some(text)) => x86_here(text).map(Processor::X86),
        }
        .map_err(|why| format!("option '-cpu': {why}"))
    }

    /// The usual one of `guest`.
    pub fn usual(guest: Guest) -> Processor {
        match guest {
            Guest::Aarch64 => Processor::A64(brolga_arm::Cpu::MAX),
            Guest::X86_64 => Processor::X86(x86_here("max").unwrap_or_default()),
        }
    }

    /// What programs are told of it.
    pub fn id(&self) -> CpuId {
        match self {
            Processor::A64(cpu) => {
                CpuId { hwcap: cpu.hwcap(), id: cpu.midr, features: cpu.names(), ..CpuId::default() }
            }
            Processor::X86(cpu) => crate::x86_id::id(cpu),
        }
    }

    /// The front end for its code.
    pub fn frontend(&self) -> Box<dyn Frontend> {
        match self {
            Processor::A64(cpu) => Box::new(A64With(*cpu)),
            Processor::X86(cpu) => Box::new(X86With(*cpu)),
        }
    }

    /// The front end for the tables that all processors of the guest share.
    pub fn tables(&self) -> &'static dyn Frontend {
        match self {
            Processor::A64(_) => &A64,
            Processor::X86(_) => &X86,
        }
    }

    /// What is known beforehand of its instructions: nothing if it may lack some.
    pub fn usual_instructions(&self) -> &'static Usual {
        let (guest, known) = match self {
            Processor::A64(_) => (Guest::Aarch64, &usual::A64),
            Processor::X86(_) => (Guest::X86_64, &usual::X86_64),
        };
        if *self == Processor::usual(guest) { known } else { Default::default() }
    }

    /// Whether the top byte of an address is ignored.
    pub fn ignores_top_byte(&self) -> bool {
        matches!(self, Processor::A64(_))
    }
}

/// Features of x86-64 that are there to be fast, and that this host does not have: done without, their instructions take
/// longer than what programs do in their place.
fn slow_here() -> impl Iterator<Item = &'static str> {
    #[cfg(target_arch = "x86_64")]
    let found = [std::arch::is_x86_feature_detected!("sha"), std::arch::is_x86_feature_detected!("gfni")];
    #[cfg(not(target_arch = "x86_64"))]
    let found = [false; 2];
    ["sha-ni", "gfni"].into_iter().zip(found).filter(|(_, found)| !found).map(|(name, _)| name)
}

/// The processor of x86-64 that `-cpu` names: `max` has what is slow here only if it is asked for by name.
fn x86_here(text: &str) -> Result<Cpu, String> {
    let (model, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
    if model != "max" {
        return Cpu::parse(text);
    }
    let without: String = slow_here().map(|name| format!(",-{name}")).collect();
    Cpu::parse(&format!("{model}{without}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guest_has_its_own_names() {
        assert_eq!(Processor::parse(Guest::X86_64, Some("max")), Processor::parse(Guest::X86_64, None));
        assert!(Processor::parse(Guest::X86_64, Some("Haswell,-avx2")).is_ok());
        assert_eq!(Processor::parse(Guest::Aarch64, Some("max")), Ok(Processor::usual(Guest::Aarch64)));
        assert!(Processor::parse(Guest::X86_64, Some("cortex-a57")).unwrap_err().contains("cortex-a57"));
        assert!(Processor::parse(Guest::Aarch64, Some("cortex-a57")).is_ok());
    }

    #[test]
    fn the_usual_x86_has_all_but_what_is_slow_here() {
        assert_eq!(x86_here("max,+sha_ni,+gfni"), Ok(Cpu::MAX));
        let (here, slow) = (x86_here("max").unwrap(), slow_here().collect::<Vec<_>>());
        let missing = Cpu::MAX.present().filter(|f| !here.has(f.name)).map(|f| f.name);
        assert_eq!(missing.collect::<Vec<_>>(), slow);
        assert_eq!(x86_here("EPYC"), Cpu::parse("EPYC"), "others are the same everywhere");
        assert!(x86_here("maximum").is_err() && x86_here("max,+nonsense").is_err());
    }
}
