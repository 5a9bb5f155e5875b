//! Bytes that are an instruction here alone: with them the kernel's shared object that linux-user maps reads the host's clocks
//! without leaving translated code. Processors do not have the opcode, and programs have no reason for these bytes.

use crate::sem::{Cx, Flow};
use crate::{exec, state};
use brolga_core::RegSet;

/// The bytes: an opcode that is undefined, and a name.
pub const CLOCK: [u8; 8] = *b"\x0f\x0aclock\0";

/// Clock EDI to RAX and RDX; RCX tells whether there is one.
pub fn translate(cx: &mut Cx) -> Flow {
    let written = [state::RAX, state::RCX, state::RDX].into_iter().fold(RegSet::EMPTY, RegSet::with);
    cx.b.call_void(exec::CLOCK, &[], RegSet::EMPTY.with(state::RDI), written);
    Flow::Next
}
