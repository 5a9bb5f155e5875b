// Registers, flags, stack alignment and vectors at the entry of a process are as execve leaves them.
// variants: raw
// peer: NZCV is not zero at entry
        .macro  must_be_zero reg
        cbnz    \reg, bad
        .endm
        .text
        .global _start
_start:
        .irp    r,x0,x1,x2,x3,x4,x5,x6,x7,x8,x9,x10,x11,x12,x13,x14,x15
        must_be_zero \r
        .endr
        .irp    r,x16,x17,x18,x19,x20,x21,x22,x23,x24,x25,x26,x27,x28,x29,x30
        must_be_zero \r
        .endr
        mrs     x0, nzcv
        must_be_zero x0
        mrs     x0, fpcr
        must_be_zero x0
        mrs     x0, fpsr
        must_be_zero x0
        mrs     x0, tpidr_el0
        must_be_zero x0
        .irp    n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        umov    x0, v\n\().d[0]
        umov    x1, v\n\().d[1]
        orr     x0, x0, x1
        must_be_zero x0
        .endr
        mov     x0, sp
        tst     x0, #15
        b.ne    bad
        ldr     x1, [sp]                // argc
        cmp     x1, #1
        b.ne    bad
        ldr     x1, [sp, #8]            // argv[0]
        cbz     x1, bad
        ldr     x1, [sp, #16]
        cbnz    x1, bad
        adr     x1, good_text
        mov     x19, #0
        b       print
bad:    adr     x1, bad_text
        mov     x19, #1
print:  mov     x0, #1
        mov     x2, #6
        mov     x8, #64                 // write
        svc     #0
        mov     x0, x19
        mov     x8, #94                 // exit_group
        svc     #0
        .section .rodata
good_text: .ascii "clean\n"
bad_text:  .ascii "dirty\n"
