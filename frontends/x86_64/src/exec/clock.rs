//! The host's clocks, for the kernel's shared object: see `gate`.
#![allow(unsafe_code, reason = "asks the host's C library for the time")]

use crate::state::{RAX, RCX, RDI, RDX};
use brolga_core::Env;

/// Clocks that are read without a system call: real time, monotonic, raw, both coarse ones, boot time, TAI. clock_gettime(2).
const CLOCKS: [libc::clockid_t; 7] = [0, 1, 4, 5, 6, 7, 11];

/// Clock EDI: RAX seconds, RDX nanoseconds, RCX 0. RCX is 1 if that is no such clock.
pub extern "C" fn clock(env: &mut Env, _: u64, _: u64, _: u64) -> u64 {
    let (id, mut now) = (env.get(RDI) as i32, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: the structure is a local.
    let good = CLOCKS.contains(&id) && unsafe { libc::clock_gettime(id, &raw mut now) } == 0;
    env.set(RAX, now.tv_sec as u64);
    env.set(RDX, now.tv_nsec as u64);
    env.set(RCX, (!good).into());
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_go_on_and_others_are_refused() {
        let env = &mut Env::default();
        let mut read = |id: u64| {
            env.set(RDI, id);
            clock(env, 0, 0, 0);
            (env.get(RCX), env.get(RAX), env.get(RDX))
        };
        let (first, second) = (read(1), read(1));
        assert!(first.0 == 0 && second > first, "{first:?} {second:?}");
        assert_eq!((read(2).0, read(3).0, read(u64::MAX).0), (1, 1, 1));
        let day = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!(day - read(0).1 < 10);
    }
}
