//! A guest's registers and memory before and after a test.

use crate::guest::Guest;
use crate::memory::Memory;
use brolga_core::{Env, FILE_WORDS, RegInfo, RegWidth};

/// What registers hold that nobody set: no address of anything, and another one each.
const JUNK: u128 = 0x00ba_d000_0000_0000;

/// Registers and memory.
#[derive(Clone, PartialEq, Debug)]
pub struct GuestState {
    /// The words of the register file that the guest's table names.
    pub file: [u64; FILE_WORDS],
    /// Memory.
    pub memory: Memory,
}

impl GuestState {
    /// Control registers as the guest starts, junk in all others, nothing mapped.
    pub fn new(guest: &Guest) -> GuestState {
        let mut state = GuestState { file: [0; FILE_WORDS], memory: Memory::new(guest.tagged) };
        for row in guest.frontend.regs().regs {
            let word = row.reg.0;
            match guest.control.iter().find(|(name, _)| *name == row.name) {
                Some((_, value)) => state.set(row, *value as u128),
                None => state.set(row, JUNK | word as u128 | (JUNK | (word + 1) as u128) << 64),
            }
        }
        state
    }

    /// The value of a row.
    pub fn get(&self, row: &RegInfo) -> u128 {
        let i = row.reg.0 as usize;
        match row.width {
            RegWidth::W64 => self.file[i] as u128,
            RegWidth::W128 => self.file[i] as u128 | (self.file[i + 1] as u128) << 64,
        }
    }

    /// Sets a row.
    pub fn set(&mut self, row: &RegInfo, value: u128) {
        let i = row.reg.0 as usize;
        self.file[i] = value as u64;
        if row.width == RegWidth::W128 {
            self.file[i + 1] = (value >> 64) as u64;
        }
    }

    /// The flags, as the guest's `Flags` has them.
    pub fn flags(&self, guest: &Guest) -> u64 {
        let cc = guest.frontend.regs().cc.0 as usize;
        (guest.flags.get)([self.file[cc], self.file[cc + 1], self.file[cc + 2]])
    }

    /// Sets the flags.
    pub fn set_flags(&mut self, guest: &Guest, flags: u64) {
        let cc = guest.frontend.regs().cc.0 as usize;
        self.file[cc..cc + 3].copy_from_slice(&(guest.flags.set)(flags));
    }

    /// The program counter.
    pub fn pc(&self, guest: &Guest) -> u64 {
        self.file[guest.frontend.regs().pc.0 as usize]
    }

    /// Sets the program counter.
    pub fn set_pc(&mut self, guest: &Guest, pc: u64) {
        self.file[guest.frontend.regs().pc.0 as usize] = pc;
    }

    /// A vCPU's register file with these registers; the mode bits are current.
    pub fn env(&self, guest: &Guest) -> Box<Env> {
        let mut env = Box::new(Env { file: self.file, ..Env::default() });
        env.mode = guest.frontend.mode(&env);
        env
    }

    /// Takes the guest's registers from a vCPU's file; its scratch words stay out.
    pub fn take_env(&mut self, guest: &Guest, env: &Env) {
        let words = guest.frontend.regs().scratch as usize;
        self.file[..words].copy_from_slice(&env.file[..words]);
    }
}
