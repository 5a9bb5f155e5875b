//! The host's processor as an engine: a traced child whose registers are set, that runs until a signal stops it, and whose
//! registers are read back.
//!
//! The child never runs anything but the code under test: every byte of its code page that is not that code is INT3, so
//! wherever execution goes on, it stops there. Code and data pages are shared with this process. ptrace(2).
#![allow(unsafe_code, reason = "makes and traces a process, and shares memory with it")]

use crate::case::{CODE_PAGE, DATA, DATA_LEN, PAGE};
use std::io::{Error, Result};
use std::ptr;

/// Bytes of the legacy part of an XSAVE area; its header follows.
const FXSAVE: usize = 512;
/// Where the high halves of the YMM registers are in the standard form.
const AVX: usize = 576;
const NT_X86_XSTATE: usize = 0x202;

/// Registers that user code sees; x87 registers as FXSAVE has them, from the top of the stack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registers {
    /// In order of the encoding.
    pub gpr: [u64; 16],
    /// Instruction pointer.
    pub rip: u64,
    /// EFLAGS
    pub eflags: u64,
    /// Bases of FS and GS.
    pub bases: [u64; 2],
    /// Selectors in DS, ES, FS and GS.
    pub segments: [u16; 4],
    /// SSE control and status.
    pub mxcsr: u32,
    /// x87 control word, status word, abridged tag word.
    pub x87: [u16; 3],
    /// x87 registers, the top of the stack first.
    pub st: [u128; 8],
    /// Low halves of the YMM registers.
    pub xmm: [u128; 16],
    /// High halves.
    pub ymm_high: [u128; 16],
}

/// Why the child stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Signal.
    pub signal: i32,
    /// `si_code`
    pub code: i32,
    /// `si_addr`
    pub addr: u64,
}

/// The child.
pub struct Host {
    pid: i32,
    code: *mut u8,
    data: *mut u8,
    /// A whole XSAVE area as the kernel gives it.
    xsave: Vec<u8>,
}

fn check(result: i64) -> Result<i64> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

/// An anonymous shared file of `len` bytes, mapped here.
fn shared(len: u64) -> Result<(i32, *mut u8)> {
    // SAFETY: the name is a C string; the mapping is a fresh one wherever the kernel likes.
    unsafe {
        let fd = libc::memfd_create(c"native".as_ptr(), 0);
        check(fd.into())?;
        check(libc::ftruncate(fd, len as i64).into())?;
        let at = libc::mmap(ptr::null_mut(), len as usize, 3, libc::MAP_SHARED, fd, 0);
        if at == libc::MAP_FAILED { Err(Error::last_os_error()) } else { Ok((fd, at.cast())) }
    }
}

/// What the child does: maps the pages where tests want them, and stops for its tracer. Calls the kernel only.
///
/// # Safety
/// Only in a child that goes on with this thread alone.
unsafe fn child(files: [(i32, u64, u64, i32); 2]) -> ! {
    // SAFETY: fixed low addresses, at which a position-independent program has nothing.
    unsafe {
        let mut good = libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0;
        for (fd, at, len, prot) in files {
            let flags = libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE;
            good &= libc::mmap(at as *mut libc::c_void, len as usize, prot, flags, fd, 0) == at as *mut libc::c_void;
        }
        good &= libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) == 0;
        if good {
            libc::raise(libc::SIGSTOP);
        }
        libc::_exit(1)
    }
}

impl Host {
    /// Starts the child; the error says why this machine does not allow it.
    pub fn new() -> Result<Host> {
        let ((code_fd, code), (data_fd, data)) = (shared(PAGE)?, shared(DATA_LEN)?);
        let files = [(code_fd, CODE_PAGE, PAGE, 5), (data_fd, DATA, DATA_LEN, 3)];
        // SAFETY: the child calls nothing but the kernel.
        let pid = unsafe {
            match libc::fork() {
                0 => child(files),
                pid => check(pid.into())? as i32,
            }
        };
        // SAFETY: both mappings hold the files.
        unsafe {
            libc::close(code_fd);
            libc::close(data_fd);
        }
        let mut host = Host { pid, code, data, xsave: vec![0; 16 << 10] };
        if host.wait()? != libc::SIGSTOP {
            return Err(Error::other("the child did not stop"));
        }
        host.ptrace(libc::PTRACE_SETOPTIONS, 0, libc::PTRACE_O_EXITKILL as usize)?;
        let len = host.xstate(libc::PTRACE_GETREGSET)?;
        host.xsave.truncate(len);
        Ok(host)
    }

    fn ptrace(&self, request: libc::c_uint, addr: usize, data: usize) -> Result<i64> {
        // SAFETY: the callers pass what the request takes.
        check(unsafe { libc::ptrace(request, self.pid, addr, data) })
    }

    /// Reads or writes the child's XSAVE area; returns its length.
    fn xstate(&mut self, request: libc::c_uint) -> Result<usize> {
        let mut iov = libc::iovec { iov_base: self.xsave.as_mut_ptr().cast(), iov_len: self.xsave.len() };
        self.ptrace(request, NT_X86_XSTATE, &raw mut iov as usize)?;
        Ok(iov.iov_len)
    }

    /// The signal that stopped the child.
    fn wait(&self) -> Result<i32> {
        let mut status = 0;
        // SAFETY: the status is a local.
        check(unsafe { libc::waitpid(self.pid, &raw mut status, 0) }.into())?;
        if libc::WIFSTOPPED(status) {
            Ok(libc::WSTOPSIG(status))
        } else {
            Err(Error::other(format!("the child ended: status {status:#x}")))
        }
    }

    /// Code under test, at `offset` in the code page.
    pub fn set_code(&mut self, offset: usize, code: &[u8]) {
        assert!(offset + code.len() < PAGE as usize);
        // SAFETY: the page is mapped and nobody else's; the child is stopped.
        let page = unsafe { std::slice::from_raw_parts_mut(self.code, PAGE as usize) };
        page.fill(0xcc);
        page[offset..offset + code.len()].copy_from_slice(code);
    }

    /// Contents of the data pages.
    pub fn data(&mut self) -> &mut [u8] {
        // SAFETY: mapped, nobody else's, and the child is stopped.
        unsafe { std::slice::from_raw_parts_mut(self.data, DATA_LEN as usize) }
    }

    fn set(&mut self, r: &Registers) -> Result<()> {
        // SAFETY: a structure of numbers.
        let mut user: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        self.ptrace(libc::PTRACE_GETREGS, 0, &raw mut user as usize)?;
        for (to, from) in general(&mut user).into_iter().zip(r.gpr) {
            *to = from;
        }
        (user.rip, user.eflags, user.orig_rax) = (r.rip, r.eflags, u64::MAX);
        [user.fs_base, user.gs_base] = r.bases;
        // Far transfers and loads of selectors must not decide on the mode of later cases.
        (user.cs, user.ss) = (USER_CODE, USER_DATA);
        [user.ds, user.es, user.fs, user.gs] = r.segments.map(u64::from);
        self.ptrace(libc::PTRACE_SETREGS, 0, &raw const user as usize)?;
        let b = &mut self.xsave;
        b[..2].copy_from_slice(&r.x87[0].to_le_bytes());
        b[2..4].copy_from_slice(&r.x87[1].to_le_bytes());
        b[4] = r.x87[2] as u8;
        b[6..24].fill(0);
        b[24..28].copy_from_slice(&r.mxcsr.to_le_bytes());
        for (i, v) in r.st.iter().enumerate() {
            b[32 + 16 * i..48 + 16 * i].copy_from_slice(&v.to_le_bytes());
        }
        for (at, values) in [(160, &r.xmm), (AVX, &r.ymm_high)] {
            for (i, v) in values.iter().enumerate() {
                b[at + 16 * i..at + 16 * (i + 1)].copy_from_slice(&v.to_le_bytes());
            }
        }
        // XSTATE_BV: x87, SSE, AVX.
        b[FXSAVE..FXSAVE + 8].copy_from_slice(&7u64.to_le_bytes());
        self.xstate(libc::PTRACE_SETREGSET)?;
        Ok(())
    }

    fn get(&mut self) -> Result<Registers> {
        // SAFETY: a structure of numbers.
        let mut user: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        self.ptrace(libc::PTRACE_GETREGS, 0, &raw mut user as usize)?;
        self.xstate(libc::PTRACE_GETREGSET)?;
        let b = &self.xsave;
        let half = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
        let wide = |at: usize| u128::from_le_bytes(b[at..at + 16].try_into().expect("16 bytes"));
        Ok(Registers {
            gpr: general(&mut user).map(|r| *r),
            rip: user.rip,
            eflags: user.eflags,
            bases: [user.fs_base, user.gs_base],
            segments: [user.ds, user.es, user.fs, user.gs].map(|s| s as u16),
            mxcsr: u32::from_le_bytes([b[24], b[25], b[26], b[27]]),
            x87: [half(0), half(2), b[4].into()],
            st: std::array::from_fn(|i| wide(32 + 16 * i) & u128::MAX >> 48),
            xmm: std::array::from_fn(|i| wide(160 + 16 * i)),
            ymm_high: std::array::from_fn(|i| wide(AVX + 16 * i)),
        })
    }

    /// Runs the child from `before` until a signal stops it.
    pub fn run(&mut self, before: &Registers) -> Result<(Stop, Registers)> {
        self.set(before)?;
        self.ptrace(libc::PTRACE_CONT, 0, 0)?;
        let signal = self.wait()?;
        // SAFETY: a structure that the kernel fills; all of its bytes are numbers.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        self.ptrace(libc::PTRACE_GETSIGINFO, 0, &raw mut info as usize)?;
        // SAFETY: every signal that an instruction raises has this member, others the number that lies there.
        let addr = unsafe { info.si_addr() } as u64;
        let after = self.get()?;
        if after.eflags & KEPT != 0 {
            self.clear_flags()?;
        }
        Ok((Stop { signal, code: info.si_code, addr }, after))
    }

    /// Clears flags that a case has set and that ptrace leaves alone, so that no later one sees them.
    fn clear_flags(&mut self) -> Result<()> {
        const POPF: [u8; 1] = [0x9d];
        let kept: [u8; 8] = self.data()[..8].try_into().expect("eight bytes");
        self.set_code(0, &POPF);
        self.data()[..8].copy_from_slice(&0x202u64.to_le_bytes());
        let mut r =
            Registers { rip: CODE_PAGE, eflags: 0x202, mxcsr: 0x1f80, x87: [0x37f, 0, 0], ..Registers::default() };
        r.gpr[4] = DATA;
        self.set(&r)?;
        self.ptrace(libc::PTRACE_CONT, 0, 0)?;
        self.wait()?;
        self.data()[..8].copy_from_slice(&kept);
        Ok(())
    }
}

/// EFLAGS.ID and NT, which user code may set and ptrace may not.
const KEPT: u64 = 1 << 21 | 1 << 14;

/// Selectors of 64-bit user code and its data: arch/x86/include/asm/segment.h.
const USER_CODE: u64 = 0x33;
const USER_DATA: u64 = 0x2b;

/// General registers in order of the encoding.
fn general(user: &mut libc::user_regs_struct) -> [&mut u64; 16] {
    [
        &mut user.rax,
        &mut user.rcx,
        &mut user.rdx,
        &mut user.rbx,
        &mut user.rsp,
        &mut user.rbp,
        &mut user.rsi,
        &mut user.rdi,
        &mut user.r8,
        &mut user.r9,
        &mut user.r10,
        &mut user.r11,
        &mut user.r12,
        &mut user.r13,
        &mut user.r14,
        &mut user.r15,
    ]
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: our own child and our own mappings.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, ptr::null_mut(), 0);
            libc::munmap(self.code.cast(), PAGE as usize);
            libc::munmap(self.data.cast(), DATA_LEN as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CODE;

    fn before() -> Registers {
        let mut r = Registers { rip: CODE, eflags: 0x202, mxcsr: 0x1f80, x87: [0x37f, 0, 0], ..Registers::default() };
        r.gpr = std::array::from_fn(|i| 0x100 + i as u64);
        r.xmm = std::array::from_fn(|i| i as u128 + 1);
        r.ymm_high = std::array::from_fn(|i| (i as u128) << 100);
        r.st = std::array::from_fn(|i| 0x3fff_8000_0000_0000_0000 + i as u128);
        r
    }

    #[test]
    fn registers_come_back_as_they_were_set() {
        let mut host = Host::new().unwrap();
        host.set_code((CODE - CODE_PAGE) as usize, &[0x90]);
        let before = before();
        let (stop, after) = host.run(&before).unwrap();
        assert_eq!(stop.signal, libc::SIGTRAP);
        assert_eq!(after, Registers { rip: CODE + 2, ..before });
    }

    #[test]
    fn instructions_work_and_faults_tell_their_address() {
        let mut host = Host::new().unwrap();
        // add rax, rcx ; mov [rdx], rax
        host.set_code((CODE - CODE_PAGE) as usize, &[0x48, 0x01, 0xc8, 0x48, 0x89, 0x02]);
        let mut r = before();
        r.gpr[2] = DATA;
        let (_, after) = host.run(&r).unwrap();
        assert_eq!((after.gpr[0], &host.data()[..8]), (0x201, &0x201u64.to_le_bytes()[..]));
        r.gpr[2] = DATA + DATA_LEN;
        let (stop, after) = host.run(&r).unwrap();
        assert_eq!(stop, Stop { signal: libc::SIGSEGV, code: 1, addr: DATA + DATA_LEN });
        assert_eq!((after.rip, after.gpr[0]), (CODE + 3, 0x201));
    }
}
