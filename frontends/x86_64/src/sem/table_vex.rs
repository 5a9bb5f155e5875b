//! The table of VEX encodings that extend an SSE instruction: a row a mnemonic, the SSE instruction whose function does each
//! half. What SSE lacks is in `table_avx`.

use iced_x86::{Code as C, Instruction, Mnemonic as M};

/// The SSE instruction that does each half, and how many bits of the immediate are about the lower half alone.
pub fn sse_code(i: &Instruction) -> Option<(C, u32)> {
    let bits = match i.mnemonic() {
        M::Vblendps | M::Vpblendd => 4,
        M::Vmpsadbw => 3,
        M::Vblendpd | M::Vshufpd => 2,
        _ => 0,
    };
    let code = moves(i).or_else(|| integer(i)).or_else(|| shuffles(i)).or_else(|| float(i))?;
    Some((code, bits))
}

#[rustfmt::skip]
fn moves(i: &Instruction) -> Option<C> {
    Some(match i.mnemonic() {
        M::Vmovd => C::Movd_xmm_rm32,
        M::Vmovq => C::Movq_xmm_xmmm64,
        M::Vmovss => C::Movss_xmm_xmmm32,
        M::Vmovsd => C::Movsd_xmm_xmmm64,
        M::Vmovlps => C::Movlps_xmm_m64,
        M::Vmovlpd => C::Movlpd_xmm_m64,
        M::Vmovhps => C::Movhps_xmm_m64,
        M::Vmovhpd => C::Movhpd_xmm_m64,
        M::Vmovhlps => C::Movhlps_xmm_xmm,
        M::Vmovlhps => C::Movlhps_xmm_xmm,
        M::Vmovddup => C::Movddup_xmm_xmmm64,
        M::Vmovsldup => C::Movsldup_xmm_xmmm128,
        M::Vmovshdup => C::Movshdup_xmm_xmmm128,
        M::Vmaskmovdqu => C::Maskmovdqu_rDI_xmm_xmm,
        M::Vpextrb => C::Pextrb_r32m8_xmm_imm8,
        M::Vpextrw => C::Pextrw_r32m16_xmm_imm8,
        M::Vpextrd => C::Pextrd_rm32_xmm_imm8,
        M::Vpextrq => C::Pextrq_rm64_xmm_imm8,
        M::Vextractps => C::Extractps_rm32_xmm_imm8,
        M::Vpinsrb => C::Pinsrb_xmm_r32m8_imm8,
        M::Vpinsrw => C::Pinsrw_xmm_r32m16_imm8,
        M::Vpinsrd => C::Pinsrd_xmm_rm32_imm8,
        M::Vpinsrq => C::Pinsrq_xmm_rm64_imm8,
        M::Vinsertps => C::Insertps_xmm_xmmm32_imm8,
        M::Vldmxcsr => C::Ldmxcsr_m32,
        M::Vstmxcsr => C::Stmxcsr_m32,
        _ => return None,
    })
}

#[rustfmt::skip]
fn integer(i: &Instruction) -> Option<C> {
    Some(match i.mnemonic() {
        M::Vpand => C::Pand_xmm_xmmm128,
        M::Vandps => C::Andps_xmm_xmmm128,
        M::Vandpd => C::Andpd_xmm_xmmm128,
        M::Vpor => C::Por_xmm_xmmm128,
        M::Vorps => C::Orps_xmm_xmmm128,
        M::Vorpd => C::Orpd_xmm_xmmm128,
        M::Vpxor => C::Pxor_xmm_xmmm128,
        M::Vxorps => C::Xorps_xmm_xmmm128,
        M::Vxorpd => C::Xorpd_xmm_xmmm128,
        M::Vpandn => C::Pandn_xmm_xmmm128,
        M::Vandnps => C::Andnps_xmm_xmmm128,
        M::Vandnpd => C::Andnpd_xmm_xmmm128,
        M::Vpaddb => C::Paddb_xmm_xmmm128,
        M::Vpaddw => C::Paddw_xmm_xmmm128,
        M::Vpaddd => C::Paddd_xmm_xmmm128,
        M::Vpaddq => C::Paddq_xmm_xmmm128,
        M::Vpsubb => C::Psubb_xmm_xmmm128,
        M::Vpsubw => C::Psubw_xmm_xmmm128,
        M::Vpsubd => C::Psubd_xmm_xmmm128,
        M::Vpsubq => C::Psubq_xmm_xmmm128,
        M::Vpaddsb => C::Paddsb_xmm_xmmm128,
        M::Vpaddsw => C::Paddsw_xmm_xmmm128,
        M::Vpaddusb => C::Paddusb_xmm_xmmm128,
        M::Vpaddusw => C::Paddusw_xmm_xmmm128,
        M::Vpsubsb => C::Psubsb_xmm_xmmm128,
        M::Vpsubsw => C::Psubsw_xmm_xmmm128,
        M::Vpsubusb => C::Psubusb_xmm_xmmm128,
        M::Vpsubusw => C::Psubusw_xmm_xmmm128,
        M::Vpmullw => C::Pmullw_xmm_xmmm128,
        M::Vpmulhw => C::Pmulhw_xmm_xmmm128,
        M::Vpmulhuw => C::Pmulhuw_xmm_xmmm128,
        M::Vpmuludq => C::Pmuludq_xmm_xmmm128,
        M::Vpmaddwd => C::Pmaddwd_xmm_xmmm128,
        M::Vpmaddubsw => C::Pmaddubsw_xmm_xmmm128,
        M::Vpmulhrsw => C::Pmulhrsw_xmm_xmmm128,
        M::Vpmulld => C::Pmulld_xmm_xmmm128,
        M::Vpmuldq => C::Pmuldq_xmm_xmmm128,
        M::Vpavgb => C::Pavgb_xmm_xmmm128,
        M::Vpavgw => C::Pavgw_xmm_xmmm128,
        M::Vpminub => C::Pminub_xmm_xmmm128,
        M::Vpminuw => C::Pminuw_xmm_xmmm128,
        M::Vpminud => C::Pminud_xmm_xmmm128,
        M::Vpminsb => C::Pminsb_xmm_xmmm128,
        M::Vpminsw => C::Pminsw_xmm_xmmm128,
        M::Vpminsd => C::Pminsd_xmm_xmmm128,
        M::Vpmaxub => C::Pmaxub_xmm_xmmm128,
        M::Vpmaxuw => C::Pmaxuw_xmm_xmmm128,
        M::Vpmaxud => C::Pmaxud_xmm_xmmm128,
        M::Vpmaxsb => C::Pmaxsb_xmm_xmmm128,
        M::Vpmaxsw => C::Pmaxsw_xmm_xmmm128,
        M::Vpmaxsd => C::Pmaxsd_xmm_xmmm128,
        M::Vpsadbw => C::Psadbw_xmm_xmmm128,
        M::Vpcmpeqb => C::Pcmpeqb_xmm_xmmm128,
        M::Vpcmpeqw => C::Pcmpeqw_xmm_xmmm128,
        M::Vpcmpeqd => C::Pcmpeqd_xmm_xmmm128,
        M::Vpcmpeqq => C::Pcmpeqq_xmm_xmmm128,
        M::Vpcmpgtb => C::Pcmpgtb_xmm_xmmm128,
        M::Vpcmpgtw => C::Pcmpgtw_xmm_xmmm128,
        M::Vpcmpgtd => C::Pcmpgtd_xmm_xmmm128,
        M::Vpcmpgtq => C::Pcmpgtq_xmm_xmmm128,
        M::Vpabsb => C::Pabsb_xmm_xmmm128,
        M::Vpabsw => C::Pabsw_xmm_xmmm128,
        M::Vpabsd => C::Pabsd_xmm_xmmm128,
        M::Vpsignb => C::Psignb_xmm_xmmm128,
        M::Vpsignw => C::Psignw_xmm_xmmm128,
        M::Vpsignd => C::Psignd_xmm_xmmm128,
        M::Vphaddw => C::Phaddw_xmm_xmmm128,
        M::Vphaddd => C::Phaddd_xmm_xmmm128,
        M::Vphaddsw => C::Phaddsw_xmm_xmmm128,
        M::Vphsubw => C::Phsubw_xmm_xmmm128,
        M::Vphsubd => C::Phsubd_xmm_xmmm128,
        M::Vphsubsw => C::Phsubsw_xmm_xmmm128,
        M::Vphminposuw => C::Phminposuw_xmm_xmmm128,
        M::Vmpsadbw => C::Mpsadbw_xmm_xmmm128_imm8,
        _ => return None,
    })
}

#[rustfmt::skip]
fn shuffles(i: &Instruction) -> Option<C> {
    Some(match i.mnemonic() {
        // Within a half, by an immediate, lanes of one operand: as PSHUFD.
        M::Vpermilps => C::Pshufd_xmm_xmmm128_imm8,
        M::Vpshufd => C::Pshufd_xmm_xmmm128_imm8,
        M::Vpshuflw => C::Pshuflw_xmm_xmmm128_imm8,
        M::Vpshufhw => C::Pshufhw_xmm_xmmm128_imm8,
        M::Vpshufb => C::Pshufb_xmm_xmmm128,
        M::Vshufps => C::Shufps_xmm_xmmm128_imm8,
        M::Vshufpd => C::Shufpd_xmm_xmmm128_imm8,
        M::Vpunpcklbw => C::Punpcklbw_xmm_xmmm128,
        M::Vpunpcklwd => C::Punpcklwd_xmm_xmmm128,
        M::Vpunpckldq => C::Punpckldq_xmm_xmmm128,
        M::Vpunpcklqdq => C::Punpcklqdq_xmm_xmmm128,
        M::Vpunpckhbw => C::Punpckhbw_xmm_xmmm128,
        M::Vpunpckhwd => C::Punpckhwd_xmm_xmmm128,
        M::Vpunpckhdq => C::Punpckhdq_xmm_xmmm128,
        M::Vpunpckhqdq => C::Punpckhqdq_xmm_xmmm128,
        M::Vunpcklps => C::Unpcklps_xmm_xmmm128,
        M::Vunpcklpd => C::Unpcklpd_xmm_xmmm128,
        M::Vunpckhps => C::Unpckhps_xmm_xmmm128,
        M::Vunpckhpd => C::Unpckhpd_xmm_xmmm128,
        M::Vpacksswb => C::Packsswb_xmm_xmmm128,
        M::Vpackssdw => C::Packssdw_xmm_xmmm128,
        M::Vpackuswb => C::Packuswb_xmm_xmmm128,
        M::Vpackusdw => C::Packusdw_xmm_xmmm128,
        M::Vpalignr => C::Palignr_xmm_xmmm128_imm8,
        M::Vpslldq => C::Pslldq_xmm_imm8,
        M::Vpsrldq => C::Psrldq_xmm_imm8,
        M::Vpblendw => C::Pblendw_xmm_xmmm128_imm8,
        M::Vblendps | M::Vpblendd => C::Blendps_xmm_xmmm128_imm8,
        M::Vblendpd => C::Blendpd_xmm_xmmm128_imm8,
        M::Vpmovsxbw => C::Pmovsxbw_xmm_xmmm64,
        M::Vpmovsxbd => C::Pmovsxbd_xmm_xmmm32,
        M::Vpmovsxbq => C::Pmovsxbq_xmm_xmmm16,
        M::Vpmovsxwd => C::Pmovsxwd_xmm_xmmm64,
        M::Vpmovsxwq => C::Pmovsxwq_xmm_xmmm32,
        M::Vpmovsxdq => C::Pmovsxdq_xmm_xmmm64,
        M::Vpmovzxbw => C::Pmovzxbw_xmm_xmmm64,
        M::Vpmovzxbd => C::Pmovzxbd_xmm_xmmm32,
        M::Vpmovzxbq => C::Pmovzxbq_xmm_xmmm16,
        M::Vpmovzxwd => C::Pmovzxwd_xmm_xmmm64,
        M::Vpmovzxwq => C::Pmovzxwq_xmm_xmmm32,
        M::Vpmovzxdq => C::Pmovzxdq_xmm_xmmm64,
        _ => return None,
    })
}

#[rustfmt::skip]
fn float(i: &Instruction) -> Option<C> {
    Some(match i.mnemonic() {
        M::Vaddps => C::Addps_xmm_xmmm128,
        M::Vaddpd => C::Addpd_xmm_xmmm128,
        M::Vaddss => C::Addss_xmm_xmmm32,
        M::Vaddsd => C::Addsd_xmm_xmmm64,
        M::Vsubps => C::Subps_xmm_xmmm128,
        M::Vsubpd => C::Subpd_xmm_xmmm128,
        M::Vsubss => C::Subss_xmm_xmmm32,
        M::Vsubsd => C::Subsd_xmm_xmmm64,
        M::Vmulps => C::Mulps_xmm_xmmm128,
        M::Vmulpd => C::Mulpd_xmm_xmmm128,
        M::Vmulss => C::Mulss_xmm_xmmm32,
        M::Vmulsd => C::Mulsd_xmm_xmmm64,
        M::Vdivps => C::Divps_xmm_xmmm128,
        M::Vdivpd => C::Divpd_xmm_xmmm128,
        M::Vdivss => C::Divss_xmm_xmmm32,
        M::Vdivsd => C::Divsd_xmm_xmmm64,
        M::Vsqrtps => C::Sqrtps_xmm_xmmm128,
        M::Vsqrtpd => C::Sqrtpd_xmm_xmmm128,
        M::Vsqrtss => C::Sqrtss_xmm_xmmm32,
        M::Vsqrtsd => C::Sqrtsd_xmm_xmmm64,
        M::Vminps => C::Minps_xmm_xmmm128,
        M::Vminpd => C::Minpd_xmm_xmmm128,
        M::Vminss => C::Minss_xmm_xmmm32,
        M::Vminsd => C::Minsd_xmm_xmmm64,
        M::Vmaxps => C::Maxps_xmm_xmmm128,
        M::Vmaxpd => C::Maxpd_xmm_xmmm128,
        M::Vmaxss => C::Maxss_xmm_xmmm32,
        M::Vmaxsd => C::Maxsd_xmm_xmmm64,
        M::Vrcpps => C::Rcpps_xmm_xmmm128,
        M::Vrcpss => C::Rcpss_xmm_xmmm32,
        M::Vrsqrtps => C::Rsqrtps_xmm_xmmm128,
        M::Vrsqrtss => C::Rsqrtss_xmm_xmmm32,
        M::Vroundps => C::Roundps_xmm_xmmm128_imm8,
        M::Vroundpd => C::Roundpd_xmm_xmmm128_imm8,
        M::Vroundss => C::Roundss_xmm_xmmm32_imm8,
        M::Vroundsd => C::Roundsd_xmm_xmmm64_imm8,
        M::Vdpps => C::Dpps_xmm_xmmm128_imm8,
        M::Vdppd => C::Dppd_xmm_xmmm128_imm8,
        M::Vhaddps => C::Haddps_xmm_xmmm128,
        M::Vhaddpd => C::Haddpd_xmm_xmmm128,
        M::Vhsubps => C::Hsubps_xmm_xmmm128,
        M::Vhsubpd => C::Hsubpd_xmm_xmmm128,
        M::Vaddsubps => C::Addsubps_xmm_xmmm128,
        M::Vaddsubpd => C::Addsubpd_xmm_xmmm128,
        M::Vucomiss => C::Ucomiss_xmm_xmmm32,
        M::Vucomisd => C::Ucomisd_xmm_xmmm64,
        M::Vcomiss => C::Comiss_xmm_xmmm32,
        M::Vcomisd => C::Comisd_xmm_xmmm64,
        M::Vcvtsi2ss if i.memory_size().size() == 8 => C::Cvtsi2ss_xmm_rm64,
        M::Vcvtsi2ss => C::Cvtsi2ss_xmm_rm32,
        M::Vcvtsi2sd if i.memory_size().size() == 8 => C::Cvtsi2sd_xmm_rm64,
        M::Vcvtsi2sd => C::Cvtsi2sd_xmm_rm32,
        M::Vcvtss2si => C::Cvtss2si_r64_xmmm32,
        M::Vcvttss2si => C::Cvttss2si_r64_xmmm32,
        M::Vcvtsd2si => C::Cvtsd2si_r64_xmmm64,
        M::Vcvttsd2si => C::Cvttsd2si_r64_xmmm64,
        M::Vcvtss2sd => C::Cvtss2sd_xmm_xmmm32,
        M::Vcvtsd2ss => C::Cvtsd2ss_xmm_xmmm64,
        M::Vcvtps2pd => C::Cvtps2pd_xmm_xmmm64,
        M::Vcvtpd2ps => C::Cvtpd2ps_xmm_xmmm128,
        M::Vcvtdq2ps => C::Cvtdq2ps_xmm_xmmm128,
        M::Vcvtdq2pd => C::Cvtdq2pd_xmm_xmmm64,
        M::Vcvtps2dq => C::Cvtps2dq_xmm_xmmm128,
        M::Vcvttps2dq => C::Cvttps2dq_xmm_xmmm128,
        M::Vcvtpd2dq => C::Cvtpd2dq_xmm_xmmm128,
        M::Vcvttpd2dq => C::Cvttpd2dq_xmm_xmmm128,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::EncodingKind;

    /// A VEX encoding keeps map, prefix and opcode of the instruction that it extends. Rows that borrow another function, and
    /// mnemonics of several opcodes (loads and stores, immediates), are exceptions.
    #[test]
    fn rows_have_the_opcode_that_they_extend() {
        let other = [M::Vpermilps, M::Vpblendd, M::Vpslldq, M::Vpsrldq];
        let mut rows = 0;
        for code in C::values().filter(|c| c.op_code().encoding() == EncodingKind::VEX) {
            let mut i = Instruction::default();
            i.set_code(code);
            let Some((sse, _)) = sse_code(&i) else { continue };
            rows += 1;
            let key = |c: C| (c.op_code().table(), c.op_code().mandatory_prefix(), c.op_code().op_code());
            let name = |c: C| format!("{:?}", c.mnemonic()).to_lowercase();
            if !other.contains(&code.mnemonic()) {
                assert_eq!(name(code), format!("v{}", name(sse)));
            }
            let several = C::values()
                .filter(|c| c.mnemonic() == sse.mnemonic() && c.op_code().encoding() == EncodingKind::Legacy);
            let keys: Vec<_> = several.map(key).collect();
            assert!(other.contains(&code.mnemonic()) || keys.contains(&key(code)), "{code:?}");
        }
        assert!(rows > 300, "{rows}");
    }
}
