//! The arm64 signal frame: arch/arm64/include/uapi/asm/sigcontext.h and kernel/signal.c.
//!
//! From the stack pointer up: `siginfo` (128 bytes), `ucontext` with its 4096 reserved bytes holding
//! tagged records (fpsimd, esr after a fault, terminator), then a frame record {fp, lr} for unwinders.

use super::{BAD_FRAME, regs};
use crate::abi::{Frame, Unframed};
use crate::errno::Errno;
use crate::guest::GuestMem;
use crate::signal::{AltStack, SA_RESTORER, SA_SIGINFO};
use brolga_core::{Env, Nzcv};

/// Offset of the ucontext.
const UC: usize = 128;
const UC_STACK: usize = UC + 16;
const UC_SIGMASK: usize = UC + 40;
/// `struct sigcontext`, 16-byte aligned.
const MC: usize = UC + 176;
const MC_REGS: usize = MC + 8;
const RESERVED: usize = MC + 288;
/// Bytes of the frame without the frame record.
const SIZE: usize = RESERVED + 4096;

const FPSIMD_MAGIC: u32 = 0x4650_8001;
const FPSIMD_SIZE: usize = 528;
const ESR_MAGIC: u32 = 0x4553_5201;

/// PSTATE as SPSR_EL1 holds it: flags in bits 31..28, DIT in 24, SSBS in 12, BTYPE in 11..10. Arm ARM, "SPSR_EL1,
/// Saved Program Status Register (EL1)".
pub fn pstate(env: &Env) -> u64 {
    let flags = Nzcv::eval(env.file[regs::CC], env.file[regs::CC + 1], env.file[regs::CC + 2]).bits();
    flags | env.file[regs::DIT] & DIT | env.file[regs::SSBS] & SSBS | (env.file[regs::BTYPE] & 3) << 10
}

const DIT: u64 = 1 << 24;
const SSBS: u64 = 1 << 12;
/// Mode, AArch32 and interrupt masks: a frame that sets one is not a 64-bit user's (`valid_user_regs`).
const NOT_USER: u64 = 0x1f | 0x3c0;

fn set_pstate(env: &mut Env, pstate: u64) {
    env.file[regs::CC] = 0; // flags packed in the first operand
    env.file[regs::CC + 1] = pstate & 0xf000_0000;
    env.file[regs::CC + 2] = 0;
    env.file[regs::DIT] = pstate & DIT;
    env.file[regs::SSBS] = pstate & SSBS;
    env.file[regs::BTYPE] = pstate >> 10 & 3;
}

struct Bytes([u8; SIZE]);

impl Bytes {
    fn put(&mut self, at: usize, word: u64) {
        self.0[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    fn put32(&mut self, at: usize, word: u32) {
        self.0[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    fn get(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes"))
    }

    fn get32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }
}

/// Builds the frame below `f.top` and sets the registers for the handler.
pub fn push(env: &mut Env, mem: GuestMem, f: &Frame<'_>) -> Result<(), Errno> {
    let record = f.top.wrapping_sub(16) & !15;
    let base = record.wrapping_sub(SIZE as u64) & !15;
    let mut b = Box::new(Bytes([0; SIZE]));
    b.0[..128].copy_from_slice(f.info);
    b.0[UC_STACK..UC_STACK + 24].copy_from_slice(&f.altstack.to_bytes());
    b.put(UC_SIGMASK, f.mask);
    b.put(MC, f.fault.map_or(0, |(addr, _)| addr));
    for i in 0..=regs::SP {
        b.put(MC_REGS + 8 * i, env.file[regs::x(i)]);
    }
    b.put(MC_REGS + 8 * 32, env.file[regs::PC]);
    b.put(MC_REGS + 8 * 33, pstate(env));
    fpsimd_out(env, &mut b, RESERVED);
    if let Some((_, esr)) = f.fault {
        let at = RESERVED + FPSIMD_SIZE;
        b.put32(at, ESR_MAGIC);
        b.put32(at + 4, 16);
        b.put(at + 8, esr);
    }
    mem.write(base, &b.0)?;
    mem.write_words(record, &[env.file[29], env.file[regs::X30]])?;

    let restorer = if f.action.flags & SA_RESTORER != 0 { f.action.restorer } else { f.trampoline };
    env.file[regs::X0] = f.signal as u64;
    if f.action.flags & SA_SIGINFO != 0 {
        env.file[1] = base;
        env.file[2] = base + UC as u64;
    }
    env.file[29] = record;
    env.file[regs::X30] = restorer;
    env.file[regs::SP] = base;
    env.file[regs::PC] = f.action.handler;
    env.file[regs::MONITOR] = u64::MAX;
    env.file[regs::BTYPE] = 0;
    Ok(())
}

fn fpsimd_out(env: &Env, b: &mut Bytes, at: usize) {
    b.put32(at, FPSIMD_MAGIC);
    b.put32(at + 4, FPSIMD_SIZE as u32);
    b.put32(at + 8, env.file[regs::FPSR] as u32);
    b.put32(at + 12, env.file[regs::FPCR] as u32);
    for i in 0..64 {
        b.put(at + 16 + 8 * i, env.file[regs::V0 + i]);
    }
}

fn fpsimd_in(env: &mut Env, b: &Bytes, at: usize) {
    env.file[regs::FPSR] = b.get32(at + 8).into();
    env.file[regs::FPCR] = b.get32(at + 12).into();
    for i in 0..64 {
        env.file[regs::V0 + i] = b.get(at + 16 + 8 * i);
    }
}

/// Finds the fpsimd record. Every record of the list is checked, as the kernel does.
fn find_fpsimd(b: &Bytes) -> Result<usize, Errno> {
    let mut at = RESERVED;
    let mut found = None;
    loop {
        if at + 8 > SIZE {
            return Err(BAD_FRAME);
        }
        let (magic, size) = (b.get32(at), b.get32(at + 4) as usize);
        match magic {
            0 if size == 0 => return found.ok_or(BAD_FRAME),
            FPSIMD_MAGIC if found.is_none() && size >= FPSIMD_SIZE && at + FPSIMD_SIZE <= SIZE => found = Some(at),
            ESR_MAGIC => {}
            _ => return Err(BAD_FRAME),
        }
        if size < 16 || size % 16 != 0 || size > SIZE - at {
            return Err(BAD_FRAME);
        }
        at += size;
    }
}

/// Restores the registers from the frame at the stack pointer.
pub fn pop(env: &mut Env, mem: GuestMem) -> Result<Unframed, Errno> {
    let base = env.file[regs::SP];
    if !base.is_multiple_of(16) {
        return Err(BAD_FRAME);
    }
    let mut b = Box::new(Bytes([0; SIZE]));
    mem.read(base, &mut b.0)?;
    let fpsimd = find_fpsimd(&b)?;
    let pstate = b.get(MC_REGS + 8 * 33);
    if pstate & NOT_USER != 0 {
        return Err(BAD_FRAME);
    }
    for i in 0..=regs::SP {
        env.file[regs::x(i)] = b.get(MC_REGS + 8 * i);
    }
    env.file[regs::PC] = b.get(MC_REGS + 8 * 32);
    set_pstate(env, pstate);
    fpsimd_in(env, &b, fpsimd);
    env.file[regs::MONITOR] = u64::MAX;
    let stack: [u8; 24] = b.0[UC_STACK..UC_STACK + 24].try_into().expect("24 bytes");
    Ok(Unframed { mask: b.get(UC_SIGMASK), altstack: AltStack::from_bytes(&stack) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SigAction;

    fn scene() -> (Box<Env>, Box<[u128; 1024]>, SigAction) {
        let mut env = Box::new(Env::default());
        for i in 0..112 {
            env.file[i] = 0x1111 * i as u64 + 7;
        }
        let memory = Box::new([0u128; 1024]);
        env.file[regs::SP] = memory.as_ptr() as u64 + 16000 - 8;
        set_pstate(&mut env, 0x6000_0000 | DIT | SSBS | 2 << 10);
        env.file[regs::FPSR] &= 0xffff_ffff;
        env.file[regs::FPCR] &= 0xffff_ffff;
        let action = SigAction { handler: 0x4000, flags: SA_SIGINFO, restorer: 0, mask: 0 };
        (env, memory, action)
    }

    fn enter(env: &mut Env, action: &SigAction, fault: Option<(u64, u64)>) {
        let info = [5; 128];
        let altstack = AltStack { sp: 0x9000, flags: 0, size: 0x2000 };
        let top = env.file[regs::SP];
        let f = Frame { signal: 11, info: &info, action, mask: 0x1234, altstack, fault, top, trampoline: 0x7000 };
        push(env, GuestMem::default(), &f).unwrap();
    }

    #[test]
    fn push_then_pop_restores_everything() {
        let (mut env, _memory, action) = scene();
        let before = env.file;
        enter(&mut env, &action, Some((0xbad, 0x9200_0046)));
        assert_eq!(env.file[regs::PC], 0x4000);
        assert_eq!(env.file[regs::X30], 0x7000);
        assert_eq!(env.file[regs::X0], 11);
        let sp = env.file[regs::SP];
        assert_eq!(sp % 16, 0);
        assert_eq!((env.file[1], env.file[2]), (sp, sp + 128));
        let mem = GuestMem::default();
        assert_eq!(mem.u64(sp + MC as u64).unwrap(), 0xbad);
        assert_eq!(mem.u64(env.file[29]).unwrap(), before[29]);
        env.file[regs::V0] = 0;
        env.file[regs::FPCR] = 0;
        set_pstate(&mut env, 0);
        let u = pop(&mut env, mem).unwrap();
        assert_eq!((u.mask, u.altstack.sp, u.altstack.size), (0x1234, 0x9000, 0x2000));
        let mut expected = before;
        expected[regs::MONITOR] = u64::MAX;
        assert_eq!(env.file[..regs::V0 + 64], expected[..regs::V0 + 64]);
    }

    #[test]
    fn pop_refuses_bad_frames() {
        let mem = GuestMem::default();
        let (mut env, _memory, action) = scene();
        enter(&mut env, &action, None);
        let sp = env.file[regs::SP];
        env.file[regs::SP] = sp + 8;
        assert_eq!(pop(&mut env, mem), Err(BAD_FRAME));
        env.file[regs::SP] = sp;
        mem.write_words(sp + MC_REGS as u64 + 8 * 33, &[5]).unwrap();
        assert_eq!(pop(&mut env, mem), Err(BAD_FRAME));
        mem.write_words(sp + MC_REGS as u64 + 8 * 33, &[0x80]).unwrap();
        assert_eq!(pop(&mut env, mem), Err(BAD_FRAME));
        mem.write_words(sp + MC_REGS as u64 + 8 * 33, &[0]).unwrap();
        mem.write(sp + RESERVED as u64 + 4, &4095u32.to_le_bytes()).unwrap();
        assert_eq!(pop(&mut env, mem), Err(BAD_FRAME));
    }
}
