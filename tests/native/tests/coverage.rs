//! Every form of an instruction that CPUID promises is there and tested, or is named here with the reason.
#![cfg(target_arch = "x86_64")]

use brolga_native::coverage::{Form, all};
use iced_x86::EncodingKind;
use std::path::Path;

/// How the names of forms begin that are not there.
const MISSING: &[(&str, &[&str])] = &[
    ("undefined on purpose", &["Ud0", "Ud1", "Ud2"]),
    ("16-bit forms, which processors of the guest's kind take for others", &["Retnw", "Jmp_rm16", "Call_rm16"]),
];

/// The same of those that neither the host judges nor an instruction file has.
const UNTESTED: &[(&str, &[&str])] = &[
    (
        "general protection for user code",
        &[
            "Cli", "Sti", "Clts", "In_", "Insb", "Insw", "Insd", "Out_", "Outsb", "Outsw", "Outsd", "Invd", "Wbinvd",
            "Lgdt", "Lidt", "Lldt", "Lmsw", "Invlpg", "Xsetbv", "Ltr", "Mov_r64_", "Mov_cr", "Mov_dr", "Swapgs",
        ],
    ),
    (
        "what it gives is the processor's own: tests/user",
        &["Cpuid", "Rdtsc", "Rdtscp", "Rdpid", "Rdrand", "Rdseed", "Xgetbv", "Int1"],
    ),
    (
        "areas with addresses that makers keep or not: tests/user/xsave.c, x87_state.c and unit tests",
        &[
            "Fnsave",
            "Frstor",
            "Fxsave",
            "Fxrstor",
            "Fldenv",
            "Fnstenv",
            "Xsave",
            "Xsave64",
            "Xsaveopt",
            "Xsaveopt64",
            "Xsavec",
            "Xsavec64",
            "Xrstor",
            "Xrstor64",
        ],
    ),
    (
        "approximations, of which each maker has its own",
        &["Rcpps", "Rcpss", "Rsqrtps", "Rsqrtss", "Vrcpps", "Vrcpss", "Vrsqrtps", "Vrsqrtss"],
    ),
    ("no operation", &["Reservednop"]),
    ("makers disagree", &["Movsxd_r16", "Jmp_m1664", "Call_m1664", "Lss_r64_m1664", "Lfs_r64_m1664", "Lgs_r64_m1664"]),
    ("far forms of 16 bits: as those of 32", &["Retfw", "Iretw", "Jmp_m1616", "Call_m1616"]),
];

fn all_forms() -> Vec<Form> {
    all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../isa/x86_64")).unwrap()
}

fn named(list: &[(&str, &[&str])], form: &Form) -> bool {
    let name = format!("{:?}", form.code);
    let name = name.trim_start_matches("VEX_");
    list.iter().any(|(_, starts)| starts.iter().any(|start| name.starts_with(start)))
}

#[test]
fn what_is_announced_is_there() {
    let missing: Vec<_> = all_forms().into_iter().filter(|f| f.there != Some(true) && !named(MISSING, f)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_is_there_is_tested() {
    let tested = |f: &Form| f.judged || f.listed;
    let untested: Vec<_> =
        all_forms().into_iter().filter(|f| f.there == Some(true) && !tested(f) && !named(UNTESTED, f)).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn every_vex_form_is_there() {
    let vex: Vec<_> = all_forms().into_iter().filter(|f| f.code.encoding() == EncodingKind::VEX).collect();
    assert!(vex.len() > 690, "{}", vex.len());
    assert!(vex.iter().all(|f| f.there == Some(true)));
}
