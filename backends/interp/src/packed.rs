//! One op as four words: how generated code asks for an op that touches the register file alone.

use crate::exec::{read128, vector, write128};
use crate::flat::{Code, FlatOp};
use crate::{eval, fp};
use brolga_core::{Env, Nzcv};
use brolga_ir::HelperFn;

/// Ops that can be packed.
const CODES: [Code; 7] =
    [Code::Not128, Code::Binary, Code::Unary, Code::Unpack, Code::Vector, Code::Shuffle, Code::FpLanes];

/// `op` as words for [`apply`]; `None` if it is more than its operands and result. `wide` is its block's.
pub fn pack(op: &FlatOp, wide: &[u128]) -> Option<[u64; 4]> {
    let index = CODES.iter().position(|&code| code == op.code)?;
    let constant = if op.code == Code::Shuffle { *wide.get(op.imm as usize)? } else { 0 };
    let bytes = [index as u8, op.dst, op.a, op.b, op.c, op.aux as u8, (op.aux >> 8) as u8, 0];
    Some([u64::from_le_bytes(bytes), op.imm, constant as u64, (constant >> 64) as u64])
}

/// Whether a packed op calls a helper, which may be any code.
pub fn calls_helper(words: [u64; 4]) -> bool {
    CODES[words[0] as u8 as usize % CODES.len()] == Code::FpLanes
}

/// Runs a packed op; `helper` finds the guest's.
pub fn apply([first, imm, low, high]: [u64; 4], env: &mut Env, helper: impl Fn(u16) -> HelperFn) {
    let [index, dst, a, b, c, aux, aux_high, _] = first.to_le_bytes();
    let code = CODES[index as usize % CODES.len()];
    let op = FlatOp { code, advance: 0, dst, a, b, c, aux: u16::from_le_bytes([aux, aux_high]), imm };
    let value = match code {
        Code::Binary => eval::binary(aux, imm as u32, env.file[a as usize], env.file[b as usize]),
        Code::Unary => eval::unary(aux, imm as u32, env.file[a as usize]),
        Code::Unpack => {
            let word = |k: u8| env.file[a.wrapping_add(k) as usize];
            Nzcv::eval(word(0), word(1), word(2)).bits()
        }
        Code::Not128 => return write128(env, dst, !read128(env, a)),
        Code::Vector => return vector(env, &op),
        Code::Shuffle => {
            let (a, b) = (read128(env, a), read128(env, b));
            let selectors = u128::from(low) | u128::from(high) << 64;
            return write128(env, dst, crate::vector::shuffle(a, b, selectors));
        }
        _ => return fp::lanes(env, &op, helper(op.aux)),
    };
    env.file[dst as usize] = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_every_field() {
        let op = FlatOp { code: Code::Shuffle, advance: 0, dst: 8, a: 2, b: 4, c: 6, aux: 0x1234, imm: 1 };
        let words = pack(&op, &[0, 7 << 64 | 5]).unwrap();
        assert_eq!(words, [0x0012_3406_0402_0805, 1, 5, 7]);
        assert!(pack(&FlatOp::new(Code::Load8), &[]).is_none());
    }

    #[test]
    fn a_packed_op_does_what_the_loop_does() {
        let mut env = Env::default();
        (env.file[2], env.file[3]) = (u64::MAX, 5);
        let words = pack(&FlatOp { dst: 4, a: 2, ..FlatOp::new(Code::Not128) }, &[]).unwrap();
        apply(words, &mut env, |_| unreachable!("no helper"));
        assert_eq!((env.file[4], env.file[5]), (0, !5));
    }
}
