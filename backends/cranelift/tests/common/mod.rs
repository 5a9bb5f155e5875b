//! Runs the same IR in the interpreter and as compiled code.
#![allow(unsafe_code, reason = "installs a signal handler and makes guest memory")]
#![allow(dead_code, reason = "each test file uses its part")]

pub mod program;

use brolga_arm::{exec::HELPERS, state};
use brolga_core::{Env, FaultKind, JumpEntry, Nzcv, Reg};
use brolga_cranelift::{Cranelift, HostExit, Installed, Options, Refused, helper_table, on_fault};
use brolga_interp::Flat;
use brolga_ir::{Block, Leave, Region};
use brolga_softmmu::direct::{DirectMemory, recover};
use std::sync::OnceLock;

pub const MEM: DirectMemory = DirectMemory { base: 0, tagged: true };

/// A small, repeatable source of random numbers.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A value that is often near a boundary.
    pub fn operand(&mut self) -> u64 {
        const EDGES: [u64; 14] = [
            0,
            1,
            2,
            0x7f,
            0x80,
            0xff,
            0x7fff,
            0x8000,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x7fff_ffff_ffff_ffff,
            0x8000_0000_0000_0000,
            u64::MAX,
        ];
        match self.below(4) {
            0 => EDGES[self.below(14) as usize],
            1 => self.below(70),
            2 => EDGES[self.below(14) as usize].wrapping_add(self.below(5)).wrapping_sub(2),
            _ => self.next(),
        }
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, uc: *mut libc::c_void) {
    // SAFETY: the kernel passes valid pointers to a handler installed with SA_SIGINFO.
    let (info, uc) = unsafe { (&*info, &mut *uc.cast::<libc::ucontext_t>()) };
    if on_fault(signal, info, uc) || recover(signal, info, uc) {
        return;
    }
    // SAFETY: lets the fault kill the test.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

pub fn install_handler() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // SAFETY: a zeroed sigaction is valid; the handler has the three-argument form.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            // On the thread's own stack: the one the test harness makes for overflows is small.
            action.sa_flags = libc::SA_SIGINFO;
            for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGTRAP] {
                libc::sigaction(signal, &action, std::ptr::null_mut());
            }
        }
    });
}

/// The tier with what a processor needs.
pub struct Rig {
    pub tier: Cranelift,
    pub table: Box<[u64]>,
}

impl Rig {
    pub fn new(options: Options) -> Rig {
        install_handler();
        let tier = Cranelift::new(64 << 20, &state::REGS, options).unwrap();
        Rig { tier, table: helper_table(HELPERS) }
    }

    pub fn install(&self, region: &Region) -> Result<Installed, Refused> {
        Ok(self.tier.install(self.tier.compile(region)?).unwrap())
    }
}

/// One processor's state and tables.
pub struct Cpu {
    pub env: Box<Env>,
    pub cache: Box<[JumpEntry]>,
}

impl Cpu {
    pub fn new(rig: &Rig, env: &Env) -> Cpu {
        let mut cpu = Cpu { env: copy(env), cache: JumpEntry::vacant_cache() };
        rig.tier.attach(&mut cpu.env, &rig.table, &mut cpu.cache);
        cpu
    }
}

pub fn copy(env: &Env) -> Box<Env> {
    Box::new(Env { file: env.file, ..Env::default() })
}

pub fn prepare(block: &Block) -> Flat {
    brolga_interp::lower(block, &state::REGS).unwrap()
}

/// Interprets from the program counter until it leaves `blocks` or `limit` blocks have run.
pub fn interpret(blocks: &[Block], env: &mut Env, mut limit: u32) -> Leave {
    let flat: Vec<_> = blocks.iter().map(prepare).collect();
    loop {
        let pc = env.get(state::PC);
        let Some(i) = blocks.iter().position(|b| b.pc == pc) else { return Leave::Jump };
        let leave = brolga_interp::run(&flat[i], env, &MEM, HELPERS);
        limit -= 1;
        if leave != Leave::Jump || limit == 0 {
            return leave;
        }
    }
}

pub fn region(blocks: Vec<Block>, precise: bool) -> Region {
    Region { blocks, entries: vec![0], likely: vec![], patience: 0, precise }
}

/// The first difference between two states, flags compared as flags.
pub fn difference(a: &Env, b: &Env) -> Option<String> {
    let cc = state::CC.0;
    for w in (0..state::SCRATCH).filter(|w| !(cc..cc + 3).contains(w)) {
        let (x, y) = (a.file[w as usize], b.file[w as usize]);
        if x != y {
            let name = state::REGS.info(Reg(w)).map_or("high half", |r| r.name);
            return Some(format!("word {w} ({name}): {x:#x} and {y:#x}"));
        }
    }
    let flags = |e: &Env| {
        let w = |k| e.file[(cc + k) as usize];
        Nzcv::eval(w(0), w(1), w(2))
    };
    (flags(a) != flags(b)).then(|| format!("flags: {:?} and {:?}", flags(a), flags(b)))
}

pub fn random_env(random: &mut Random) -> Env {
    let mut env = Env::default();
    for w in 0..state::SCRATCH {
        env.file[w as usize] = random.operand();
    }
    let cc = state::CC.0 as usize;
    env.file[cc] = random.below(6) | random.below(2) << 3;
    env.file[state::FPCR.0 as usize] = 0;
    env.file[state::FPSR.0 as usize] = 0;
    env.file[state::EXCL_ADDR.0 as usize] = u64::MAX;
    env
}

/// Whether both tiers left for the same reason.
pub fn same_leave(host: HostExit, leave: Leave) -> bool {
    match (host, leave) {
        (HostExit::Goto { .. }, Leave::Jump) | (HostExit::Polled, Leave::Polled) => true,
        (HostExit::Raise(a, x), Leave::Raise(b, y)) => (a, x) == (b, y),
        (HostExit::Resume, Leave::Fault(f)) => f.kind == FaultKind::Alignment,
        (HostExit::Fault(_), Leave::Fault(f)) => f.kind != FaultKind::Alignment,
        _ => false,
    }
}
