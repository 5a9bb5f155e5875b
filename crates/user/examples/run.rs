//! Runs a guest program on tier 0: `run [-strace] [-L prefix] program [argument...]`.

use brolga_arm::A64;
use brolga_core::{Fault, Vcpu};
use brolga_engine::{Engine, EngineVcpu};
use brolga_interp::Interp;
use brolga_ir::Frontend as _;
use brolga_softmmu::direct::{DirectMemory, copy_in, copy_in_some};
use brolga_user::{Config, Guest, StraceOptions};
use std::ffi::OsString;

fn fetch(mem: &DirectMemory, addr: u64, buf: &mut [u8]) -> Result<usize, Fault> {
    let n = copy_in_some(buf, addr.wrapping_add(mem.base));
    if n == 0 { copy_in(&mut buf[..1], addr.wrapping_add(mem.base)).map(|()| 1) } else { Ok(n) }
}

fn config() -> Config {
    let all: Vec<OsString> = std::env::args_os().collect();
    if let Some(c) = brolga_user::reexec::decode(&all) {
        return c;
    }
    let mut args = all.into_iter().skip(1).peekable();
    let (mut strace, mut prefix) = (None, None);
    while let Some(a) = args.next_if(|a| a.as_encoded_bytes().starts_with(b"-")) {
        match a.to_str() {
            Some("-strace") => strace = Some(StraceOptions::default()),
            Some("-L") => prefix = args.next().map(Into::into),
            other => panic!("unknown option {other:?}"),
        }
    }
    let program = args.next().expect("a program").into();
    let mut c = Config::new(Guest::Aarch64, program, args.collect());
    (c.strace, c.prefix) = (strace, prefix);
    c
}

fn main() {
    let config = config();
    let memory = DirectMemory { base: config.guest_base, tagged: true };
    let tier0 = Interp { memory, helpers: A64.helpers(), fetch };
    let engine = Engine::new(Box::new(A64), tier0, brolga_engine::Config::default());
    let status = brolga_user::run(config, &move || Box::new(EngineVcpu::new(engine.clone())) as Box<dyn Vcpu>);
    std::process::exit(status);
}
