//! Linux-user reads the register file without the front end: both must mean the same words and flags.
#![cfg(target_arch = "x86_64")]

use brolga_core::{CcKind, CcOp, Env, Width};
use brolga_native::random::Random;
use brolga_user::abi::x86_64::regs;
use brolga_x86::state;

#[test]
fn words_are_the_front_ends() {
    let pairs = [
        (regs::RAX, state::RAX),
        (regs::RSP, state::RSP),
        (regs::R15, state::gpr(15)),
        (regs::RIP, state::RIP),
        (regs::FS_BASE, state::FS_BASE),
        (regs::GS_BASE, state::GS_BASE),
        (regs::CC, state::CC),
        (regs::DF, state::DF),
        (regs::EFLAGS_OTHER, state::EFLAGS_OTHER),
        (regs::FPU_CONTROL, state::FPU_CONTROL),
        (regs::FPU_STATUS, state::FPU_STATUS),
        (regs::FPU_TAGS, state::FPU_TAGS),
        (regs::FPU_OPCODE, state::FPU_OPCODE),
        (regs::FPU_IP, state::FPU_IP),
        (regs::FPU_DP, state::FPU_DP),
        (regs::XMM, state::xmm(0)),
        (regs::YMM_HIGH, state::ymm_high(0)),
        (regs::FPR, state::fpr(0)),
        (regs::SEGMENTS, state::SEGMENTS),
    ];
    for (own, theirs) in pairs {
        assert_eq!(own, usize::from(theirs.0));
    }
    assert_eq!(regs::END, usize::from(state::SCRATCH));
}

#[test]
fn a_new_process_starts_alike() {
    let (mut own, mut theirs) = (Env::default(), Env::default());
    regs::reset(&mut own);
    state::reset(&mut theirs);
    assert_eq!(regs::eflags(&own), state::eflags(&theirs));
    let words = |env: &Env| env.file[regs::DF..regs::END].to_vec();
    assert_eq!(words(&own), words(&theirs));
}

#[test]
fn flags_are_the_front_ends() {
    let mut random = Random(9);
    let kinds = [CcKind::Packed, CcKind::Add, CcKind::Sub, CcKind::AddCarry, CcKind::SubBorrow, CcKind::Logic];
    let widths = [Width::W8, Width::W16, Width::W32, Width::W64];
    for n in 0..20_000 {
        let mut env = Env::default();
        let op = CcOp { kind: random.pick(&kinds), width: random.pick(&widths), flip: n % 2 == 0 };
        env.set(state::CC, op.word());
        env.set(state::CC_A, random.general());
        env.set(state::CC_B, random.general());
        env.set(state::DF, random.below(2) << 10);
        state::set_mxcsr(&mut env, random.word());
        assert_eq!(regs::eflags(&env), state::eflags(&env), "{op:?} {:#x} {:#x}", env.file[20], env.file[21]);
        assert_eq!(regs::mxcsr(&env), state::mxcsr(&env));
        let (flags, mxcsr) = (random.word(), random.word());
        regs::set_eflags(&mut env, flags);
        regs::set_mxcsr(&mut env, mxcsr);
        let mut other = Env { file: env.file, ..Env::default() };
        state::set_eflags(&mut other, flags);
        state::set_mxcsr(&mut other, mxcsr);
        assert_eq!(regs::eflags(&env), state::eflags(&other));
        assert_eq!(regs::mxcsr(&env), state::mxcsr(&other));
    }
}

#[test]
fn the_clock_is_the_front_ends() {
    assert_eq!(brolga_user::abi::x86_64::vdso::CLOCK, brolga_x86::gate::CLOCK);
}
