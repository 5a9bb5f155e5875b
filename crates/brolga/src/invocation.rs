//! What Brolga was started as: the name decides (a multi-call binary), or binfmt_misc does.

use std::ffi::OsStr;
use std::path::Path;

use crate::guest::Guest;
use crate::host;
use crate::trouble::Trouble;

/// How to read the command line.
#[derive(Debug, Clone, Copy)]
pub enum Invocation {
    /// `brolga SUBCOMMAND`.
    Tool,
    /// `brolga-aarch64`, `qemu-aarch64`, the same with `-static`: options, program, arguments.
    Emulator(&'static Guest),
    /// Started by the kernel with flag P: program path, its `argv[0]`, arguments, no options. The guest is known when the
    /// name says it.
    Binfmt(Option<&'static Guest>),
}

/// A name ending so was registered with flag P; kernels before 5.12 do not tell by themselves.
const BINFMT_P: &str = "-binfmt-P";

impl Invocation {
    /// Decides by `argv[0]` and the auxiliary vector.
    pub fn of_process(argv0: &OsStr) -> Result<Self, Trouble> {
        Self::decide(argv0, host::started_by_binfmt_p())
    }

    fn decide(argv0: &OsStr, kernel_says_p: bool) -> Result<Self, Trouble> {
        let name = Path::new(argv0).file_name().unwrap_or(argv0).to_string_lossy();
        let (stem, named_p) = match name.strip_suffix(BINFMT_P) {
            Some(stem) => (stem, true),
            None => (&*name, false),
        };
        let stem = stem.strip_suffix("-static").unwrap_or(stem);
        let arch = match stem.strip_prefix("brolga-").or_else(|| stem.strip_prefix("qemu-")) {
            Some(arch) => Some(arch),
            None if named_p => Some(stem),
            None => None,
        };
        let binfmt = named_p || kernel_says_p;
        let unknown = |arch: &str| {
            Trouble::usage(format!(
                "started as '{name}', but there is no guest '{arch}' in this build ({})",
                Guest::names()
            ))
        };
        let guest = arch.map(|arch| Guest::by_name(arch).ok_or_else(|| unknown(arch))).transpose()?;
        Ok(match (guest, binfmt) {
            (guest, true) => Self::Binfmt(guest),
            (Some(guest), false) => Self::Emulator(guest),
            (None, false) => Self::Tool,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide() {
        for (name, kernel, expected) in [
            ("brolga", false, "Tool"),
            ("/x/qemu-aarch64", false, "Emulator"),
            ("qemu-aarch64-static", false, "Emulator"),
            ("brolga-aarch64", false, "Emulator"),
            ("brolga-aarch64-static", false, "Emulator"),
            ("/usr/libexec/qemu-binfmt/aarch64-binfmt-P", false, "Binfmt(Some"),
            ("qemu-aarch64-binfmt-P", false, "Binfmt(Some"),
            ("brolga", true, "Binfmt(None"),
            ("brolga-aarch64", true, "Binfmt(Some"),
        ] {
            let got = format!("{:?}", Invocation::decide(OsStr::new(name), kernel).unwrap());
            assert!(got.starts_with(expected), "{name}: {got}");
        }
        assert!(Invocation::decide(OsStr::new("qemu-vax"), false).unwrap_err().message.contains("'vax'"));
    }
}
