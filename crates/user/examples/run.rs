//! Runs a guest program on tier 0: `run [-strace] [-L prefix] program [argument...]`.
#![allow(missing_docs, reason = "a program")]

use brolga_arm::A64;
use brolga_core::Vcpu;
use brolga_engine::{Engine, EngineVcpu, NoRegions};
use brolga_interp::Interp;
use brolga_ir::Frontend;
use brolga_softmmu::direct::DirectMemory;
use brolga_user::{Config, Guest, StraceOptions};
use brolga_x86::X86;
use std::ffi::OsString;

fn config() -> Config {
    let all: Vec<OsString> = std::env::args_os().collect();
    if let Some(c) = brolga_user::reexec::decode(&all) {
        return c;
    }
    let mut args = all.into_iter().skip(1).peekable();
    let (mut strace, mut prefix) = (None, None);
    while let Some(a) = args.next_if(|a| a.as_encoded_bytes().starts_with(b"-")) {
        match a.to_str() {
            Some("--guest") => {}
            Some("-strace") => strace = Some(StraceOptions::default()),
            Some("-L") => prefix = args.next().map(Into::into),
            other => panic!("unknown option {other:?}"),
        }
    }
    let program = std::path::PathBuf::from(args.next().expect("a program"));
    let head = std::fs::read(&program).unwrap_or_default();
    let own = |g: &Guest| brolga_user::elf::machine(&head) == Some(g.abi().machine);
    let guest = [Guest::X86_64].into_iter().find(own).unwrap_or(Guest::Aarch64);
    let mut c = Config::new(guest, program, args.collect());
    (c.strace, c.prefix) = (strace, prefix);
    c
}

pub fn main() {
    let config = config();
    let (frontend, tagged): (Box<dyn Frontend>, bool) = match config.guest {
        Guest::Aarch64 => (Box::new(A64), true),
        Guest::X86_64 => (Box::new(X86), false),
    };
    let memory = DirectMemory { base: config.guest_base, tagged };
    let tier0 = Interp {
        memory,
        helpers: frontend.helpers(),
        fetch: |_, pc, buf| brolga_user::fetch(pc, buf),
        usual: Default::default(),
    };
    let engine = Engine::new(frontend, tier0, None::<NoRegions>, brolga_engine::Config::default());
    let status = brolga_user::run(config, &move || Box::new(EngineVcpu::new(engine.clone())) as Box<dyn Vcpu>);
    std::process::exit(status);
}
