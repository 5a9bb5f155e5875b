//! The host's instructions that short blocks become, as text: what is copied, stored or loaded needlessly shows.

use brolga_arm::state::REGS;
use brolga_baseline::{HostFns, Plan, Status, emit};
use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

/// What the instructions of a block become, without those of its head and its way out. `[name]` is a word of the file.
fn code(body: &str) -> Vec<String> {
    code_at(0, body)
}

/// The same at a guest base.
fn code_at(guest_base: u64, body: &str) -> Vec<String> {
    let text = format!("block pc=0x1000 mode=0\n  insn 0x1000 4\n{body}\n  goto.jump 0x1004\n");
    let block = brolga_ir::parse(&text, &REGS, &[]).unwrap();
    let flat = brolga_interp::lower(&block, &REGS).unwrap();
    let status = Status { goto: 0, raise: 1, polled: 2, resume: 3 };
    let plan = Plan {
        pc: block.pc,
        end: block.pc + 4,
        guest_base,
        remove_tags: false,
        functions: HostFns::default(),
        like_sse: false,
        host_fp: false,
        status,
        op: 0,
        holds: 1,
        call: 2,
        copy: 3,
        first_guest: 4,
    };
    let code = emit(&flat, &plan).unwrap();
    let decoder = Decoder::new(64, &code.bytes[code.entered as usize..], DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let lines = decoder.into_iter().map(|instruction| {
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        named(&line)
    });
    lines.skip(2).collect()
}

/// Words near the start of the file have names in place of displacements.
fn named(line: &str) -> String {
    let mut line = line.replace("[rdi]", "[op]");
    for (name, word) in [("x0", 0), ("x1", 1), ("x2", 2), ("x3", 3), ("left", 17), ("right", 18)] {
        let disp = 8 * word - 128;
        let (sign, size) = if disp < 0 { ('-', -disp) } else { ('+', disp) };
        let size = if size > 9 { format!("{size:X}h") } else { size.to_string() };
        line = line.replace(&format!("[rdi{sign}{size}]"), &format!("[{name}]"));
    }
    line
}

#[track_caller]
fn becomes(body: &[&str], expected: &[&str]) {
    assert_eq!(code(&body.join("\n")), expected);
}

#[test]
fn a_result_is_made_in_the_register_that_holds_it() {
    // Read again: a holder, changed in place when it is read no more. The first value of x1 is never seen in memory.
    becomes(
        &[
            "v0 = get.i64 x0",
            "v1 = get.i64 x2",
            "v2 = iadd.i64 v0, v1",
            "set x1, v2",
            "v3 = xor.i64 v2, v1",
            "set x1, v3",
        ],
        &["mov r9,[x0]", "add r9,[x2]", "xor r9,[x2]", "mov [x1],r9"],
    );
}

#[test]
fn a_word_that_is_changed_once_is_changed_in_memory() {
    becomes(&["v0 = get.i64 x0", "v1 = iconst.i64 8", "v2 = isub.i64 v0, v1", "set x0, v2"], &["sub qword ptr [x0],8"]);
}

#[test]
fn an_address_is_the_operands_of_its_sum() {
    becomes(
        &[
            "v0 = get.i64 x0",
            "v1 = get.i64 x1",
            "v2 = iconst.i64 3",
            "v3 = shl.i64 v1, v2",
            "v4 = iadd.i64 v0, v3",
            "v5 = load.i64.b8 v4 + 16",
            "set x2, v5",
        ],
        &["mov rax,[x0]", "mov rcx,[x1]", "mov rax,[rax+rcx*8+10h]", "mov [x2],rax"],
    );
}

#[test]
fn a_constant_is_an_immediate_of_its_store() {
    becomes(
        &["v0 = get.i64 x0", "v1 = iconst.i32 7", "store.b4 v0 + 4, v1"],
        &["mov rax,[x0]", "mov dword ptr [rax+4],7"],
    );
}

#[test]
fn a_comparison_takes_what_the_flags_were_made_of() {
    becomes(
        &[
            "v0 = get.i64 x0",
            "v1 = get.i64 x1",
            "v2 = zext.i8 v0",
            "v3 = flags_logic.i8 v2",
            "set_flags v3",
            "v4 = get_flags",
            "v5 = cond.eq v4",
            "v6 = zext.i64 v5",
            "set x2, v6",
        ],
        &[
            "movzx r9d,byte ptr [x0]",
            "mov qword ptr [op],15h",
            "mov [left],r9",
            "test r9b,r9b",
            "sete al",
            "movzx eax,al",
            "mov [x2],rax",
        ],
    );
}

#[test]
fn nothing_is_written_that_nobody_sees() {
    let (first, second) = (
        ["v0 = get.i64 x0", "v1 = get.i64 x1", "v2 = flags_sub.i64 v0, v1", "set_flags v2"],
        ["v3 = flags_sub.i64 v1, v0", "set_flags v3"],
    );
    let both = [&first[..], &second].concat();
    becomes(&both, &["mov rax,[x1]", "mov rcx,[x0]", "mov qword ptr [op],0Ah", "mov [left],rax", "mov [right],rcx"]);
    // A fault would show the first ones.
    let access = ["insn 0x1002 2", "v8 = load.i64.b8 v0", "set x2, v8"];
    let both = [&first[..], &access, &second].concat();
    becomes(
        &both,
        &[
            "mov r9,[x0]",
            "mov r10,[x1]",
            "mov qword ptr [op],0Ah",
            "mov [left],r9",
            "mov [right],r10",
            "mov rax,[r9]",
            "mov [x2],rax",
            "mov [left],r10",
            "mov [right],r9",
        ],
    );
}

#[test]
fn a_vector_is_written_at_once() {
    becomes(&["v0 = get.i64 x0", "v1 = vscalar.v128 v0", "set v0, v1"], &["movq xmm0,[x0]", "movups [rdi+100h],xmm0"]);
}

#[test]
fn a_sum_whose_carry_is_the_other_way_round_writes_its_flags_in_place() {
    becomes(
        &[
            "v0 = get.i64 x0",
            "v1 = get.i64 x1",
            "v2 = iconst.i8 1",
            "v3 = flags_add.i64 v0, v1",
            "v4 = flags_flip_c.flags v3, v2",
            "set_flags v4",
        ],
        &["mov rax,[x0]", "mov rcx,[x1]", "mov qword ptr [op],29h", "mov [left],rax", "mov [right],rcx"],
    );
}

#[test]
fn what_overwritten_flags_would_be_made_of_is_not_made() {
    becomes(
        &[
            "v0 = get.i64 x0",
            "v1 = extract.i64 v0, 60, 1",
            "v2 = zext.i8 v1",
            "v3 = flags_logic.i64 v0",
            "v4 = flags_flip_c.flags v3, v2",
            "set_flags v4",
            "v5 = get.i64 x1",
            "v6 = flags_logic.i64 v5",
            "set_flags v6",
        ],
        &["mov rax,[x1]", "mov qword ptr [op],0Dh", "mov [left],rax"],
    );
}

#[test]
fn a_selection_takes_the_flags_of_its_comparison() {
    becomes(
        &["v0 = get.i64 x0", "v1 = get.i64 x1", "v2 = icmp.i64.slt v0, v1", "v3 = select.i64 v2, v0, v1", "set x2, v3"],
        &["mov r9,[x0]", "cmp r9,[x1]", "mov rax,[x1]", "cmovl rax,r9", "mov [x2],rax"],
    );
}

#[test]
fn a_branch_takes_a_bit_where_it_is() {
    let lines = code("v0 = get.i64 x0\nv1 = extract.i64 v0, 40, 1\nbrif v1, L1(), L2()\nL1:\ngoto.jump 0x2000\nL2:");
    assert_eq!(lines[0], "bt qword ptr [x0],28h");
    assert!(lines[1].starts_with("jb"), "{lines:?}");
}

#[test]
fn flags_are_seen_by_who_reads_a_word_of_them() {
    let lines = code(
        "v0 = get.i64 x0\nv1 = flags_logic.i64 v0\nset_flags v1\nv2 = get.i64 cc_a\nset x1, v2\nv3 = flags_logic.i32 v0\nset_flags v3",
    );
    assert!(
        lines.starts_with(&["mov r9,[x0]", "mov qword ptr [op],0Dh", "mov [left],r9"].map(String::from)),
        "{lines:?}"
    );
}

#[test]
fn an_address_that_is_long_without_its_sum_is_made() {
    let body =
        "v0 = get.i64 x0\nv1 = iconst.i64 0x20000\nv2 = isub.i64 v0, v1\nv3 = load.i64.b8 v2 + 0x7fffffff\nset x1, v3";
    let made = [
        "mov r9,[x0]",
        "sub r9,20000h",
        "mov rax,r9",
        "mov ecx,8000FFFFh",
        "add rax,rcx",
        "mov rax,[rax]",
        "mov [x1],rax",
    ];
    assert_eq!(code_at(0x10000, body), made);
    assert_eq!(code(body), ["mov rax,[x0]", "mov rax,[rax+7FFDFFFFh]", "mov [x1],rax"]);
}
