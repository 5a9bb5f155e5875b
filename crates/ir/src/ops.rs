//! The op table: one row an op. Builder, text form, verifier, passes and back ends read it.
//!
//! Every instruction defines at most one value. Condition flags are values of type [`Ty::Flags`]
//! made by their own ops on the same operands as the arithmetic, so a dead flag computation is
//! plain dead code.

/// Type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Ty {
    /// No value.
    Void,
    /// 8 bits; also the type of truth values, 0 or 1.
    I8,
    /// 16 bits
    I16,
    /// 32 bits
    I32,
    /// 64 bits
    I64,
    /// IEEE binary16 bits
    F16,
    /// IEEE binary32 bits
    F32,
    /// IEEE binary64 bits
    F64,
    /// 128 bits; the lane shape is on the op
    V128,
    /// Condition flags
    Flags,
}

impl Ty {
    /// Width in bits; 0 for `Void` and `Flags`.
    pub const fn bits(self) -> u32 {
        match self {
            Ty::Void | Ty::Flags => 0,
            Ty::I8 => 8,
            Ty::I16 | Ty::F16 => 16,
            Ty::I32 | Ty::F32 => 32,
            Ty::I64 | Ty::F64 => 64,
            Ty::V128 => 128,
        }
    }

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        match self {
            Ty::Void => "void",
            Ty::I8 => "i8",
            Ty::I16 => "i16",
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::F16 => "f16",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            Ty::V128 => "v128",
            Ty::Flags => "flags",
        }
    }

    /// All types, in order of their encoding.
    pub const ALL: [Ty; 10] =
        [Ty::Void, Ty::I8, Ty::I16, Ty::I32, Ty::I64, Ty::F16, Ty::F32, Ty::F64, Ty::V128, Ty::Flags];

    /// Whether the type is an integer of 8 to 64 bits.
    pub const fn is_int(self) -> bool {
        matches!(self, Ty::I8 | Ty::I16 | Ty::I32 | Ty::I64)
    }

    /// Whether the type is a scalar float.
    pub const fn is_float(self) -> bool {
        matches!(self, Ty::F16 | Ty::F32 | Ty::F64)
    }
}

/// Integer comparison, in `Inst::sub` of [`Op::Icmp`] and [`Op::Vicmp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum IntCc {
    Eq,
    Ne,
    Ult,
    Ule,
    Ugt,
    Uge,
    Slt,
    Sle,
    Sgt,
    Sge,
}

impl IntCc {
    /// All comparisons, in order of their encoding.
    pub const ALL: [IntCc; 10] = [
        IntCc::Eq,
        IntCc::Ne,
        IntCc::Ult,
        IntCc::Ule,
        IntCc::Ugt,
        IntCc::Uge,
        IntCc::Slt,
        IntCc::Sle,
        IntCc::Sgt,
        IntCc::Sge,
    ];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"][self as usize]
    }

    /// From `Inst::sub`.
    #[inline(always)]
    pub fn from_sub(sub: u8) -> IntCc {
        Self::ALL[sub as usize % 10]
    }
}

/// Lane shape of a vector op, in `Inst::sub` (low half).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Shape {
    I8x16,
    I16x8,
    I32x4,
    I64x2,
}

impl Shape {
    /// All shapes, in order of their encoding.
    pub const ALL: [Shape; 4] = [Shape::I8x16, Shape::I16x8, Shape::I32x4, Shape::I64x2];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["8x16", "16x8", "32x4", "64x2"][self as usize]
    }

    /// Bits of a lane.
    pub const fn lane_bits(self) -> u32 {
        8 << self as u32
    }

    /// Number of lanes.
    pub const fn lanes(self) -> u32 {
        16 >> self as u32
    }

    /// From `Inst::sub`.
    pub fn from_sub(sub: u8) -> Shape {
        Self::ALL[sub as usize & 3]
    }
}

/// What [`Op::Vfold`] combines lanes with, in `Inst::aux`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FoldOp {
    Add,
    Smin,
    Smax,
    Umin,
    Umax,
}

impl FoldOp {
    /// All operations, in order of their encoding.
    pub const ALL: [FoldOp; 5] = [FoldOp::Add, FoldOp::Smin, FoldOp::Smax, FoldOp::Umin, FoldOp::Umax];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["add", "smin", "smax", "umin", "umax"][self as usize]
    }

    /// The op that combines two vectors the same way.
    pub const fn lanewise(self) -> Op {
        [Op::Vadd, Op::Vsmin, Op::Vsmax, Op::Vumin, Op::Vumax][self as usize]
    }

    /// From `Inst::aux`.
    pub fn from_aux(aux: u16) -> FoldOp {
        Self::ALL[aux as usize % 5]
    }
}

/// How control leaves by a jump; back ends keep return predictions with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum JumpKind {
    /// Neither of the others.
    Jump,
    /// A call: the address behind the instruction is a return address.
    Call,
    /// A return.
    Ret,
}

impl JumpKind {
    /// All kinds, in order of their encoding.
    pub const ALL: [JumpKind; 3] = [JumpKind::Jump, JumpKind::Call, JumpKind::Ret];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["jump", "call", "ret"][self as usize]
    }

    /// From `Inst::sub`.
    pub fn from_sub(sub: u8) -> JumpKind {
        Self::ALL[sub as usize % 3]
    }
}

/// Why a [`Op::Raise`] leaves; becomes a [`brolga_core::Exit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "named as the exits")]
pub enum RaiseKind {
    Syscall,
    Undefined,
    Breakpoint,
    GuestException,
    /// Leave to the run loop and continue at the given address: the mode may have changed.
    Resync,
    /// Guest code at the operand's address was changed: translations of its cache line must go.
    Invalidate,
}

impl RaiseKind {
    /// All kinds, in order of their encoding.
    pub const ALL: [RaiseKind; 6] = {
        let mut all = [RaiseKind::Syscall; 6];
        let mut sub = 0;
        while sub < all.len() {
            all[sub] = RaiseKind::from_sub(sub as u8);
            sub += 1;
        }
        all
    };

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["syscall", "undefined", "breakpoint", "exception", "resync", "invalidate"][self as usize]
    }

    /// From `Inst::sub`.
    pub const fn from_sub(sub: u8) -> RaiseKind {
        // No table: each child of a fork would map it.
        match sub % 6 {
            0 => RaiseKind::Syscall,
            1 => RaiseKind::Undefined,
            2 => RaiseKind::Breakpoint,
            3 => RaiseKind::GuestException,
            4 => RaiseKind::Resync,
            _ => RaiseKind::Invalidate,
        }
    }
}

/// What an [`Op::Prefetch`] announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PrefetchKind {
    /// A read soon: to all levels of caches.
    L1,
    /// A read later: to the second level and those behind it.
    L2,
    /// A read later: to the third level.
    L3,
    /// One read: to where it pushes out little.
    Once,
    /// A write.
    Write,
}

impl PrefetchKind {
    /// All kinds, in order of their encoding.
    pub const ALL: [PrefetchKind; 5] =
        [PrefetchKind::L1, PrefetchKind::L2, PrefetchKind::L3, PrefetchKind::Once, PrefetchKind::Write];

    /// Name in IR text.
    pub const fn name(self) -> &'static str {
        ["l1", "l2", "l3", "once", "write"][self as usize]
    }

    /// From `Inst::sub`.
    pub fn from_sub(sub: u8) -> PrefetchKind {
        Self::ALL[sub as usize % 5]
    }
}

/// What an op does beside computing its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing: dead if unused, equal if operands are equal.
    Pure,
    /// Reads a guest register.
    ReadReg,
    /// Writes a guest register.
    WriteReg,
    /// Reads memory; may fault.
    ReadMem,
    /// Writes memory; may fault.
    WriteMem,
    /// Orders memory accesses, or announces one.
    Fence,
    /// Reads the guest's floating-point modes and adds to its cumulative flags: not dead if unused, but may run twice.
    Sticky,
    /// A helper call; the call site says what it touches.
    Call,
    /// Marks structure (instruction starts, labels, parameters).
    Mark,
    /// Ends a local block.
    End,
}

/// Operands of an op, which is also its shape in text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `insn PC LEN`
    InsnStart,
    /// `L1:`
    Label,
    /// `v1 = param.ty`
    Param,
    /// `v1 = iconst.ty IMM`
    Const,
    /// `v1 = vconst IMM128`
    VConst,
    /// `v1 = get.ty REG`
    Get,
    /// `set REG, v1`
    Set,
    /// `v2 = op.ty v1`
    Unary,
    /// `v3 = op.ty v1, v2`
    Binary,
    /// `v4 = op.ty v1, v2, v3`
    Ternary,
    /// `v3 = op.ty.cc v1, v2` with an [`IntCc`]; operand type is `ty`, result I8
    Compare,
    /// `v2 = op.ty v1, LSB, WIDTH`
    Extract,
    /// `v3 = op.ty v1, v2, LSB, WIDTH`
    Deposit,
    /// `v2 = cond.cc v1` with a flag predicate
    Cond,
    /// `v1 = get_flags` / `set_flags v1`
    Flags,
    /// `v2 = load.ty.memop v1 + IMM`
    Load,
    /// `store.memop v1 + IMM, v2`
    Store,
    /// `v3 = rmw.ty.op.memop v1, v2`
    Rmw,
    /// `v4 = cas.ty.memop v1, v2, v3`
    Cas,
    /// `fence`
    Fence,
    /// `prefetch.kind v1 + IMM`
    Prefetch,
    /// `v2 = op.shape v1` and so on for vectors: the shape is in `sub`
    VUnary,
    /// two vector operands
    VBinary,
    /// two vector operands and an [`IntCc`] in `aux`
    VCompare,
    /// vector operand and an immediate
    VImm,
    /// `v2 = lane.ty.shape v1, LANE`
    Lane,
    /// `v3 = insert.shape v1, v2, LANE`
    Insert,
    /// `v3 = vshuffle v1, v2, SELECTORS128`
    VShuffle,
    /// `v2 = vfold.shape.op v1` with a [`FoldOp`] in `aux`
    VFold,
    /// `v2 = vfn1.function v1, IMM` with a [`crate::VecFn`]
    VFn1,
    /// The same with two operands.
    VFn2,
    /// The same with three.
    VFn3,
    /// `v2 = fp1.ty.operation.lanes v1, HELPER:EXTRA`
    Fp1,
    /// The same with two operands.
    Fp2,
    /// The same with three.
    Fp3,
    /// `v2 = fpconv.ty.operation v1, HELPER:EXTRA`
    FpConvert,
    /// `v3 = fpcmp.ty.relation v1, v2, HELPER:EXTRA`
    FpCompare,
    /// `v1 = call HELPER(args)`
    Call,
    /// `jump L1(args)`
    Jump,
    /// `brif v1, L1(args), L2(args)`
    Brif,
    /// `goto.kind PC`
    Goto,
    /// `goto_ind.kind v1`
    GotoInd,
    /// `raise.kind PC, v1`
    Raise,
}

/// How the type field determines operand and result types; see `verify.rs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typing {
    /// No value.
    None,
    /// Result and all operands have the inst's type.
    Same,
    /// Result has the inst's type; operands are checked by the form.
    Result,
    /// Operands have the inst's type; the result is I8.
    Truth,
    /// Operands have the inst's type; the result is Flags.
    Flags,
}

/// One row of the op table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// Name in IR text.
    pub name: &'static str,
    /// Operands.
    pub form: Form,
    /// Typing rule.
    pub typing: Typing,
    /// Effect.
    pub effect: Effect,
}

macro_rules! ops {
    ($($(#[doc = $doc:literal])* $op:ident $name:literal $form:ident $typing:ident $effect:ident;)*) => {
        /// Operation of an instruction.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Op { $($(#[doc = $doc])* $op,)* }

        /// The rows, in order of the encoding.
        pub const OPS: &[OpInfo] = &[$(OpInfo {
            name: $name, form: Form::$form, typing: Typing::$typing, effect: Effect::$effect,
        },)*];

        /// All ops, in order of the encoding.
        pub const ALL_OPS: &[Op] = &[$(Op::$op,)*];
    };
}

ops! {
    /// Start of a guest instruction: `imm` is its address, `aux` its length in bytes. Survives every pass.
    InsnStart "insn" InsnStart None Mark;
    /// Start of local block `aux`. Block 0 has no label and no parameters.
    Label "label" Label None Mark;
    /// Next parameter of the local block; directly behind its label.
    Param "param" Param Result Mark;
    /// Integer or float bits.
    Iconst "iconst" Const Result Pure;
    /// 128-bit constant; `imm` indexes `Block::consts`.
    Vconst "vconst" VConst Result Pure;
    /// Guest register `aux`; I64 for a one-word row, V128 for a two-word row.
    Get "get" Get Result ReadReg;
    /// Writes guest register `aux`.
    Set "set" Set None WriteReg;
    /// The flags from their border form.
    GetFlags "get_flags" Flags Result ReadReg;
    /// Writes the flags' border form.
    SetFlags "set_flags" Flags None WriteReg;

    /// Sum.
    Iadd "iadd" Binary Same Pure;
    /// Difference.
    Isub "isub" Binary Same Pure;
    /// Low half of the product.
    Imul "imul" Binary Same Pure;
    /// High half of the unsigned product (I64).
    Umulh "umulh" Binary Same Pure;
    /// High half of the signed product (I64).
    Smulh "smulh" Binary Same Pure;
    /// Unsigned quotient; 0 if the divisor is 0. Front ends whose guest traps test first.
    Udiv "udiv" Binary Same Pure;
    /// Signed quotient towards zero; 0 if the divisor is 0; the dividend if it overflows.
    Sdiv "sdiv" Binary Same Pure;
    /// Bitwise and; also V128.
    And "and" Binary Same Pure;
    /// Bitwise or; also V128.
    Or "or" Binary Same Pure;
    /// Bitwise exclusive or; also V128.
    Xor "xor" Binary Same Pure;
    /// `a & !b`; also V128.
    Bic "bic" Binary Same Pure;
    /// Complement; also V128.
    Not "not" Unary Same Pure;
    /// Two's complement negation.
    Neg "neg" Unary Same Pure;
    /// Shift left; the amount counts modulo the width.
    Shl "shl" Binary Same Pure;
    /// Logical shift right, amount modulo the width.
    Lshr "lshr" Binary Same Pure;
    /// Arithmetic shift right, amount modulo the width.
    Ashr "ashr" Binary Same Pure;
    /// Rotate right, amount modulo the width.
    Rotr "rotr" Binary Same Pure;
    /// Leading zeros; the width for 0.
    Clz "clz" Unary Same Pure;
    /// Trailing zeros; the width for 0.
    Ctz "ctz" Unary Same Pure;
    /// Leading bits equal to the sign, less one.
    Cls "cls" Unary Same Pure;
    /// Number of one bits.
    Popcnt "popcnt" Unary Same Pure;
    /// Bytes reversed.
    Bswap "bswap" Unary Same Pure;
    /// Bits reversed.
    Bitrev "bitrev" Unary Same Pure;
    /// Signed minimum.
    Smin "smin" Binary Same Pure;
    /// Signed maximum.
    Smax "smax" Binary Same Pure;
    /// Unsigned minimum.
    Umin "umin" Binary Same Pure;
    /// Unsigned maximum.
    Umax "umax" Binary Same Pure;

    /// Zero-extends or truncates an integer to the result type.
    Zext "zext" Unary Result Pure;
    /// Sign-extends an integer to the result type.
    Sext "sext" Unary Result Pure;
    /// Bits `lsb..lsb+width` of the operand, zero-extended; `imm` = lsb | width << 8.
    Extract "extract" Extract Same Pure;
    /// The same, sign-extended.
    Sextract "sextract" Extract Same Pure;
    /// The first operand with bits `lsb..lsb+width` replaced by the low bits of the second.
    Deposit "deposit" Deposit Same Pure;
    /// Reinterprets bits between an integer and a float of equal width.
    Bitcast "bitcast" Unary Result Pure;
    /// 1 if the comparison in `sub` holds, else 0.
    Icmp "icmp" Compare Truth Pure;
    /// Second operand if the first (I8) is not 0, else the third. Any type but Flags.
    Select "select" Ternary Result Pure;

    /// Flags of `a + b`. Operands of flags ops are integers of any type.
    FlagsAdd "flags_add" Binary Flags Pure;
    /// Flags of `a - b`; C is "not borrow".
    FlagsSub "flags_sub" Binary Flags Pure;
    /// Flags of `a + b + c`; `c` is I8, 0 or 1.
    FlagsAdc "flags_adc" Ternary Flags Pure;
    /// Flags of `a - b - (1 - c)`; `c` is I8, 0 or 1.
    FlagsSbc "flags_sbc" Ternary Flags Pure;
    /// N and Z of the operand; C and V clear.
    FlagsLogic "flags_logic" Unary Flags Pure;
    /// Flags from N Z C V in bits 31..28 of an I64.
    FlagsPack "flags_pack" Unary Flags Pure;
    /// N Z C V in bits 31..28 of an I64.
    FlagsUnpack "flags_unpack" Unary Result Pure;
    /// Second operand (Flags) if the first (I8) is not 0, else the third.
    FlagsSelect "flags_select" Ternary Result Pure;
    /// The flags with C inverted if the second operand (I8) is 1; else it is 0.
    FlagsFlipC "flags_flip_c" Binary Result Pure;
    /// 1 if the flags satisfy the predicate in `sub`, else 0.
    Cond "cond" Cond Result Pure;

    /// Reads `a + imm`; `aux` is the memory operation. Result type is at least as wide.
    Load "load" Load Result ReadMem;
    /// Writes `b` to `a + imm`.
    Store "store" Store None WriteMem;
    /// Atomic read-modify-write with the operation in `sub`; result is the old value, zero-extended.
    Rmw "rmw" Rmw Result WriteMem;
    /// Atomic compare-and-exchange: address, expected, new; result is the old value. I64 or V128.
    Cas "cas" Cas Result WriteMem;
    /// Copies `c` bytes from `b` on to `a`, upwards and as if byte by byte; result is how many. It never faults: what it has
    /// left may begin with a byte that cannot be read or written, and is for plain accesses to do.
    MemCopy "mem_copy" Ternary Result WriteMem;
    /// Full memory barrier.
    Fence "fence" Fence None Fence;
    /// Loads before it come before every access behind it.
    FenceLoad "fence_load" Fence None Fence;
    /// Stores before it come before stores behind it.
    FenceStore "fence_store" Fence None Fence;
    /// A hint that `a + imm` will be accessed as the [`PrefetchKind`] in `sub` says; never faults.
    Prefetch "prefetch" Prefetch None Fence;

    /// All lanes equal to an integer's low bits.
    Vsplat "vsplat" VUnary Result Pure;
    /// A scalar of type `ty` of the operand in lane 0, every other bit zero.
    Vscalar "vscalar" Unary Result Pure;
    /// Lane `imm` of a vector, as the result type, zero-extended.
    Lane "lane" Lane Result Pure;
    /// The vector with lane `imm` replaced.
    Insert "insert" Insert Result Pure;
    /// Lanewise sum.
    Vadd "vadd" VBinary Same Pure;
    /// Lanewise difference.
    Vsub "vsub" VBinary Same Pure;
    /// Lanewise product, low half.
    Vmul "vmul" VBinary Same Pure;
    /// Lanes of ones where the comparison in `aux` holds, zeros elsewhere.
    Vicmp "vicmp" VCompare Same Pure;
    /// Lanewise shift left by `imm`, below the lane's width.
    Vshl "vshl" VImm Same Pure;
    /// Lanewise logical shift right by `imm`, below the lane's width.
    Vlshr "vlshr" VImm Same Pure;
    /// Lanewise arithmetic shift right by `imm`, below the lane's width.
    Vashr "vashr" VImm Same Pure;

    /// Lanewise shift left by the low half of the second operand; what shifts by the width or more gives 0.
    VshlBy "vshl_by" VBinary Same Pure;
    /// The same, logically to the right.
    VlshrBy "vlshr_by" VBinary Same Pure;
    /// The same, arithmetically to the right; the width or more gives the sign.
    VashrBy "vashr_by" VBinary Same Pure;
    /// The top bits of all lanes, side by side from bit 0, every other bit zero.
    Vbits "vbits" VUnary Same Pure;

    /// Lanewise absolute value; the lowest number stays.
    Vabs "vabs" VUnary Same Pure;
    /// One bits of each byte (8x16).
    Vpopcnt "vpopcnt" VUnary Same Pure;
    /// Lanewise signed minimum.
    Vsmin "vsmin" VBinary Same Pure;
    /// Lanewise signed maximum.
    Vsmax "vsmax" VBinary Same Pure;
    /// Lanewise unsigned minimum.
    Vumin "vumin" VBinary Same Pure;
    /// Lanewise unsigned maximum.
    Vumax "vumax" VBinary Same Pure;
    /// Lanewise sum, saturated to signed.
    VsaddSat "vsadd_sat" VBinary Same Pure;
    /// Lanewise sum, saturated to unsigned.
    VuaddSat "vuadd_sat" VBinary Same Pure;
    /// Lanewise difference, saturated to signed.
    VssubSat "vssub_sat" VBinary Same Pure;
    /// Lanewise difference, saturated to unsigned.
    VusubSat "vusub_sat" VBinary Same Pure;
    /// Lanewise unsigned `(a + b + 1) >> 1`, the sum not wrapped.
    VavgRound "vavg_round" VBinary Same Pure;
    /// High half of twice the signed product, saturated (16x8, 32x4).
    VmulHigh "vmul_high" VBinary Same Pure;
    /// The same, rounded to nearest, halves up.
    VmulHighRound "vmul_high_round" VBinary Same Pure;
    /// Half of the lanes (`imm` 0 lower, 1 upper) sign-extended to twice the width; the shape is the operand's.
    Vsext "vsext" VImm Same Pure;
    /// The same, zero-extended.
    Vzext "vzext" VImm Same Pure;
    /// Signed lanes of both operands saturated to signed lanes half as wide; the shape is the operands'.
    Vsnarrow "vsnarrow" VBinary Same Pure;
    /// Signed lanes of both operands saturated to unsigned lanes half as wide.
    Vunarrow "vunarrow" VBinary Same Pure;
    /// Sums of adjacent pairs of products of signed 16-bit lanes, in 32-bit lanes (16x8).
    VmulPairs "vmul_pairs" VBinary Same Pure;
    /// Bytes of the first operand by the indices in the second, 0 for an index above 15 (8x16).
    Vswizzle "vswizzle" VBinary Same Pure;
    /// Bytes chosen by constants, a selector a byte of `Block::consts[imm]`: 0 to 15 of the first operand,
    /// 16 to 31 of the second, 0x80 for zero.
    Vshuffle "vshuffle" VShuffle Same Pure;
    /// All lanes combined by the operation in `aux`, in lane 0; every other bit zero.
    Vfold "vfold" VFold Same Pure;
    /// Bits of the second operand where the first is 1, else of the third (V128).
    Bitselect "bitselect" Ternary Same Pure;
    /// 1 if any bit of a vector is 1, else 0.
    Vany "vany" Unary Result Pure;
    /// The [`crate::VecFn`] in `sub` of one vector and the immediate byte `imm`.
    Vfn1 "vfn1" VFn1 Same Pure;
    /// The same of two vectors.
    Vfn2 "vfn2" VFn2 Same Pure;
    /// The same of three vectors.
    Vfn3 "vfn3" VFn3 Same Pure;
    /// The [`crate::FpOp`] in `sub` on one operand, a scalar or the [`crate::FpLanes`] in `aux`; `imm` is the
    /// [`crate::FpCall`] that defines it. V128 also converts between integers and floats of the lane's width.
    Fp1 "fp1" Fp1 Same Sticky;
    /// The same on two operands.
    Fp2 "fp2" Fp2 Same Sticky;
    /// The same on three operands.
    Fp3 "fp3" Fp3 Same Sticky;
    /// A conversion of a scalar to the result type.
    FpConvert "fpconv" FpConvert Result Sticky;
    /// Flags of a comparison of scalars: the [`crate::FpRelation`] in `sub`.
    FpCompare "fpcmp" FpCompare Flags Sticky;

    /// Helper call; `imm` indexes `Block::calls`. Result I64 or Void.
    Call "call" Call Result Call;
    /// Jump to a local block; `imm` indexes `Block::targets`.
    Jump "jump" Jump None End;
    /// First target (`imm`) if the operand (I8) is not 0, else the second (`imm + 1`).
    Brif "brif" Brif None End;
    /// Continue at guest address `imm`.
    Goto "goto" Goto None End;
    /// Continue at the guest address in the operand.
    GotoInd "goto_ind" GotoInd None End;
    /// Leave to the run loop with `pc = imm` and the operand (I64).
    Raise "raise" Raise None End;
}

impl Op {
    /// The op's row.
    #[inline(always)]
    pub fn info(self) -> &'static OpInfo {
        &OPS[self as usize]
    }

    /// Whether it is about vectors and not one of the ops that any type has.
    #[inline(always)]
    pub fn is_vector(self) -> bool {
        use Form::{Insert, Lane, VBinary, VCompare, VFold, VImm, VShuffle, VUnary};
        matches!(self.info().form, VUnary | VBinary | VCompare | VImm | VShuffle | VFold | Lane | Insert)
            || matches!(self, Op::Vscalar | Op::Bitselect | Op::Vany | Op::Vfn1 | Op::Vfn2 | Op::Vfn3)
    }

    /// The op called `name`.
    pub fn by_name(name: &str) -> Option<Op> {
        ALL_OPS.iter().copied().find(|o| o.info().name == name)
    }
}
