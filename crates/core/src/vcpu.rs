//! The processor as its owner sees it.

use crate::env::Env;
use crate::exit::Exit;

/// A guest processor: runs guest code until someone outside must act.
///
/// One thread owns it. Everything that translated code observes is in its [`Env`], whose address
/// is stable for the processor's life, so that a signal handler or another thread may ask for an
/// exit through [`Env::request_exit`].
pub trait Vcpu: Send {
    /// Runs from the guest's program counter. Returns at a system call, a fault, a guest exception,
    /// or soon after an exit was requested; all guest state is in the register file then.
    fn run(&mut self) -> Exit;

    /// The register file.
    fn env(&self) -> &Env;

    /// The register file, to change. Changes of mode registers (such as a rounding mode) take
    /// effect at the next `run`.
    fn env_mut(&mut self) -> &mut Env;

    /// A new processor over the same translations, with a copy of this one's registers: a new
    /// thread of the same address space, or the processor of a forked child.
    fn sibling(&self) -> Box<dyn Vcpu>;

    /// Tells that guest bytes in `start..start + len` changed, or that the range was mapped,
    /// unmapped or lost its execute permission. When it returns, no processor over the same
    /// translations starts a translation made from the old bytes.
    fn invalidate(&self, start: u64, len: u64);

    /// From its return, the register file is exact at every fault of every processor over the same translations, also
    /// at faults that would end the guest. Only called while this processor does not run.
    fn require_precise(&self) {}

    /// Runs `action`, which may fork and tells in the child its process number, while no other thread holds a lock of the
    /// translator, so that the child finds them free.
    fn quiesce(&self, action: &mut dyn FnMut() -> Option<u32>) {
        action();
    }
}
