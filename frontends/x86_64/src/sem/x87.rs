//! x87: memory operands and flags here, arithmetic in helpers.

use super::operand::plain;

use super::{Cx, Flow, GP};
use crate::exec::{self, x87_kind as kind};
use crate::frontend::mode;
use crate::state;
use brolga_core::{MemOp, Reg, RegSet, Size};
use brolga_ir::{HelperId, IntCc, Ty, Value};
use iced_x86::{Code, ConditionCode, MemorySize, OpKind};

impl Cx<'_> {
    /// Calls an x87 helper.
    fn x87(&mut self, helper: HelperId, args: &[Value]) -> Value {
        let words = exec::x87::words();
        self.b.call(helper, args, words, words)
    }

    /// The same with constants.
    fn x87_with(&mut self, helper: HelperId, args: &[u64]) -> Value {
        let args: Vec<Value> = args.iter().map(|&a| self.iconst(Ty::I64, a)).collect();
        self.x87(helper, &args)
    }

    /// Number of stack register operand `n`.
    fn st(&self, n: u32) -> u64 {
        self.i.op_register(n).number() as u64
    }

    /// Pops, unless `done`, what the operation's helper gave, says that it was stopped.
    fn pop_x87(&mut self, count: u64, done: Value) {
        if count > 0 {
            let count = self.iconst(Ty::I64, count);
            self.x87(exec::X87_POP, &[count, done]);
        }
    }
}

/// Kind of the memory operand.
fn memory_kind(cx: &Cx) -> u64 {
    match cx.i.memory_size() {
        MemorySize::Float32 => kind::F32,
        MemorySize::Float64 => kind::F64,
        MemorySize::Float80 => kind::F80,
        MemorySize::Int16 => kind::I16,
        MemorySize::Int32 => kind::I32,
        MemorySize::Int64 => kind::I64,
        _ => kind::BCD,
    }
}

/// The memory operand: its low 64 bits, and the 16 above if it has them.
fn memory(cx: &mut Cx) -> [Value; 2] {
    let (addr, offset) = cx.address();
    let ty = match memory_kind(cx) {
        kind::I16 => Ty::I16,
        kind::F32 | kind::I32 => Ty::I32,
        _ => Ty::I64,
    };
    let low = cx.b.load(ty, plain(ty), addr, offset);
    let low = cx.widen(low);
    let high = if matches!(memory_kind(cx), kind::F80 | kind::BCD) {
        let v = cx.b.load(Ty::I16, plain(Ty::I16), addr, offset + 8);
        cx.widen(v)
    } else {
        cx.iconst(Ty::I64, 0)
    };
    [low, high]
}

/// FLD, FILD, FBLD.
pub fn load(cx: &mut Cx) -> Flow {
    if cx.i.op_count() == 2 || cx.i.op0_kind() == OpKind::Register {
        let n = cx.i.op_count() - 1;
        cx.x87_with(exec::X87_LOAD_REGISTER, &[cx.st(n)]);
        return Flow::Next;
    }
    let [low, high] = memory(cx);
    let kind = cx.iconst(Ty::I64, memory_kind(cx));
    cx.x87(exec::X87_LOAD, &[kind, low, high]);
    Flow::Next
}

/// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ.
pub fn constant(cx: &mut Cx, n: u64) -> Flow {
    cx.x87_with(exec::X87_LOAD_CONSTANT, &[n]);
    Flow::Next
}

/// FST, FSTP, FIST, FISTP, FISTTP, FBSTP.
pub fn store(cx: &mut Cx, pop: bool, truncate: bool) -> Flow {
    if cx.i.op0_kind() == OpKind::Register {
        let done = cx.x87_with(exec::X87_STORE_REGISTER, &[cx.st(0), 0]);
        cx.pop_x87(pop as u64, done);
        return Flow::Next;
    }
    let kind_word = memory_kind(cx) | if truncate { kind::TRUNCATE } else { 0 };
    let ty = match memory_kind(cx) {
        kind::I16 => Ty::I16,
        kind::F32 | kind::I32 => Ty::I32,
        _ => Ty::I64,
    };
    // The value first, the flags behind the store, which may fault.
    let words = exec::x87::words();
    let skip = (cx.mode & mode::X87 != 0).then(|| {
        let (to, ask) = (cx.iconst(Ty::I64, kind_word), cx.iconst(Ty::I64, 1));
        let stopped = cx.b.call(exec::X87_STORE, &[to, ask], words, words);
        let (store, skip) = (cx.b.new_label(), cx.b.new_label());
        let stopped = cx.narrow(Ty::I8, stopped);
        let touch = cx.b.new_label();
        cx.b.brif(stopped, (touch, &[]), (store, &[]));
        cx.b.bind(touch);
        let (addr, offset) = cx.address();
        let (first, last) = (cx.plus(addr, offset), cx.plus(addr, offset + cx.i.memory_size().size() as i64 - 1));
        if cx.mode & mode::ALIGN != 0 {
            cx.b.load(ty, plain(ty), first, 0);
        }
        cx.touch(first);
        // Of two pages the second one's fault is at its start.
        cx.touch_page_of(last);
        cx.b.jump(skip, &[]);
        cx.b.bind(store);
        skip
    });
    let wide = matches!(memory_kind(cx), kind::F80 | kind::BCD);
    let (addr, offset) = if wide {
        let addr = cx.flat_address();
        (cx.writable(addr, 10), 0)
    } else {
        cx.address()
    };
    let (to, zero) = (cx.iconst(Ty::I64, kind_word), cx.iconst(Ty::I64, 0));
    let low = cx.b.call(exec::X87_STORED, &[to, zero], words, RegSet::EMPTY);
    let v = cx.narrow(ty, low);
    cx.b.store(plain(ty), addr, offset, v);
    if wide {
        let one = cx.iconst(Ty::I64, 1);
        let high = cx.b.call(exec::X87_STORED, &[to, one], words, RegSet::EMPTY);
        let high = cx.narrow(Ty::I16, high);
        cx.b.store(plain(Ty::I16), addr, offset + 8, high);
    }
    if let Some(skip) = skip {
        cx.b.jump(skip, &[]);
        cx.b.bind(skip);
    }
    let done = cx.x87_with(exec::X87_STORE, &[kind_word, 0]);
    cx.pop_x87(pop as u64, done);
    Flow::Next
}

/// FSTPNCE, an alias of FSTP that does not mind an empty register.
pub fn store_unchecked(cx: &mut Cx) -> Flow {
    let done = cx.x87_with(exec::X87_STORE_REGISTER, &[cx.st(0), 1]);
    cx.pop_x87(1, done);
    Flow::Next
}

/// FADD, FSUB and their like, with registers or memory; the P forms pop.
pub fn arith(cx: &mut Cx, op: u64, pop: bool) -> Flow {
    if cx.i.op0_kind() == OpKind::Memory {
        let [low, _] = memory(cx);
        let which = cx.iconst(Ty::I64, op | memory_kind(cx) << 8);
        cx.x87(exec::X87_ARITH_MEMORY, &[which, low]);
        return Flow::Next;
    }
    let (dst, src) = (cx.st(0), cx.st(1));
    let done = cx.x87_with(exec::X87_ARITH, &[op | dst << 8 | src << 12]);
    cx.pop_x87(pop as u64, done);
    Flow::Next
}

/// FCOM, FUCOM, FICOM and their forms that pop.
pub fn compare(cx: &mut Cx, quiet: bool, pops: u64) -> Flow {
    let done = if cx.i.op_count() > 0 && cx.i.op0_kind() == OpKind::Memory {
        let [low, _] = memory(cx);
        let kind = cx.iconst(Ty::I64, memory_kind(cx));
        cx.x87(exec::X87_COMPARE_MEMORY, &[kind, low])
    } else {
        let with = match cx.i.op_count() {
            0 => 1,
            n => cx.st(n - 1),
        };
        cx.x87_with(exec::X87_COMPARE, &[with, quiet as u64])
    };
    cx.pop_x87(pops, done);
    Flow::Next
}

/// FCOMI, FUCOMI and their forms that pop.
pub fn compare_flags(cx: &mut Cx, quiet: bool, pop: bool) -> Flow {
    let bits = cx.x87_with(exec::X87_COMPARE_FLAGS, &[cx.st(1), quiet as u64]);
    let stopped = cx.b.extract(Ty::I64, bits, 0, 1);
    let flags = cx.b.bic(Ty::I64, bits, stopped);
    cx.set_packed(flags);
    cx.pop_x87(pop as u64, stopped);
    Flow::Next
}

/// FCHS, FSQRT, FSIN and all others on the top of the stack.
pub fn function(cx: &mut Cx, op: u64) -> Flow {
    cx.x87_with(exec::X87_FUNCTION, &[op]);
    Flow::Next
}

/// Instructions whose helper does everything, with one constant.
pub fn plain_call(cx: &mut Cx, helper: HelperId, argument: u64) -> Flow {
    cx.x87_with(helper, &[argument]);
    Flow::Next
}

/// FNINIT: exceptions are masked afterwards.
pub fn init(cx: &mut Cx) -> Flow {
    cx.x87_with(exec::X87_INIT, &[0]);
    cx.resync_if_masks_changed()
}

/// FXCH.
pub fn exchange(cx: &mut Cx) -> Flow {
    cx.x87_with(exec::X87_EXCHANGE, &[cx.st(1)]);
    Flow::Next
}

/// FFREE.
pub fn free(cx: &mut Cx, pops: u64) -> Flow {
    let done = cx.x87_with(exec::X87_FREE, &[cx.st(0)]);
    cx.pop_x87(pops, done);
    Flow::Next
}

/// FCMOVcc.
pub fn move_if(cx: &mut Cx, code: ConditionCode) -> Flow {
    let c = cx.condition(code);
    let (c, i) = (cx.widen(c), cx.iconst(Ty::I64, cx.st(1)));
    cx.x87(exec::X87_MOVE_IF, &[i, c]);
    Flow::Next
}

/// FNSTCW, FSTCW.
pub fn store_control(cx: &mut Cx) -> Flow {
    let v = cx.b.get(state::FPU_CONTROL);
    let v = cx.narrow(Ty::I16, v);
    cx.set_op(0, v);
    Flow::Next
}

/// FNSTSW, FSTSW.
pub fn store_status(cx: &mut Cx) -> Flow {
    let v = cx.b.get(state::FPU_STATUS);
    let v = cx.narrow(Ty::I16, v);
    cx.set_op(0, v);
    Flow::Next
}

/// FLDCW.
pub fn load_control(cx: &mut Cx) -> Flow {
    let v = cx.src_as(0, Ty::I16);
    let v = cx.widen(v);
    cx.x87(exec::X87_SET_CONTROL, &[v]);
    cx.resync_if_masks_changed()
}

/// Type of the words of an environment: 32 bits, 16 with an operand-size prefix.
fn environment_ty(cx: &Cx) -> Ty {
    match cx.i.code() {
        Code::Fnstenv_m14byte | Code::Fldenv_m14byte | Code::Fnsave_m94byte | Code::Frstor_m94byte => Ty::I16,
        _ => Ty::I32,
    }
}

/// Seven words of the environment to memory. SDM vol. 1, "x87 FPU State Image".
fn put_environment(cx: &mut Cx, addr: Value, offset: i64) {
    let ty = environment_ty(cx);
    for n in 0..7 {
        let i = cx.iconst(Ty::I64, n);
        let v = cx.b.call(exec::X87_ENVIRONMENT, &[i], exec::x87::words(), RegSet::EMPTY);
        let v = cx.narrow(ty, v);
        cx.b.store(plain(ty), addr, offset + n as i64 * i64::from(ty.bits() / 8), v);
    }
}

/// Control, status and tags of an environment in memory.
fn environment(cx: &mut Cx, addr: Value, offset: i64) -> [Value; 3] {
    let word = i64::from(environment_ty(cx).bits() / 8);
    [0, 1, 2].map(|n| {
        let v = cx.b.load(Ty::I16, plain(Ty::I16), addr, offset + n * word);
        cx.widen(v)
    })
}

/// FNSTENV: exceptions are masked afterwards.
pub fn store_environment(cx: &mut Cx) -> Flow {
    let (addr, offset) = cx.address();
    put_environment(cx, addr, offset);
    let (control, masks) = (cx.b.get(state::FPU_CONTROL), cx.iconst(Ty::I64, 0x3f));
    let masked = cx.b.or(Ty::I64, control, masks);
    cx.x87(exec::X87_SET_CONTROL, &[masked]);
    cx.resync_if_masks_changed()
}

/// FLDENV.
pub fn load_environment(cx: &mut Cx) -> Flow {
    let (addr, offset) = cx.address();
    let args = environment(cx, addr, offset);
    cx.x87(exec::X87_RESTORE_ENVIRONMENT, &args);
    cx.resync_if_masks_changed()
}

/// Place of the registers, ten bytes each from the top of the stack, behind an environment.
fn registers_at(cx: &Cx) -> i64 {
    7 * i64::from(environment_ty(cx).bits() / 8)
}

/// FNSAVE: environment and registers, then as FNINIT.
pub fn save(cx: &mut Cx) -> Flow {
    let (addr, offset) = cx.address();
    put_environment(cx, addr, offset);
    let from = offset + registers_at(cx);
    for i in 0..8 {
        for (half, ty) in [(0, Ty::I64), (1, Ty::I16)] {
            let args = [i, half].map(|a| cx.iconst(Ty::I64, a));
            let v = cx.b.call(exec::X87_SAVE_REGISTER, &args, exec::x87::words(), RegSet::EMPTY);
            let v = cx.narrow(ty, v);
            cx.b.store(plain(ty), addr, from + 10 * i as i64 + 8 * half as i64, v);
        }
    }
    init(cx)
}

/// FRSTOR.
pub fn restore(cx: &mut Cx) -> Flow {
    let (addr, offset) = cx.address();
    let args = environment(cx, addr, offset);
    let from = offset + registers_at(cx);
    let stack: Vec<[Value; 2]> = (0..8)
        .map(|i| {
            [(0, Ty::I64), (8, Ty::I16)].map(|(at, ty)| {
                let v = cx.b.load(ty, plain(ty), addr, from + 10 * i + at);
                cx.widen(v)
            })
        })
        .collect();
    cx.x87(exec::X87_RESTORE_ENVIRONMENT, &args);
    for (i, [low, high]) in (0..).zip(stack) {
        let i = cx.iconst(Ty::I64, i);
        cx.x87(exec::X87_RESTORE_REGISTER, &[i, low, high]);
    }
    cx.resync_if_masks_changed()
}

/// Goes on only if the address of a save area is a multiple of 16.
fn aligned_area(cx: &mut Cx) -> Value {
    let addr = cx.flat_address();
    let (low, zero) = (cx.b.extract(Ty::I64, addr, 0, 4), cx.iconst(Ty::I64, 0));
    let odd = cx.b.icmp(Ty::I64, IntCc::Ne, low, zero);
    cx.raise_if(odd, GP, &[addr])[0]
}

const ST_AREA: i64 = 32;
/// Where XMM registers are in an area.
pub const XMM_AREA: i64 = 160;

/// FXSAVE. SDM vol. 1, "x87 State" of "Processor Extended States". Addresses of the last instruction are 0.
pub fn fxsave(cx: &mut Cx) -> Flow {
    let addr = aligned_area(cx);
    save_x87(cx, addr);
    save_mxcsr(cx, addr);
    save_vectors(cx, addr, XMM_AREA, state::xmm);
    Flow::Next
}

/// Control words and registers of x87 into an area.
pub fn save_x87(cx: &mut Cx, addr: Value) {
    let (words, word) = (exec::x87::words(), plain(Ty::I64));
    let header = cx.b.call(exec::X87_SAVE_HEADER, &[], words, RegSet::EMPTY);
    let zero = cx.iconst(Ty::I64, 0);
    cx.b.store(word, addr, 0, header);
    cx.b.store(word, addr, 8, zero);
    cx.b.store(word, addr, 16, zero);
    for i in 0..8 {
        for half in 0..2 {
            let args = [i, half].map(|a| cx.iconst(Ty::I64, a));
            let v = cx.b.call(exec::X87_SAVE_REGISTER, &args, words, RegSet::EMPTY);
            cx.b.store(word, addr, ST_AREA + 16 * i as i64 + 8 * half as i64, v);
        }
    }
}

/// MXCSR and its mask into an area.
pub fn save_mxcsr(cx: &mut Cx, addr: Value) {
    let mxcsr = cx.b.call(exec::GET_MXCSR, &[], super::system::mxcsr_words(), RegSet::EMPTY);
    let mask = cx.iconst(Ty::I64, 0xffff);
    let mxcsr = cx.b.deposit(Ty::I64, mxcsr, mask, 32, 32);
    cx.b.store(plain(Ty::I64), addr, 24, mxcsr);
}

/// 16 rows into an area.
pub fn save_vectors(cx: &mut Cx, addr: Value, at: i64, row: fn(u32) -> Reg) {
    for n in 0..16 {
        let v = cx.b.get_v(row(n));
        cx.b.store(MemOp::plain(Size::B16), addr, at + 16 * i64::from(n), v);
    }
}

/// 16 rows of an area, to be written when all accesses are made.
pub fn load_vectors(cx: &mut Cx, addr: Value, at: i64) -> Vec<Value> {
    (0..16).map(|n| cx.b.load(Ty::V128, MemOp::plain(Size::B16), addr, at + 16 * n)).collect()
}

/// x87 of an area, to be written when all accesses are made.
pub struct X87Area {
    header: Value,
    stack: Vec<[Value; 2]>,
}

impl X87Area {
    /// Reads it.
    pub fn load(cx: &mut Cx, addr: Value) -> X87Area {
        let word = plain(Ty::I64);
        let header = cx.b.load(Ty::I64, word, addr, 0);
        let stack = (0..8).map(|i| [0, 8].map(|at| cx.b.load(Ty::I64, word, addr, ST_AREA + 16 * i + at))).collect();
        X87Area { header, stack }
    }

    /// That of a new process.
    pub fn initial(cx: &mut Cx) -> X87Area {
        let (header, zero) = (cx.iconst(Ty::I64, state::FPU_CONTROL_START), cx.iconst(Ty::I64, 0));
        X87Area { header, stack: vec![[zero; 2]; 8] }
    }

    /// Writes the registers.
    pub fn restore(self, cx: &mut Cx) {
        cx.x87(exec::X87_RESTORE_HEADER, &[self.header]);
        for (i, [low, high]) in self.stack.into_iter().enumerate() {
            let i = cx.iconst(Ty::I64, i as u64);
            cx.x87(exec::X87_RESTORE_REGISTER, &[i, low, high]);
        }
    }
}

/// FXRSTOR: the mode may change, so the block ends.
pub fn fxrstor(cx: &mut Cx) -> Flow {
    let addr = aligned_area(cx);
    let x87 = X87Area::load(cx, addr);
    let mxcsr = cx.b.load(Ty::I32, plain(Ty::I32), addr, 24);
    let xmm = load_vectors(cx, addr, XMM_AREA);
    x87.restore(cx);
    for (n, v) in xmm.into_iter().enumerate() {
        cx.b.set(state::xmm(n as u32), v);
    }
    let mxcsr = cx.widen(mxcsr);
    let words = super::system::mxcsr_words();
    cx.b.call_void(exec::SET_MXCSR, &[mxcsr], words, words);
    cx.resync()
}
