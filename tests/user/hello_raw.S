// A program without a C library: two system calls.
// variants: raw
// exit: 42
        .text
        .global _start
_start:
        mov     x0, #1
        adr     x1, text
        mov     x2, #(text_end - text)
        mov     x8, #64                 // write
        svc     #0
        cmp     x0, #(text_end - text)
        mov     x0, #42
        mov     x1, #1
        csel    x0, x0, x1, eq
        mov     x8, #94                 // exit_group
        svc     #0
        brk     #0
        .section .rodata
text:   .ascii  "hello, guest\n"
text_end:
