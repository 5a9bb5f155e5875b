//! The x86_64 signal frame: arch/x86/include/uapi/asm/sigcontext.h, kernel/signal_64.c and kernel/fpu/signal.c.
//!
//! From the stack pointer up: the return address (the restorer), `ucontext`, `siginfo`; above, at a multiple of 64, the
//! XSAVE area in its standard form: FXSAVE, header, high halves of the YMM registers, then a magic word.

use super::{BAD_FRAME, USER_CS, USER_DS, regs, vector};
use crate::abi::{Frame, Unframed};
use crate::errno::Errno;
use crate::guest::GuestMem;
use crate::signal::{AltStack, SA_RESTORER};
use brolga_core::Env;

/// Offset of the ucontext, behind the return address.
const UC: usize = 8;
const UC_STACK: usize = UC + 16;
/// `struct sigcontext`, 256 bytes.
const MC: usize = UC + 40;
const MC_SEGMENTS: usize = MC + 144;
const MC_ERROR: usize = MC + 152;
const MC_TRAP: usize = MC + 160;
const MC_OLDMASK: usize = MC + 168;
const MC_CR2: usize = MC + 176;
const MC_FPSTATE: usize = MC + 184;
const UC_SIGMASK: usize = MC + 256;
const INFO: usize = UC_SIGMASK + 8;
const SIZE: usize = INFO + 128;

/// Registers in the order of `struct sigcontext`; EFLAGS follows.
const ORDER: [usize; 17] = [
    regs::R8,
    regs::R9,
    regs::R10,
    regs::R11,
    regs::R12,
    regs::R13,
    regs::R14,
    regs::R15,
    regs::RDI,
    regs::RSI,
    regs::RBP,
    regs::RBX,
    regs::RDX,
    regs::RAX,
    regs::RCX,
    regs::RSP,
    regs::RIP,
];
const MC_EFLAGS: usize = MC + 8 * ORDER.len();

/// UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS.
const UC_FLAGS: u64 = 7;
/// What `sigreturn` takes over of EFLAGS (FIX_EFLAGS).
const FIX_EFLAGS: u64 = 0x5_0dd5;

/// XCR0: x87, SSE, AVX.
pub const XFEATURES: u64 = 7;
const FXSAVE: usize = 512;
/// Software's 48 bytes of FXSAVE: `struct _fpx_sw_bytes`.
const SW: usize = 464;
const HEADER: usize = FXSAVE;
const AVX: usize = FXSAVE + 64;
/// Bytes of the XSAVE area.
const XSAVE: usize = AVX + 256;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
/// MXCSR bits that exist.
const MXCSR_MASK: u32 = 0xffff;

fn put(b: &mut [u8], at: usize, word: u64) {
    b[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

fn put32(b: &mut [u8], at: usize, word: u32) {
    b[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

fn get(b: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(b[at..at + 8].try_into().expect("eight bytes"))
}

fn get32(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().expect("four bytes"))
}

/// Word of x87 register `i` counted from the top of the stack.
fn st(env: &Env, i: usize) -> usize {
    let top = (env.file[regs::FPU_STATUS] >> 11 & 7) as usize;
    regs::FPR + 2 * ((top + i) % 8)
}

/// The area of FXSAVE64. SDM vol. 1, "FXSAVE Area".
pub fn fxsave(env: &Env) -> [u8; FXSAVE] {
    let (mut b, f) = ([0; FXSAVE], &env.file);
    b[..2].copy_from_slice(&(f[regs::FPU_CONTROL] as u16).to_le_bytes());
    b[2..4].copy_from_slice(&(f[regs::FPU_STATUS] as u16).to_le_bytes());
    b[4] = f[regs::FPU_TAGS] as u8;
    b[6..8].copy_from_slice(&(f[regs::FPU_OPCODE] as u16).to_le_bytes());
    put(&mut b, 8, f[regs::FPU_IP]);
    put(&mut b, 16, f[regs::FPU_DP]);
    put32(&mut b, 24, regs::mxcsr(env) as u32);
    put32(&mut b, 28, MXCSR_MASK);
    for i in 0..8 {
        let word = st(env, i);
        put(&mut b, 32 + 16 * i, f[word]);
        put(&mut b, 40 + 16 * i, f[word + 1]);
    }
    for i in 0..32 {
        put(&mut b, 160 + 8 * i, f[regs::XMM + i]);
    }
    b
}

/// Takes x87 over from the area.
fn x87_in(env: &mut Env, b: &[u8]) {
    let half = |at: usize| u64::from(b[at]) | u64::from(b[at + 1]) << 8;
    let control = half(0) & 0x1f3f | 0x40;
    // The summary of exceptions that wait follows from the others.
    const SUMMARY: u64 = 0x8080;
    let waiting = half(2) & !control & 0x3f != 0;
    env.file[regs::FPU_CONTROL] = control;
    env.file[regs::FPU_STATUS] = half(2) & !SUMMARY | if waiting { SUMMARY } else { 0 };
    env.file[regs::FPU_TAGS] = b[4].into();
    env.file[regs::FPU_OPCODE] = half(6) & 0x7ff;
    env.file[regs::FPU_IP] = get(b, 8);
    env.file[regs::FPU_DP] = get(b, 16);
    for i in 0..8 {
        let word = st(env, i);
        env.file[word] = get(b, 32 + 16 * i);
        env.file[word + 1] = get(b, 40 + 16 * i) & 0xffff;
    }
}

fn xsave(env: &Env) -> Vec<u8> {
    let mut b = vec![0; XSAVE + 4];
    b[..FXSAVE].copy_from_slice(&fxsave(env));
    put32(&mut b, SW, MAGIC1);
    put32(&mut b, SW + 4, XSAVE as u32 + 4);
    put(&mut b, SW + 8, XFEATURES);
    put32(&mut b, SW + 16, XSAVE as u32);
    put(&mut b, HEADER, XFEATURES);
    for i in 0..32 {
        put(&mut b, AVX + 8 * i, env.file[regs::YMM_HIGH + i]);
    }
    put32(&mut b, XSAVE, MAGIC2);
    b
}

/// Restores the floating-point and vector registers from the area at `at`. Without the magic words, which a program may
/// have left out, only the FXSAVE part counts.
fn xrstor(env: &mut Env, mem: GuestMem, at: u64) -> Result<(), Errno> {
    regs::reset_vector(env);
    if at == 0 {
        return Ok(());
    }
    let fx: [u8; FXSAVE] = mem.bytes(at)?;
    let size = get32(&fx, SW + 16) as usize;
    let framed = get32(&fx, SW) == MAGIC1 && size == XSAVE && get32(&fx, SW + 4) as usize >= XSAVE;
    let whole = framed && mem.u32(at.wrapping_add(XSAVE as u64))? == MAGIC2;
    let (features, high) = if whole {
        if !at.is_multiple_of(64) {
            return Err(BAD_FRAME);
        }
        let rest: [u8; XSAVE - FXSAVE] = mem.bytes(at + FXSAVE as u64)?;
        // What the header leaves out is reset; it can name nothing that was not announced.
        let present = get(&rest, 0);
        if present & !XFEATURES != 0 || rest[8..64].iter().any(|&b| b != 0) {
            return Err(BAD_FRAME);
        }
        (present & get(&fx, SW + 8), rest[64..].to_vec())
    } else {
        (3, Vec::new())
    };
    let mxcsr = get32(&fx, 24);
    if mxcsr & !MXCSR_MASK != 0 {
        return Err(BAD_FRAME);
    }
    if features & 1 != 0 {
        x87_in(env, &fx);
    }
    if features & 6 != 0 {
        regs::set_mxcsr(env, mxcsr.into());
    }
    if features & 2 != 0 {
        for i in 0..32 {
            env.file[regs::XMM + i] = get(&fx, 160 + 8 * i);
        }
    }
    if features & 4 != 0 {
        for i in 0..32 {
            env.file[regs::YMM_HIGH + i] = get(&high, 8 * i);
        }
    }
    Ok(())
}

/// Builds the frame below `f.top` and sets the registers for the handler.
pub fn push(env: &mut Env, mem: GuestMem, f: &Frame<'_>) -> Result<(), Errno> {
    // Linux has no trampoline of its own on this architecture.
    if f.action.flags & SA_RESTORER == 0 {
        return Err(BAD_FRAME);
    }
    let fpstate = f.top.wrapping_sub(XSAVE as u64 + 4) & !63;
    // As after a call: the return address is at a multiple of 16, less 8.
    let base = (fpstate.wrapping_sub(SIZE as u64) & !15).wrapping_sub(8);
    let mut b = vec![0; SIZE];
    put(&mut b, 0, f.action.restorer);
    put(&mut b, UC, UC_FLAGS);
    b[UC_STACK..UC_STACK + 24].copy_from_slice(&f.altstack.to_bytes());
    for (i, &r) in ORDER.iter().enumerate() {
        put(&mut b, MC + 8 * i, env.file[r]);
    }
    put(&mut b, MC_EFLAGS, regs::eflags(env));
    put(&mut b, MC_SEGMENTS, u64::from(USER_CS) | u64::from(USER_DS) << 48);
    if let Some((addr, syndrome)) = f.fault {
        let trap = syndrome >> 32;
        put(&mut b, MC_ERROR, syndrome & 0xffff_ffff);
        put(&mut b, MC_TRAP, trap);
        put(&mut b, MC_CR2, if trap == u64::from(vector::PAGE) { addr } else { 0 });
    }
    put(&mut b, MC_OLDMASK, f.mask);
    put(&mut b, MC_FPSTATE, fpstate);
    put(&mut b, UC_SIGMASK, f.mask);
    b[INFO..].copy_from_slice(f.info);
    mem.write(fpstate, &xsave(env))?;
    mem.write(base, &b)?;

    regs::reset_vector(env);
    let flags = regs::eflags(env) & !(regs::DF_BIT | regs::TF_BIT);
    regs::set_eflags(env, flags);
    env.file[regs::RAX] = 0;
    env.file[regs::RDI] = f.signal as u64;
    env.file[regs::RSI] = base.wrapping_add(INFO as u64);
    env.file[regs::RDX] = base.wrapping_add(UC as u64);
    env.file[regs::RSP] = base;
    env.file[regs::RIP] = f.action.handler;
    Ok(())
}

/// Restores the registers from the frame whose return address was taken off the stack.
pub fn pop(env: &mut Env, mem: GuestMem) -> Result<Unframed, Errno> {
    let base = env.file[regs::RSP].wrapping_sub(8);
    let mut b = vec![0; SIZE];
    mem.read(base, &mut b)?;
    for (i, &r) in ORDER.iter().enumerate() {
        env.file[r] = get(&b, MC + 8 * i);
    }
    let flags = regs::eflags(env) & !FIX_EFLAGS | get(&b, MC_EFLAGS) & FIX_EFLAGS;
    regs::set_eflags(env, flags);
    xrstor(env, mem, get(&b, MC_FPSTATE))?;
    let stack: [u8; 24] = b[UC_STACK..UC_STACK + 24].try_into().expect("24 bytes");
    Ok(Unframed { mask: get(&b, UC_SIGMASK), altstack: AltStack::from_bytes(&stack) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{SA_SIGINFO, SigAction};

    /// Registers with a stack in the host's own memory, and the action of a handler.
    fn scene() -> (Box<Env>, Box<[u128; 512]>, SigAction) {
        let mut env = Box::new(Env::default());
        for i in 0..regs::END {
            env.file[i] = 0x1111 * i as u64 + 7;
        }
        for i in 0..8 {
            env.file[regs::FPR + 2 * i + 1] &= 0xffff;
        }
        regs::set_eflags(&mut env, 0x4c5 | regs::DF_BIT);
        regs::set_mxcsr(&mut env, 0x1fa0);
        env.file[regs::FPU_CONTROL] = 0x27f;
        env.file[regs::FPU_STATUS] = 5 << 11 | 1;
        env.file[regs::FPU_TAGS] = 0xe0;
        env.file[regs::FPU_OPCODE] = 0x123;
        let memory = Box::new([0u128; 512]);
        env.file[regs::RSP] = memory.as_ptr() as u64 + 8000 - 8;
        let action = SigAction { handler: 0x4000, flags: SA_SIGINFO | SA_RESTORER, restorer: 0x7000, mask: 0 };
        (env, memory, action)
    }

    fn enter(env: &mut Env, action: &SigAction, fault: Option<(u64, u64)>) -> Result<(), Errno> {
        let altstack = AltStack { sp: 0x9000, flags: 0, size: 0x2000 };
        let top = env.file[regs::RSP] - 128;
        let f = Frame { signal: 11, info: &[5; 128], action, mask: 0x1234, altstack, fault, top, trampoline: 0 };
        push(env, GuestMem::default(), &f)
    }

    #[test]
    fn push_then_pop_restores_everything() {
        let (mut env, _memory, action) = scene();
        let before = env.file;
        enter(&mut env, &action, Some((0xbad, 14 << 32 | 6))).unwrap();
        let (mem, sp) = (GuestMem::default(), env.file[regs::RSP]);
        assert_eq!((env.file[regs::RIP], env.file[regs::RDI], sp % 16), (0x4000, 11, 8));
        assert_eq!(mem.u64(sp).unwrap(), 0x7000);
        assert_eq!((regs::mxcsr(&env), env.file[regs::XMM]), (0x1f80, 0));
        assert_eq!(regs::eflags(&env) & regs::DF_BIT, 0);
        // The context and its members are where <sys/ucontext.h> has them.
        let context = env.file[regs::RDX];
        let offset = |i: usize| mem.u64(context + 40 + 8 * i as u64).unwrap();
        assert_eq!((offset(libc::REG_RIP as usize), offset(libc::REG_RSP as usize)), (before[16], before[4]));
        assert_eq!((offset(libc::REG_EFL as usize) & regs::DF_BIT, offset(libc::REG_CR2 as usize)), (0x400, 0xbad));
        assert_eq!((offset(libc::REG_ERR as usize), offset(libc::REG_TRAPNO as usize)), (6, 14));
        assert_eq!(mem.u64(env.file[regs::RSI]).unwrap(), 0x0505_0505_0505_0505);
        let fpstate = offset(23);
        assert_eq!((fpstate % 64, mem.u32(fpstate + 464).unwrap()), (0, MAGIC1));
        // ST(0) is the physical register that TOP names.
        assert_eq!(mem.u64(fpstate + 32).unwrap(), before[regs::FPR + 10]);

        env.file[..regs::END].fill(9);
        env.file[regs::RSP] = sp + 8;
        let u = pop(&mut env, mem).unwrap();
        assert_eq!((u.mask, u.altstack.sp, u.altstack.size), (0x1234, 0x9000, 0x2000));
        for word in (0..17).chain(regs::VECTOR..regs::SEGMENTS) {
            assert_eq!(env.file[word], before[word], "word {word}");
        }
    }

    #[test]
    fn push_needs_a_restorer() {
        let (mut env, _memory, action) = scene();
        let none = SigAction { flags: SA_SIGINFO, ..action };
        assert_eq!(enter(&mut env, &none, None), Err(BAD_FRAME));
    }

    #[test]
    fn pop_takes_fxsave_alone_and_refuses_bad_areas() {
        let (mut env, _memory, action) = scene();
        let before = env.file;
        enter(&mut env, &action, None).unwrap();
        let (mem, sp) = (GuestMem::default(), env.file[regs::RSP]);
        let fpstate = mem.u64(sp + MC_FPSTATE as u64).unwrap();
        let again = |env: &mut Env| {
            env.file[regs::RSP] = sp + 8;
            pop(env, mem)
        };
        mem.write(fpstate + 24, &0x1_0000u32.to_le_bytes()).unwrap();
        assert_eq!(again(&mut env), Err(BAD_FRAME));
        mem.write(fpstate + 24, &0x1f80u32.to_le_bytes()).unwrap();
        mem.write_words(fpstate + HEADER as u64, &[8]).unwrap();
        assert_eq!(again(&mut env), Err(BAD_FRAME));
        mem.write(fpstate + XSAVE as u64, &[0; 4]).unwrap();
        again(&mut env).unwrap();
        assert_eq!(env.file[regs::XMM..regs::YMM_HIGH], before[regs::XMM..regs::YMM_HIGH]);
        assert_eq!(env.file[regs::YMM_HIGH..regs::FPR], [0; 32]);
        mem.write_words(sp + MC_FPSTATE as u64, &[0]).unwrap();
        again(&mut env).unwrap();
        assert_eq!((env.file[regs::FPU_CONTROL], env.file[regs::XMM]), (0x37f, 0));
    }
}
