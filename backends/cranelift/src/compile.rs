//! IR region to host code: analysis, lowering, Cranelift, and the tables that go with the code.

use crate::cfg::Cfg;
use crate::fp::HostFloat;
use crate::host;
use crate::lower::{self, Access, Unit};
use crate::stand_in;
use crate::words::RowMap;
use brolga_baseline::HostFns;
use brolga_core::RegTable;
use brolga_ir::{Listing, Region};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedMachReloc, FinalizedRelocTarget, binemit, ir};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Choices that every region is compiled with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Cranelift's e-graph passes (`opt_level=speed`): a third more compile time.
    pub optimize: bool,
    /// Checks the function before it is compiled; always on in debug builds.
    pub verify: bool,
    /// Added to a guest address to make a host address.
    pub guest_base: u64,
    /// Whether `/tmp/perf-PID.map` tells profilers what the code is.
    pub perf_map: bool,
    /// Whether `jit-PID.dump` tells them, with the code.
    pub jit_dump: bool,
    /// Whether the guest's architecture ignores the top byte of addresses.
    pub tagged: bool,
    /// Uses only the instructions that every host of the architecture has: for tests of what replaces the others.
    pub baseline: bool,
    /// Leaves all floating point to the guest's helpers.
    pub no_host_fp: bool,
}

/// What lowering must know of the host: ops that Cranelift would turn into library calls need another way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Features {
    /// Any shuffle or swizzle of bytes is a few instructions.
    pub bytes: bool,
    /// `x86_pshufb` is an instruction.
    pub pshufb: bool,
    /// A shuffle of two vectors is one instruction.
    pub shuffle2: bool,
    /// Functions of vectors with an instruction that Cranelift need not know.
    pub functions: HostFns,
    /// A fused multiply-add is an instruction.
    pub fused: bool,
    /// Instructions with VEX encodings may stand for others.
    pub vex: bool,
    /// Loads and stores may stand for prefetches and aligned moves.
    pub moves: bool,
}

impl Features {
    pub(crate) fn of(isa: &OwnedTargetIsa, options: &Options) -> Features {
        let flags = isa.isa_flags();
        let has = |name| flags.iter().any(|f| f.name == name && f.as_bool() == Some(true));
        let x86 = cfg!(target_arch = "x86_64");
        let pshufb = x86 && has("has_ssse3");
        // The passes of `optimize` would take two stand-ins of the same operands for one value.
        let functions = if options.baseline || options.optimize { HostFns::default() } else { HostFns::detect() };
        Features {
            bytes: !x86 || pshufb,
            pshufb,
            shuffle2: !x86 || has("has_avx512vbmi") && has("has_avx512vl"),
            functions,
            fused: x86 && has("has_fma"),
            vex: x86 && !options.optimize && has("has_avx"),
            moves: x86 && !options.optimize,
        }
    }
}

/// Why a region got no code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// More accesses than have numbers: make the region smaller.
    TooManyAccesses,
    /// It would need a library call or another address fixed at load time.
    Relocation,
    /// The host code has another form than expected, or needs too much stack.
    Form,
    /// The region has no entry.
    Empty,
    /// No instruction of one of its blocks may be begun again ([`brolga_ir::Block::once`]).
    Once,
    /// Lowering or Cranelift panicked; the message went to standard error.
    Panicked,
    /// Cranelift's own reason.
    Cranelift(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::TooManyAccesses => f.write_str("too many memory accesses in one region"),
            Refused::Relocation => f.write_str("the code would need a relocation"),
            Refused::Form => f.write_str("the code cannot be made to run in the common frame"),
            Refused::Panicked => f.write_str("internal error while compiling"),
            Refused::Empty => f.write_str("the region has no entry"),
            Refused::Once => f.write_str("no instruction of it may be begun again"),
            Refused::Cranelift(why) => write!(f, "Cranelift: {why}"),
        }
    }
}

impl std::error::Error for Refused {}

/// What four bytes of host code are to name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum SlotForm {
    /// How far the slot's word is from behind the bytes.
    Slot = 0,
    /// How far an entry's count is from one byte behind them.
    Count = 1,
    /// The number of an entry's count.
    CountNumber = 2,
    /// How far the word is from behind them that leads to where hot blocks go.
    Hot = 3,
}

impl SlotForm {
    pub(crate) fn from_word(word: u32) -> Option<SlotForm> {
        use SlotForm::*;
        [Slot, Count, CountNumber, Hot].into_iter().find(|form| *form as u32 == word)
    }
}

/// Where host code names a slot or a count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reloc {
    /// Offset in the code.
    pub at: u32,
    /// Of counts that of the entry; of slots that of the exit, or behind the exits that of the counter.
    pub index: u32,
    pub form: SlotForm,
}

/// Host code that is not in place yet. It names nothing of this process: any process may put it in place.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Compiled {
    pub(crate) code: Vec<u8>,
    /// Guest address and offset of each entry.
    pub(crate) entries: Vec<(u64, u32)>,
    /// Guest addresses that static exits and predicted returns lead to.
    pub(crate) exits: Vec<u64>,
    /// Where slots are named.
    pub(crate) relocs: Vec<Reloc>,
    /// Guest addresses of entries that are counted.
    pub(crate) counters: Vec<u64>,
    /// What they are counted down from.
    pub(crate) patience: u32,
    pub(crate) traps: Box<[(u32, Access)]>,
    pub(crate) precise: bool,
    pub(crate) removes_tags: bool,
    /// Whether entries have counts: of blocks of tier 1.
    pub(crate) counted: bool,
}

impl Compiled {
    /// Host code, in which the numbers of slots are still to be filled in.
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// Bytes of host code.
    pub fn host_bytes(&self) -> usize {
        self.code.len()
    }
}

/// The host, as Cranelift describes it, with our settings.
pub(crate) fn host_isa(options: &Options) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let verify = options.verify || cfg!(debug_assertions);
    for (name, value) in [
        ("opt_level", if options.optimize { "speed" } else { "none" }),
        ("regalloc_algorithm", "backtracking"),
        ("enable_verifier", if verify { "true" } else { "false" }),
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
        ("is_pic", "false"),
        ("machine_code_cfg_info", "false"),
        // Tail calls demand it.
        ("preserve_frame_pointers", "true"),
    ] {
        flags.set(name, value).map_err(|e| e.to_string())?;
    }
    let builder = cranelift_native::builder_with_options(!options.baseline).map_err(str::to_string)?;
    builder.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
}

/// The slot that a relocation stands for, if it does; the first `exits` are those of exits.
fn slot_of(reloc: &FinalizedMachReloc, names: &ir::function::FunctionParameters, exits: usize) -> Option<Reloc> {
    let FinalizedRelocTarget::ExternalName(ir::ExternalName::User(name)) = reloc.target else { return None };
    let name = &names.user_named_funcs()[name];
    let before = match name.namespace {
        lower::exits::EXITS => 0,
        lower::exits::COUNTERS => exits as u32,
        _ => return None,
    };
    let slot = Reloc { at: reloc.offset, index: before + name.index, form: SlotForm::Slot };
    // Of four bytes, counted from behind them.
    (reloc.kind == binemit::Reloc::X86CallPCRel4 && reloc.addend == -4).then_some(slot)
}

thread_local! {
    /// Cranelift's working memory, kept between regions.
    static MEMORY: RefCell<(Context, FunctionBuilderContext)> =
        RefCell::new((Context::new(), FunctionBuilderContext::new()));
}

/// What does not change between regions.
pub(crate) struct Compiler<'a> {
    pub isa: &'a OwnedTargetIsa,
    pub features: Features,
    pub options: &'a Options,
    pub regs: &'static RegTable,
    pub rows: &'a RowMap,
    /// Whether accesses clear the top byte of addresses.
    pub remove_tags: bool,
}

impl Compiler<'_> {
    /// Compiles a region.
    pub(crate) fn compile(&self, region: &Region) -> Result<Compiled, Refused> {
        self.compile_and(region, false, |_| ())
    }

    /// Cranelift's function and the host code it became, as text.
    pub(crate) fn listing(&self, region: &Region) -> Result<(Compiled, Listing), Refused> {
        let mut listing = Listing::default();
        let compiled = self.compile_and(region, true, |cx| {
            listing.middle = cx.func.display().to_string();
            listing.host = cx.compiled_code().and_then(|c| c.vcode.clone()).unwrap_or_default();
        })?;
        Ok((compiled, listing))
    }

    fn compile_and(&self, region: &Region, disasm: bool, look: impl FnOnce(&Context)) -> Result<Compiled, Refused> {
        if region.blocks.is_empty() || region.entries.is_empty() {
            return Err(Refused::Empty);
        }
        if region.blocks.iter().any(|block| block.once) {
            return Err(Refused::Once);
        }
        MEMORY.with_borrow_mut(|(cx, builder)| {
            cx.set_disasm(disasm);
            // Guest code decides what the region is: a panic on it must stay a refusal.
            let attempt = catch_unwind(AssertUnwindSafe(|| self.compile_with(region, cx, builder)));
            let result = attempt.unwrap_or(Err(Refused::Panicked));
            look(cx);
            match result {
                Ok(_) => cx.clear(),
                // It may have been left in the middle of a block.
                Err(_) => (*cx, *builder) = (Context::new(), FunctionBuilderContext::new()),
            }
            result
        })
    }

    fn compile_with(
        &self,
        region: &Region,
        cx: &mut Context,
        builder: &mut FunctionBuilderContext,
    ) -> Result<Compiled, Refused> {
        let cfg = Cfg::new(region, self.regs, self.rows);
        cx.func.signature = lower::tail_signature();
        cx.func.name = ir::UserFuncName::user(0, 0);
        let unit = Unit {
            region,
            cfg: &cfg,
            regs: self.regs,
            rows: self.rows,
            guest_base: self.options.guest_base,
            remove_tags: self.remove_tags,
            atomic_poll: self.options.optimize,
            frontend: self.isa.frontend_config(),
            features: self.features,
            float: self.host_float(),
        };
        let mut out = lower::Output::default();
        lower::lower(&unit, FunctionBuilder::new(&mut cx.func, builder), &mut out)?;
        self.finish(region, &cfg, cx, out)
    }

    /// What the host can compute for the guest. The passes of `optimize` take floating point for pure: they would
    /// move and drop what raises flags.
    fn host_float(&self) -> HostFloat {
        if self.options.no_host_fp || self.options.optimize || self.regs.fp.is_none() {
            return HostFloat::default();
        }
        let has = |name: &str| self.isa.isa_flags().iter().any(|f| f.name == name && f.as_bool() == Some(true));
        HostFloat { arithmetic: true, fused: has("has_fma"), round: has("has_sse41") }
    }

    fn finish(&self, region: &Region, cfg: &Cfg, cx: &mut Context, out: lower::Output) -> Result<Compiled, Refused> {
        cx.compile(&**self.isa, &mut ControlPlane::default())
            .map_err(|e| Refused::Cranelift(format!("{:?}", e.inner)))?;
        let buffer = &cx.compiled_code().expect("just compiled").buffer;
        let relocs = buffer.relocs().iter().map(|reloc| slot_of(reloc, &cx.func.params, out.exits.len()));
        let mut relocs = relocs.collect::<Option<Vec<_>>>().ok_or(Refused::Relocation)?;
        let marks = buffer.get_srclocs_sorted();
        let mut traps = Vec::with_capacity(buffer.traps().len());
        let mut code = buffer.data().to_vec();
        for trap in buffer.traps() {
            if let Some(access) = out.accesses.find(trap.code, trap.offset, marks) {
                traps.push((trap.offset, access));
            }
        }
        let marked = marks.iter().filter(|at| at.loc == lower::tail_call_mark());
        let tails: Vec<_> = marked.map(|at| at.start..at.end).collect();
        stand_in::replace(&mut code, marks, &out.stand_ins).ok_or(Refused::Form)?;
        let filled: Vec<_> = relocs.iter().map(|reloc| reloc.at).collect();
        let bare = host::strip(&mut code, region.entries.len(), &tails, &filled).ok_or(Refused::Form)?;
        let pcs = region.entries.iter().map(|&e| cfg.nodes[cfg.heads[e]].pc);
        relocs.iter_mut().for_each(|reloc| reloc.at = bare.at(reloc.at));
        traps.iter_mut().for_each(|(at, _)| *at = bare.at(*at));
        Ok(Compiled {
            code,
            entries: pcs.zip(bare.entries).collect(),
            exits: out.exits,
            relocs,
            counters: out.counters,
            patience: region.patience,
            traps: traps.into_boxed_slice(),
            precise: region.precise,
            removes_tags: self.remove_tags,
            counted: false,
        })
    }
}
