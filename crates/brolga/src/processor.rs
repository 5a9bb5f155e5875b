//! The processor a guest has: what `-cpu` names, the front end that decodes for it, what its programs are told.

use brolga_arm::{A64, A64With};
use brolga_ir::Frontend;
use brolga_user::{CpuId, Guest};
use brolga_x86::{X86, X86With};

/// A processor of one of the guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processor {
    /// 64-bit Arm.
    A64(brolga_arm::Cpu),
    /// 64-bit x86.
    X86(brolga_x86::cpu::Cpu),
}

impl Processor {
    /// The processor of `guest` that `-cpu` asks for; what is wrong with its value otherwise.
    pub fn parse(guest: Guest, asked: Option<&str>) -> Result<Processor, String> {
        match (guest, asked) {
            (Guest::Aarch64, None) => Ok(Processor::A64(brolga_arm::Cpu::MAX)),
            (Guest::Aarch64, Some(text)) => brolga_arm::Cpu::parse(text).map(Processor::A64),
            (Guest::X86_64, None) => Ok(Processor::X86(brolga_x86::cpu::Cpu::MAX)),
            (Guest::X86_64, Some(text)) => brolga_x86::cpu::Cpu::parse(text).map(Processor::X86),
        }
        .map_err(|why| format!("option '-cpu': {why}"))
    }

    /// The usual one of `guest`.
    pub fn usual(guest: Guest) -> Processor {
        match guest {
            Guest::Aarch64 => Processor::A64(brolga_arm::Cpu::MAX),
            Guest::X86_64 => Processor::X86(brolga_x86::cpu::Cpu::MAX),
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

    /// Whether the top byte of an address is ignored.
    pub fn ignores_top_byte(&self) -> bool {
        matches!(self, Processor::A64(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guest_has_its_own_names() {
        assert_eq!(Processor::parse(Guest::X86_64, Some("max")), Ok(Processor::usual(Guest::X86_64)));
        assert!(Processor::parse(Guest::X86_64, Some("Haswell,-avx2")).is_ok());
        assert_eq!(Processor::parse(Guest::Aarch64, None), Ok(Processor::usual(Guest::Aarch64)));
        assert!(Processor::parse(Guest::X86_64, Some("cortex-a57")).unwrap_err().contains("cortex-a57"));
        assert!(Processor::parse(Guest::Aarch64, Some("cortex-a57")).is_ok());
    }
}
