//! Vector registers as arrays of lanes: what the SIMD helpers share.
//!
//! Lanes are read and written in place in the register file as arrays of their own type: of plain
//! lane loops over these the compiler makes vector code, which it does not of shifted 128-bit integers.
//! Lane 0 first is the order of a little-endian host, the only kind supported.

use crate::state;
use brolga_core::{Env, FILE_WORDS};

/// Cumulative saturation: QC in FPSR.
pub const QC: u64 = 1 << 27;

/// Row of V0 in the register file, in units of 16 bytes.
const V0: usize = state::v(0).0 as usize / 2;

/// A lane type, `N` of which fill a register and `H` half of one.
pub trait Lane<const N: usize, const H: usize>: Copy + Default {
    /// Register `n` modulo 32.
    fn get(env: &Env, n: u64) -> [Self; N];
    /// Writes register `n` modulo 32.
    fn put(env: &mut Env, n: u64, lanes: [Self; N]);
    /// The lower or upper half of register `n` modulo 32.
    fn half(env: &Env, n: u64, upper: bool) -> [Self; H];
    /// Writes the upper half, or the lower half with the upper zeroed.
    fn put_half(env: &mut Env, n: u64, upper: bool, lanes: [Self; H]);
}

macro_rules! lanes {
    ($($t:ty: $n:literal $h:literal;)*) => {$(
        impl Lane<$n, $h> for $t {
            #[inline(always)]
            fn get(env: &Env, n: u64) -> [Self; $n] {
                let rows: &[[$t; $n]; FILE_WORDS / 2] = zerocopy::transmute_ref!(&env.file);
                rows[V0 + (n & 31) as usize]
            }
            #[inline(always)]
            fn put(env: &mut Env, n: u64, lanes: [Self; $n]) {
                let rows: &mut [[$t; $n]; FILE_WORDS / 2] = zerocopy::transmute_mut!(&mut env.file);
                rows[V0 + (n & 31) as usize] = lanes;
            }
            #[inline(always)]
            fn half(env: &Env, n: u64, upper: bool) -> [Self; $h] {
                let rows: &[[$t; $h]; FILE_WORDS] = zerocopy::transmute_ref!(&env.file);
                rows[2 * (V0 + (n & 31) as usize) + upper as usize]
            }
            #[inline(always)]
            fn put_half(env: &mut Env, n: u64, upper: bool, lanes: [Self; $h]) {
                let rows: &mut [[$t; $h]; FILE_WORDS] = zerocopy::transmute_mut!(&mut env.file);
                let row = 2 * (V0 + (n & 31) as usize);
                rows[row + upper as usize] = lanes;
                if !upper {
                    rows[row + 1] = [0; $h];
                }
            }
        }
    )*};
}

lanes! {
    u8: 16 8; i8: 16 8;
    u16: 8 4; i16: 8 4;
    u32: 4 2; i32: 4 2;
    u64: 2 1; i64: 2 1;
}

/// An Advanced SIMD data-processing instruction: the fields that all its classes have in the same place.
/// Whether the second operand is an `ELEMENT` is a type parameter, since a choice between two arrays at
/// run time keeps the compiler from making vector code.
#[derive(Clone, Copy)]
pub struct Word<const ELEMENT: bool>(pub u64);

/// An instruction whose operands are whole registers.
pub fn vectors(word: u64) -> Word<false> {
    Word(word)
}

impl<const ELEMENT: bool> Word<ELEMENT> {
    /// Destination; also the accumulator. The register number is the low five bits.
    #[inline(always)]
    pub fn rd(self) -> u64 {
        self.0
    }

    /// First source.
    #[inline(always)]
    pub fn rn(self) -> u64 {
        self.0 >> 5
    }

    /// Second source.
    #[inline(always)]
    pub fn rm(self) -> u64 {
        self.0 >> 16
    }

    /// Lane size: 0 byte to 3 doubleword.
    #[inline(always)]
    pub fn size(self) -> u64 {
        self.0 >> 22 & 3
    }

    /// Scalar form.
    #[inline(always)]
    pub fn scalar(self) -> bool {
        self.0 >> 28 & 1 != 0
    }

    /// 128-bit form.
    #[inline(always)]
    pub fn q(self) -> bool {
        self.0 >> 30 & 1 != 0
    }

    /// Whether a long, wide or narrow instruction is its "2" form, on the upper half.
    #[inline(always)]
    pub fn upper(self) -> bool {
        self.q() && !self.scalar()
    }

    /// Register and lane of a by-element operand, of halfwords or of words.
    #[inline(always)]
    fn element(self, words: bool) -> (u64, usize) {
        let (h, l, m) = (self.0 >> 11 & 1, self.0 >> 21 & 1, self.0 >> 20 & 1);
        if words { (self.rm(), (h << 1 | l) as usize) } else { (self.rm() & 15, (h << 2 | l << 1 | m) as usize) }
    }

    /// The second operand: Vm, or one of its lanes in all lanes.
    #[inline(always)]
    pub fn second<T: Lane<N, H>, const N: usize, const H: usize>(self, env: &Env) -> [T; N] {
        if ELEMENT {
            let (n, lane) = self.element(N == 4);
            [T::get(env, n)[lane % N]; N]
        } else {
            T::get(env, self.rm())
        }
    }

    /// The second operand of a long instruction: half of Vm, or one of its lanes in all lanes.
    #[inline(always)]
    pub fn second_half<T: Lane<N, H>, const N: usize, const H: usize>(self, env: &Env) -> [T; H] {
        if ELEMENT {
            let (n, lane) = self.element(N == 4);
            [T::get(env, n)[lane % N]; H]
        } else {
            T::half(env, self.rm(), self.upper())
        }
    }
}

/// Records saturation.
#[inline(always)]
pub fn saturated(env: &mut Env, yes: bool) {
    env.file[state::FPSR.0 as usize] |= if yes { QC } else { 0 };
}

/// f of the lanes, and whether any of them saturated.
#[inline(always)]
pub fn all<D: Copy, S: Copy, const N: usize>(
    d: [D; N],
    x: [S; N],
    y: [S; N],
    f: impl Fn(D, S, S) -> (D, bool),
) -> ([D; N], bool) {
    let mut any = false;
    let r = std::array::from_fn(|i| {
        let (r, s) = f(d[i], x[i], y[i]);
        any |= s;
        r
    });
    (r, any)
}

/// Vd = f(Vd, Vn, Vm) lane by lane, where f also tells whether it saturated; scalar or vector.
///
/// A loop of its own for each width, since lanes that do not count must not saturate.
#[inline(never)]
pub fn saturate3<D, S, const N: usize, const H: usize, const E: bool>(
    env: &mut Env,
    w: Word<E>,
    f: impl Fn(D, S, S) -> (D, bool),
) where
    D: Lane<N, H>,
    S: Lane<N, H>,
{
    if w.scalar() {
        let (d, x, y) = (D::get(env, w.rd()), S::get(env, w.rn()), w.second(env));
        let (r, any) = f(d[0], x[0], y[0]);
        let mut lanes = [D::default(); N];
        lanes[0] = r;
        D::put(env, w.rd(), lanes);
        saturated(env, any);
    } else if w.q() {
        let (r, any) = all(D::get(env, w.rd()), S::get(env, w.rn()), w.second(env), f);
        D::put(env, w.rd(), r);
        saturated(env, any);
    } else {
        let (r, any) = all(D::half(env, w.rd(), false), S::half(env, w.rn(), false), w.second_half(env), f);
        D::put_half(env, w.rd(), false, r);
        saturated(env, any);
    }
}

/// Vd = f(Vn, Vm), where f also tells whether it saturated.
#[inline(always)]
pub fn saturate2<T: Lane<N, H>, const N: usize, const H: usize, const E: bool>(
    env: &mut Env,
    w: Word<E>,
    f: impl Fn(T, T) -> (T, bool),
) {
    saturate3(env, w, |_: T, x: T, y| f(x, y));
}

/// Vd = f(Vn), lane by lane.
#[inline(always)]
pub fn map1<T: Lane<N, H>, const N: usize, const H: usize, const E: bool>(
    env: &mut Env,
    w: Word<E>,
    f: impl Fn(T) -> T,
) {
    saturate3(env, w, |_: T, x: T, _| (f(x), false));
}

/// Vd = f(Vn, Vm), lane by lane.
#[inline(always)]
pub fn map2<T: Lane<N, H>, const N: usize, const H: usize, const E: bool>(
    env: &mut Env,
    w: Word<E>,
    f: impl Fn(T, T) -> T,
) {
    saturate3(env, w, |_: T, x: T, y| (f(x, y), false));
}

/// Runs an expression with `$t` the signed or unsigned lane type of a size, and `$w` the type twice as wide;
/// or with `$t` the signed and `$w` the unsigned type (mixed).
macro_rules! by_size {
    (signed $size:expr, $t:ident => $body:expr) => { by_size!(@4 $size, $t, i8 i16 i32 i64, $body) };
    (unsigned $size:expr, $t:ident => $body:expr) => { by_size!(@4 $size, $t, u8 u16 u32 u64, $body) };
    (signed $size:expr, $t:ident $w:ident => $body:expr) => { by_size!(@3 $size, $t $w, i8 i16 i32 i64, $body) };
    (unsigned $size:expr, $t:ident $w:ident => $body:expr) => { by_size!(@3 $size, $t $w, u8 u16 u32 u64, $body) };
    (mixed $size:expr, $t:ident $w:ident => $body:expr) => {
        match $size {
            0 => { type $t = i8; type $w = u8; $body }
            1 => { type $t = i16; type $w = u16; $body }
            2 => { type $t = i32; type $w = u32; $body }
            _ => { type $t = i64; type $w = u64; $body }
        }
    };
    (@4 $size:expr, $t:ident, $b:ident $h:ident $s:ident $d:ident, $body:expr) => {
        match $size {
            0 => { type $t = $b; $body }
            1 => { type $t = $h; $body }
            2 => { type $t = $s; $body }
            _ => { type $t = $d; $body }
        }
    };
    (@3 $size:expr, $t:ident $w:ident, $b:ident $h:ident $s:ident $d:ident, $body:expr) => {
        match $size {
            0 => { type $t = $b; type $w = $h; $body }
            1 => { type $t = $h; type $w = $s; $body }
            _ => { type $t = $s; type $w = $d; $body }
        }
    };
}
pub(crate) use by_size;

/// An enumeration of operations that crosses a helper call as a number.
macro_rules! operations {
    ($(#[doc = $doc:literal])* $name:ident: $($op:ident)*) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "named as the instructions")]
        pub enum $name { $($op,)* }

        impl $name {
            /// From the number that `as u64` gave.
            #[inline(always)]
            pub fn of(number: u64) -> $name {
                const ALL: &[$name] = &[$($name::$op,)*];
                ALL[number as usize % ALL.len()]
            }
        }
    };
}
pub(crate) use operations;
