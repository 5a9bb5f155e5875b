//! The table: which function does an instruction.

use super::arith::{self, Alu};
use super::bits::{self, Change};
use super::shift::{self, Shift};
use super::string::{self, Kind};
use super::{
    Cx, Flow, atomic, branch, crypto, descriptors, flags, muldiv, segment, stack, system, table_sse, table_sse4,
    table_x87, vex,
};
use brolga_ir::PrefetchKind;
use iced_x86::{Mnemonic as M, Register};

/// Translates the instruction at hand.
pub fn translate(cx: &mut Cx) -> Flow {
    if cx.i.is_string_instruction()
        && let Some(flow) = strings(cx)
    {
        return flow;
    }
    let flow = integer(cx)
        .or_else(|| table_sse::translate(cx))
        .or_else(|| table_x87::translate(cx))
        .or_else(|| table_sse4::translate(cx))
        .or_else(|| crypto::translate(cx))
        .or_else(|| vex::translate(cx));
    match flow {
        Some(flow) => flow,
        None => cx.undefined(),
    }
}

/// String instructions, whose names others have too (MOVSD, CMPSD).
fn strings(cx: &mut Cx) -> Option<Flow> {
    let (kind, bytes) = match cx.i.mnemonic() {
        M::Movsb => (Kind::Move, 1),
        M::Movsw => (Kind::Move, 2),
        M::Movsd => (Kind::Move, 4),
        M::Movsq => (Kind::Move, 8),
        M::Stosb => (Kind::Store, 1),
        M::Stosw => (Kind::Store, 2),
        M::Stosd => (Kind::Store, 4),
        M::Stosq => (Kind::Store, 8),
        M::Lodsb => (Kind::Load, 1),
        M::Lodsw => (Kind::Load, 2),
        M::Lodsd => (Kind::Load, 4),
        M::Lodsq => (Kind::Load, 8),
        M::Cmpsb => (Kind::Compare, 1),
        M::Cmpsw => (Kind::Compare, 2),
        M::Cmpsd => (Kind::Compare, 4),
        M::Cmpsq => (Kind::Compare, 8),
        M::Scasb => (Kind::Scan, 1),
        M::Scasw => (Kind::Scan, 2),
        M::Scasd => (Kind::Scan, 4),
        M::Scasq => (Kind::Scan, 8),
        _ => return None,
    };
    Some(string::string(cx, kind, bytes))
}

/// The integer instructions; `None` if it is none of them.
#[rustfmt::skip]
fn integer(cx: &mut Cx) -> Option<Flow> {
    Some(match cx.i.mnemonic() {
        M::Add => arith::alu(cx, Alu::Add),
        M::Adc => arith::alu(cx, Alu::Adc),
        M::Sub => arith::alu(cx, Alu::Sub),
        M::Sbb => arith::alu(cx, Alu::Sbb),
        M::And => arith::alu(cx, Alu::And),
        M::Or => arith::alu(cx, Alu::Or),
        M::Xor => arith::alu(cx, Alu::Xor),
        M::Cmp => arith::cmp(cx),
        M::Test => arith::test(cx),
        M::Inc | M::Dec => arith::inc_dec(cx),
        M::Neg => arith::neg(cx),
        M::Not => arith::not(cx),
        M::Adcx | M::Adox => arith::adx(cx),
        M::Mov if system::is_of_the_processor(cx.i.code()) => system::privileged(cx),
        M::Mov => segment::mov(cx).unwrap_or_else(|| arith::mov(cx)),
        M::Movnti => arith::mov(cx),
        M::Movzx => arith::movzx(cx),
        M::Movsx | M::Movsxd => arith::movsx(cx),
        M::Lea => arith::lea(cx),
        M::Cbw | M::Cwde | M::Cdqe => arith::cdqe(cx),
        M::Cwd | M::Cdq | M::Cqo => arith::cqo(cx),
        M::Bswap => arith::bswap(cx),
        M::Movbe => arith::movbe(cx),
        M::Xlatb => arith::xlat(cx),

        M::Xchg => atomic::xchg(cx),
        M::Xadd => atomic::xadd(cx),
        M::Cmpxchg => atomic::cmpxchg(cx),
        M::Cmpxchg8b => atomic::cmpxchg_pair(cx, false),
        M::Cmpxchg16b => atomic::cmpxchg_pair(cx, true),

        M::Mul => muldiv::mul(cx, false),
        M::Imul => muldiv::imul(cx),
        M::Mulx => muldiv::mulx(cx),
        M::Div => muldiv::div(cx, false),
        M::Idiv => muldiv::div(cx, true),

        M::Shl | M::Sal => shift::shift(cx, Shift::Left),
        M::Shr => shift::shift(cx, Shift::Right),
        M::Sar => shift::shift(cx, Shift::Arithmetic),
        M::Shld => shift::double(cx, true),
        M::Shrd => shift::double(cx, false),
        M::Rol => shift::rotate(cx, true),
        M::Ror => shift::rotate(cx, false),
        M::Rcl => shift::rotate_carry(cx, true),
        M::Rcr => shift::rotate_carry(cx, false),
        M::Shlx | M::Shrx | M::Sarx | M::Rorx => shift::bmi_shift(cx),

        M::Bt => bits::bit_test(cx, Change::Nothing),
        M::Bts => bits::bit_test(cx, Change::Set),
        M::Btr => bits::bit_test(cx, Change::Reset),
        M::Btc => bits::bit_test(cx, Change::Complement),
        M::Bsf => bits::scan(cx, false),
        M::Bsr => bits::scan(cx, true),
        M::Lzcnt => bits::count_zeros(cx, true),
        M::Tzcnt => bits::count_zeros(cx, false),
        M::Popcnt => bits::popcnt(cx),
        M::Andn => bits::andn(cx),
        M::Blsi | M::Blsr | M::Blsmsk => bits::lowest_bit(cx),
        M::Bzhi => bits::bzhi(cx),
        M::Bextr => bits::bextr(cx),
        M::Pdep | M::Pext => bits::deposit_extract(cx),
        M::Crc32 => bits::crc32(cx),

        M::Jmp => branch::jmp(cx),
        M::Jo | M::Jno | M::Jb | M::Jae | M::Je | M::Jne | M::Jbe | M::Ja | M::Js | M::Jns | M::Jp | M::Jnp | M::Jl
        | M::Jge | M::Jle | M::Jg => branch::jcc(cx, cx.i.condition_code()),
        M::Jcxz | M::Jecxz | M::Jrcxz => branch::jrcxz(cx),
        M::Loop | M::Loope | M::Loopne => branch::loop_(cx),
        M::Call => branch::call(cx),
        M::Ret => branch::ret(cx),

        M::Retf => segment::ret(cx),
        M::Iret | M::Iretd | M::Iretq => segment::iret(cx),
        M::Lfs => segment::load_far(cx, Register::FS),
        M::Lgs => segment::load_far(cx, Register::GS),
        M::Lss => segment::load_far(cx, Register::SS),
        M::Push => stack::push(cx),
        M::Pop => stack::pop(cx),
        M::Leave => stack::leave(cx),
        M::Enter => stack::enter(cx),

        M::Clc | M::Stc | M::Cmc | M::Cld | M::Std => flags::one_flag(cx),
        M::Lahf => flags::lahf(cx),
        M::Sahf => flags::sahf(cx),
        M::Pushf | M::Pushfq => flags::pushf(cx),
        M::Popf | M::Popfq => flags::popf(cx),
        M::Seto | M::Setno | M::Setb | M::Setae | M::Sete | M::Setne | M::Setbe | M::Seta | M::Sets | M::Setns
        | M::Setp | M::Setnp | M::Setl | M::Setge | M::Setle | M::Setg => flags::setcc(cx),
        M::Cmovo | M::Cmovno | M::Cmovb | M::Cmovae | M::Cmove | M::Cmovne | M::Cmovbe | M::Cmova | M::Cmovs
        | M::Cmovns | M::Cmovp | M::Cmovnp | M::Cmovl | M::Cmovge | M::Cmovle | M::Cmovg => flags::cmov(cx),

        M::Syscall => system::syscall(cx),
        M::Int3 => system::int3(cx),
        M::Int => system::int(cx),
        M::Int1 => system::int1(cx),
        M::Hlt | M::Cli | M::Sti | M::In | M::Out | M::Insb | M::Insw | M::Insd | M::Outsb | M::Outsw | M::Outsd
        | M::Rdmsr | M::Wrmsr | M::Invd | M::Wbinvd | M::Lgdt | M::Lidt | M::Lldt | M::Ltr | M::Clts | M::Swapgs
        | M::Sysretq | M::Sysexitq | M::Rdpmc | M::Lmsw | M::Invlpg | M::Xsetbv => system::privileged(cx),
        M::Lar => descriptors::rights(cx),
        M::Lsl => descriptors::limit(cx),
        M::Verr => descriptors::readable(cx),
        M::Verw => descriptors::writable(cx),
        M::Sgdt => descriptors::table(cx, false),
        M::Sidt => descriptors::table(cx, true),
        M::Sldt => descriptors::local_table(cx),
        M::Str => descriptors::task(cx),
        M::Smsw => descriptors::machine_status(cx),
        M::Cpuid => system::cpuid(cx),
        M::Rdtsc | M::Rdtscp => system::rdtsc(cx),
        M::Rdfsbase | M::Rdgsbase | M::Wrfsbase | M::Wrgsbase => system::segment_base(cx),
        M::Rdrand | M::Rdseed => system::random(cx),
        M::Rdpid => system::rdpid(cx),
        M::Lfence | M::Sfence | M::Mfence => system::fence(cx),
        M::Ldmxcsr => system::ldmxcsr(cx),
        M::Stmxcsr => system::stmxcsr(cx),
        // Of the 8087 and the 80287: later processors do nothing, and do not wait.
        M::Fneni | M::Fndisi | M::Fnsetpm => bits::hint(cx),
        M::Nop | M::Pause | M::Fnop | M::Wait | M::Endbr64 | M::Endbr32 | M::Rdsspd | M::Rdsspq | M::Reservednop => bits::hint(cx),
        M::Prefetch | M::Prefetcht0 => bits::prefetch(cx, PrefetchKind::L1),
        M::Prefetcht1 => bits::prefetch(cx, PrefetchKind::L2),
        M::Prefetcht2 => bits::prefetch(cx, PrefetchKind::L3),
        M::Prefetchnta => bits::prefetch(cx, PrefetchKind::Once),
        M::Prefetchw | M::Prefetchwt1 => bits::prefetch(cx, PrefetchKind::Write),
        M::Clflush | M::Clflushopt | M::Clwb => bits::flush_line(cx),
        _ => return None,
    })
}
