use super::*;
use crate::table::row;

#[test]
fn layout_leaves_room_for_the_emulator_and_sanitizers() {
    let l = layout(8 << 20, None);
    assert!(l.bottom < l.pie && l.pie < l.mmap_top && l.mmap_top < l.top);
    // Linux loads the emulator from here up; AddressSanitizer's shadow ends here.
    assert!(l.top < 0x5000_0000_0000 && l.pie > 0x1000_7fff_8000);
    let small = layout(8 << 20, Some(1 << 30));
    assert!(small.top == 1 << 30 && small.pie < small.mmap_top && small.mmap_top < small.top);
}

#[test]
fn table_every_number_has_a_row() {
    // syscall_64.tbl: 0 to 334 and the common numbers from 424 on; from 512 on are those of x32.
    for nr in (0..=334).chain(424..=466) {
        assert!(TABLE[nr].is_some(), "call {nr} has no row");
    }
    assert_eq!(TABLE.iter().flatten().count(), 335 + 43);
}

/// The host's headers are the guest's.
#[cfg(target_arch = "x86_64")]
#[test]
fn table_numbers_are_those_of_the_headers() {
    let is = |nr: i64, name: &str| assert_eq!(row(&TABLE, nr as u64).map(|r| r.name), Some(name));
    for (nr, name) in [
        (libc::SYS_read, "read"),
        (libc::SYS_mmap, "mmap"),
        (libc::SYS_rt_sigreturn, "rt_sigreturn"),
        (libc::SYS_clone, "clone"),
        (libc::SYS_execve, "execve"),
        (libc::SYS_arch_prctl, "arch_prctl"),
        (libc::SYS_futex, "futex"),
        (libc::SYS_openat, "openat"),
        (libc::SYS_statx, "statx"),
        (libc::SYS_futex_waitv, "futex_waitv"),
    ] {
        is(nr, name);
    }
    // A row that passes goes to the host's call of its own number.
    for (nr, r) in TABLE.iter().enumerate() {
        if let Some(Row { how: How::Pass(host), name, .. }) = r {
            assert_eq!(*host as usize, nr, "{name}");
        }
    }
}

#[test]
fn old_calls_name_newer_ones() {
    let modern = |nr: u64| match row(&TABLE, nr).map(|r| r.how) {
        Some(How::As(other, words)) => (row(&TABLE, other).map_or("", |r| r.name), words),
        other => panic!("{nr}: {other:?}"),
    };
    let (name, words) = modern(2);
    assert_eq!(name, "openat");
    assert!(
        matches!(words, [Word::Is(cwd), Word::Arg(0), Word::Arg(1), Word::Arg(2)] if *cwd as i32 == libc::AT_FDCWD)
    );
    assert_eq!((modern(57).0, modern(4).0, modern(83).0), ("clone", "newfstatat", "mkdirat"));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn stat_is_the_hosts() {
    let mut out = [0xff; STAT_MAX];
    let s = crate::sys::fs::host_fstat(0).unwrap();
    assert_eq!(stat(&s, &mut out), 144);
    let word = |at: usize| u64::from_le_bytes(out[at..at + 8].try_into().unwrap());
    assert_eq!((word(8), word(16), word(24) as u32), (s.st_ino, s.st_nlink, s.st_mode));
    assert_eq!((word(48) as i64, word(88) as i64, word(104) as i64), (s.st_size, s.st_mtime, s.st_ctime));
}

#[test]
fn exceptions_raise_what_linux_says() {
    let env = &mut Env::default();
    regs::reset(env);
    env.file[regs::RIP] = 0x1000;
    let raise = |exit| {
        let r = raised(env, exit).unwrap();
        (r.signal, r.code, r.addr, r.syndrome >> 32, r.syndrome as u32)
    };
    let fault = |addr, access, kind| Exit::Fault(Fault { addr, access, kind });
    assert_eq!(raise(Exit::GuestException(0)), (libc::SIGFPE, 1, 0x1000, 0, 0));
    assert_eq!(raise(Exit::Undefined(0x0b0f)), (libc::SIGILL, 2, 0x1000, 6, 0));
    assert_eq!(raise(Exit::GuestException(13)), (libc::SIGSEGV, 0x80, 0, 13, 0));
    assert_eq!(raise(fault(8, Access::Write, FaultKind::Unmapped)), (libc::SIGSEGV, 1, 8, 14, 6));
    assert_eq!(raise(fault(8, Access::Read, FaultKind::Permission)), (libc::SIGSEGV, 2, 8, 14, 5));
    assert_eq!(raise(fault(8, Access::Fetch, FaultKind::Unmapped)), (libc::SIGSEGV, 1, 8, 14, 20));
    assert_eq!(raise(fault(1 << 50, Access::Read, FaultKind::Unmapped)), (libc::SIGSEGV, 0x80, 0, 13, 0));
    assert_eq!(raise(fault(8, Access::Read, FaultKind::Alignment)), (libc::SIGSEGV, 0x80, 0, 13, 0));
    assert_eq!(raise(fault(u64::MAX, Access::Read, FaultKind::Unmapped)), (libc::SIGSEGV, 1, u64::MAX, 14, 5));
    assert_eq!(raise(Exit::Breakpoint(0)), (libc::SIGTRAP, 0x80, 0, 3, 0));
    let step = raised(env, Exit::Step).unwrap();
    assert_eq!((step.signal, step.code, step.syndrome >> 32), (libc::SIGTRAP, 2, 1));
}

#[test]
fn floating_point_codes_follow_the_unmasked_flags() {
    let env = &mut Env::default();
    regs::reset(env);
    regs::set_mxcsr(env, 0x1f80 & !(4 << 7) | 4 | 0x20);
    assert_eq!(raised(env, Exit::GuestException(19)).map(|r| r.code), Some(3));
    env.file[regs::FPU_CONTROL] = 0x37f & !0x20;
    env.file[regs::FPU_STATUS] = 0x21;
    assert_eq!(raised(env, Exit::GuestException(16)).map(|r| r.code), Some(6));
}

#[test]
fn registers_of_a_core_file_are_the_headers() {
    let env = &mut Env::default();
    regs::reset(env);
    env.file[regs::RSP] = 7;
    env.file[regs::R15] = 15;
    let words = core_regs(env);
    // <sys/user.h>: 27 words, r15 first, rsp the 20th.
    assert_eq!((words.len(), words[0], words[19], words[18]), (27, 15, 7, 0x202));
}

#[test]
fn cpuinfo_splits_the_signature() {
    let cpu = CpuId {
        id: 0x0050_0657,
        vendor: "GenuineBrolga".into(),
        model: "a model".into(),
        features: vec!["fpu", "sse2"],
        ..CpuId::default()
    };
    let text = cpuinfo(2, &cpu);
    assert!(text.contains("cpu family\t: 6\nmodel\t\t: 5\nmodel name\t: a model\nstepping\t: 7\n"));
    assert!(text.contains("flags\t\t: fpu sse2\n") && text.matches("processor\t:").count() == 2);
}
