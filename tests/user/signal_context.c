// A handler sees every register exactly, FP/SIMD record included, and may change them all.
// arch: aarch64
// peer: with SVE on, changed vectors of the FP/SIMD record are not restored
#include "guest.h"
#include <asm/sigcontext.h>
#include <ucontext.h>

static int general_exact, vector_exact, status_exact, flags_exact, frame_aligned, record_found;
static uintptr_t resume_at;
extern char fault_here[];

static struct fpsimd_context *fpsimd_of(ucontext_t *uc) {
    struct _aarch64_ctx *record = (void *)uc->uc_mcontext.__reserved;
    while (record->magic && record->magic != FPSIMD_MAGIC)
        record = (void *)((char *)record + record->size);
    return record->magic ? (void *)record : NULL;
}

static void handler(int number, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    frame_aligned = (uintptr_t)__builtin_frame_address(0) % 16 == 0;
    general_exact = uc->uc_mcontext.pc == (uintptr_t)fault_here;
    for (int i = 1; i <= 28; i++)
        if (i != 18)
            general_exact &= uc->uc_mcontext.regs[i] == 0x1111000000000000ull + i;
    flags_exact = (uc->uc_mcontext.pstate >> 28) == 0xa;
    struct fpsimd_context *fp = fpsimd_of(uc);
    record_found = fp && fp->head.size == sizeof *fp;
    vector_exact = status_exact = 1;
    for (int i = 0; i < 32; i++) {
        uint64_t lanes[2];
        memcpy(lanes, &fp->vregs[i], 16);
        vector_exact &= lanes[0] == 0x2222000000000000ull + i && lanes[1] == ~lanes[0];
    }
    status_exact = fp->fpcr == 0x00c00000 && fp->fpsr == 0x08000011;
    /* Every register is changed; the code after the fault checks it. */
    for (int i = 1; i <= 28; i++)
        uc->uc_mcontext.regs[i] += 0x100;
    for (int i = 0; i < 32; i++) {
        uint64_t lanes[2] = {0x3333000000000000ull + i, i};
        memcpy(&fp->vregs[i], lanes, 16);
    }
    fp->fpcr = 0x00800000;
    fp->fpsr = 0x00000002;
    uc->uc_mcontext.pstate = (uc->uc_mcontext.pstate & 0x0fffffff) | 0x50000000;
    uc->uc_mcontext.pc += 4;
}

struct state {
    uint64_t x[31], nzcv, fpcr, fpsr, v[64];
};

/* Loads all registers, faults, stores all registers. x0 and x30 carry addresses, x18 and x29 stay. */
void fault_with_state(struct state *in_and_out);
__asm__(".text\n.global fault_with_state, fault_here\nfault_with_state:\n"
        " stp x29, x30, [sp, #-192]!\n stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n"
        " stp x23, x24, [sp, #48]\n stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
        " stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
        " str x0, [sp, #160]\n mrs x1, fpcr\n str x1, [sp, #168]\n"
        " ldr x1, [x0, #248]\n msr nzcv, x1\n ldr x1, [x0, #256]\n msr fpcr, x1\n ldr x1, [x0, #264]\n msr fpsr, x1\n"
        " add x1, x0, #272\n"
        ".irp n,0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30\n ldr q\\n, [x1, #16*\\n]\n.endr\n"
        ".irp n,1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31\n ldr q\\n, [x1, #16*\\n]\n.endr\n"
        ".irp n,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,19,20,21,22,23,24,25,26,27,28\n"
        " ldr x\\n, [x0, #8*\\n]\n.endr\n"
        " mov x0, #0\n"
        "fault_here: ldr x0, [x0]\n"
        " ldr x0, [sp, #160]\n"
        ".irp n,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,19,20,21,22,23,24,25,26,27,28\n"
        " str x\\n, [x0, #8*\\n]\n.endr\n"
        " mrs x1, nzcv\n str x1, [x0, #248]\n mrs x1, fpcr\n str x1, [x0, #256]\n mrs x1, fpsr\n str x1, [x0, #264]\n"
        " add x1, x0, #272\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        " str q\\n, [x1, #16*\\n]\n.endr\n"
        " ldr x1, [sp, #168]\n msr fpcr, x1\n"
        " ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n"
        " ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n"
        " ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
        " ldp x29, x30, [sp], #192\n ret\n");

int main(void) {
    on_signal(SIGSEGV, handler, 0);
    static struct state s;
    for (int turn = 0; turn < 200; turn++) {
        for (int i = 0; i < 31; i++)
            s.x[i] = 0x1111000000000000ull + i;
        s.nzcv = 0xa0000000;
        s.fpcr = 0x00c00000;
        s.fpsr = 0x08000011;
        for (int i = 0; i < 32; i++) {
            s.v[2 * i] = 0x2222000000000000ull + i;
            s.v[2 * i + 1] = ~s.v[2 * i];
        }
        fault_with_state(&s);
        int general = 1, vector = 1;
        for (int i = 1; i <= 28; i++)
            if (i != 18)
                general &= s.x[i] == 0x1111000000000100ull + i;
        for (int i = 0; i < 32; i++)
            vector &= s.v[2 * i] == 0x3333000000000000ull + i && s.v[2 * i + 1] == (uint64_t)i;
        int all = general_exact & vector_exact & status_exact & flags_exact & frame_aligned & record_found & general & vector
            & (s.fpcr == 0x00800000) & (s.fpsr == 2) & (s.nzcv == 0x50000000);
        if (all && turn != 199)
            continue;
        printf("turn %d\n", turn);
        check("handler frame is aligned", frame_aligned);
        check("FP/SIMD record", record_found);
        check("general registers and pc in the handler", general_exact);
        check("flags in the handler", flags_exact);
        check("vectors in the handler", vector_exact);
        check("FPCR and FPSR in the handler", status_exact);
        check("general registers after", general);
        check("vectors after", vector);
        check("FPCR after", s.fpcr == 0x00800000);
        check("FPSR after", s.fpsr == 2);
        check("flags after", s.nzcv == 0x50000000);
        break;
    }
    (void)resume_at;
    return 0;
}
