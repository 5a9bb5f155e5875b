// Entry into and exit from one case. Needs no stack of the case and no free register of it.
//
// enter_case(struct context *): saves the harness, loads every register of the case and branches to
// its slot. The first word of a slot (ldp x29, x30, [x30, #232]) loads the last two registers.
// Every pad word of a slot branches to its own stub, so the result tells where the case left.
//
// struct context, in 8-byte words: 0 x0..x30, 31 sp, 32 exit, 33 nzcv, 34 fpcr, 35 fpsr, 36 signal,
// 37 fault address, 38 memory hash, 39 v0..v31 (64 words), 103 harness: sp, x19..x30, d8..d15, tpidr;
// 128 slot address.
        .set    SP, 248
        .set    EXIT, 256
        .set    NZCV, 264
        .set    FPCR, 272
        .set    FPSR, 280
        .set    VECTORS, 312
        .set    HARNESS, 824
        .set    SLOT, 1024

        .text
        .global enter_case
        .type   enter_case, %function
enter_case:
        add     x1, x0, #HARNESS
        mov     x2, sp
        str     x2, [x1]
        stp     x19, x20, [x1, #8]
        stp     x21, x22, [x1, #24]
        stp     x23, x24, [x1, #40]
        stp     x25, x26, [x1, #56]
        stp     x27, x28, [x1, #72]
        stp     x29, x30, [x1, #88]
        mrs     x2, tpidr_el0
        str     x2, [x1, #104]
        stp     d8, d9, [x1, #112]
        stp     d10, d11, [x1, #128]
        stp     d12, d13, [x1, #144]
        stp     d14, d15, [x1, #160]
        mov     x30, x0
        add     x1, x30, #VECTORS
        .irp    n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        ldr     q\n, [x1], #16
        .endr
        ldr     x1, [x30, #NZCV]
        msr     nzcv, x1
        ldr     x1, [x30, #FPCR]
        msr     fpcr, x1
        ldr     x1, [x30, #FPSR]
        msr     fpsr, x1
        ldr     x1, [x30, #SP]
        mov     sp, x1
        ldr     x29, [x30, #SLOT]
        ldp     x0, x1, [x30, #0]
        ldp     x2, x3, [x30, #16]
        ldp     x4, x5, [x30, #32]
        ldp     x6, x7, [x30, #48]
        ldp     x8, x9, [x30, #64]
        ldp     x10, x11, [x30, #80]
        ldp     x12, x13, [x30, #96]
        ldp     x14, x15, [x30, #112]
        ldp     x16, x17, [x30, #128]
        ldp     x18, x19, [x30, #144]
        ldp     x20, x21, [x30, #160]
        ldp     x22, x23, [x30, #176]
        ldp     x24, x25, [x30, #192]
        ldp     x26, x27, [x30, #208]
        ldr     x28, [x30, #224]
        br      x29

// One stub of five words for each of the 32 words of a slot.
        .balign 16
        .global exit_stubs
exit_stubs:
        .set    number, 0
        .rept   32
        msr     tpidr_el0, x30
        ldr     x30, context_address
        str     x0, [x30]
        mov     x0, #number
        b       leave_case
        .set    number, number + 1
        .endr
        .balign 8
context_address:
        .quad   context

leave_case:
        str     x0, [x30, #EXIT]
        str     x1, [x30, #8]
        stp     x2, x3, [x30, #16]
        stp     x4, x5, [x30, #32]
        stp     x6, x7, [x30, #48]
        stp     x8, x9, [x30, #64]
        stp     x10, x11, [x30, #80]
        stp     x12, x13, [x30, #96]
        stp     x14, x15, [x30, #112]
        stp     x16, x17, [x30, #128]
        stp     x18, x19, [x30, #144]
        stp     x20, x21, [x30, #160]
        stp     x22, x23, [x30, #176]
        stp     x24, x25, [x30, #192]
        stp     x26, x27, [x30, #208]
        stp     x28, x29, [x30, #224]
        mrs     x1, tpidr_el0
        mov     x2, sp
        stp     x1, x2, [x30, #240]
        mrs     x1, nzcv
        str     x1, [x30, #NZCV]
        mrs     x1, fpcr
        str     x1, [x30, #FPCR]
        mrs     x1, fpsr
        str     x1, [x30, #FPSR]
        add     x1, x30, #VECTORS
        .irp    n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        str     q\n, [x1], #16
        .endr
        mov     x0, x30

// resume_harness(struct context *): also where the signal handler sends a case that faulted.
        .global resume_harness
resume_harness:
        msr     fpcr, xzr
        msr     fpsr, xzr
        add     x1, x0, #HARNESS
        ldr     x2, [x1]
        mov     sp, x2
        ldp     x19, x20, [x1, #8]
        ldp     x21, x22, [x1, #24]
        ldp     x23, x24, [x1, #40]
        ldp     x25, x26, [x1, #56]
        ldp     x27, x28, [x1, #72]
        ldp     x29, x30, [x1, #88]
        ldr     x2, [x1, #104]
        msr     tpidr_el0, x2
        ldp     d8, d9, [x1, #112]
        ldp     d10, d11, [x1, #128]
        ldp     d12, d13, [x1, #144]
        ldp     d14, d15, [x1, #160]
        clrex
        ret

        .global signal_return
signal_return:
        mov     x8, #139                        // rt_sigreturn
        svc     #0

        .global _start
_start:
        mov     x29, #0
        mov     x30, #0
        ldr     x0, [sp]
        add     x1, sp, #8
        bl      main
        mov     x8, #94                         // exit_group
        svc     #0
        brk     #0

        .global system_call
system_call:
        mov     x8, x0
        mov     x0, x1
        mov     x1, x2
        mov     x2, x3
        mov     x3, x4
        mov     x4, x5
        mov     x5, x6
        svc     #0
        ret
