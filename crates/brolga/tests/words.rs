//! Linux-user reads the register file without the front end: both must mean the same words.

use brolga_arm::state;
use brolga_user::abi::aarch64::regs;

#[test]
fn words_of_a64_are_the_front_ends() {
    (0..31).for_each(|n| assert_eq!(regs::x(n), usize::from(state::x(n as u32).0), "x{n}"));
    let pairs = [
        (regs::X0, state::x(0)),
        (regs::X30, state::x(30)),
        (regs::SP, state::SP),
        (regs::x(31), state::SP),
        (regs::PC, state::PC),
        (regs::CC, state::CC),
        (regs::FPCR, state::FPCR),
        (regs::FPSR, state::FPSR),
        (regs::TPIDR, state::TPIDR_EL0),
        (regs::MONITOR, state::EXCL_ADDR),
        (regs::BTYPE, state::BTYPE),
        (regs::DIT, state::DIT),
        (regs::SSBS, state::SSBS),
        (regs::V0, state::v(0)),
    ];
    for (own, theirs) in pairs {
        assert_eq!(own, usize::from(theirs.0));
    }
}
