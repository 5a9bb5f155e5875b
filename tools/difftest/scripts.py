"""Cases of several instructions that have a comparable result only together: exclusive pairs, pointer authentication
(each implementation has its own codes, but what one instruction adds another removes), system registers and cache
maintenance.

A script takes the generator and gives (row names, words, overrides, targets, flags) as a `Case` holds them.
"""
import cases as c

# Rows that are reached by scripts alone.
ROWS = {"pacaut", "pacautz", "pacga", "pac1716", "pacsp", "bra", "reta", "ldra", "mrs", "msr", "msr_imm", "sys"}
NZCV, FPCR, FPSR, DIT = (3, 3, 4, 2, 0), (3, 3, 4, 4, 0), (3, 3, 4, 4, 1), (3, 3, 4, 2, 5)
# AHP, DN, FZ, RMode, FZ16; QC and the cumulative exceptions: the others need features that not both have.
WRITABLE = {FPCR: 0x07C80000, FPSR: 0x0800009F}
# op1, CRn, CRm, op2 of IC IVAU, DC CVAC, CVAU, CIVAC, CVAP, CVADP.
MAINTENANCE = [(3, 7, 5, 1), (3, 7, 10, 1), (3, 7, 11, 1), (3, 7, 14, 1), (3, 7, 12, 1), (3, 7, 13, 1)]


def distinct(rng, count):
    """Different general registers."""
    return rng.sample(range(29), count)


def pointer(rng):
    """A user address with a random top byte, which is ignored."""
    return rng.getrandbits(48) | (rng.getrandbits(8) << 56 if rng.random() < 0.5 else 0)


def word(generator, name, **fields):
    row = generator.by_name[name]
    return row.word({**{field: 0 for field in row.fields}, **fields})


def exclusive_single(g):
    rng = g.random
    base, loaded, stored, status = distinct(rng, 4)
    size = rng.randrange(4)
    address = c.DATA + 256 + 8 * rng.randrange(64) + (rng.randrange(0, 8, 1 << size))
    words = [word(g, "ldxr", size=size, o0=rng.getrandbits(1), rn=base, rt=loaded)]
    names = ["ldxr"]
    if rng.random() < 0.2:
        words.append(word(g, "clrex", crm=15))
        names.append("clrex")
    elif rng.random() < 0.2:  # the value changes in between: the peer compares values too
        words.append(0x39000000 | base << 5 | stored)  # STRB
        names.append("ldst_uimm")
    for _ in range(rng.choice((1, 1, 2))):
        words.append(word(g, "stxr", size=size, rs=status, o0=rng.getrandbits(1), rn=base, rt=stored))
        names.append("stxr")
    return names, words, {base: (address, 0)}, {}, c.CHECKS_MEMORY


def exclusive_pair(g):
    rng = g.random
    base, a, b, x, y, status = distinct(rng, 6)
    sz = rng.getrandbits(1)
    address = c.DATA + 256 + 16 * rng.randrange(64) + (8 * rng.getrandbits(1) if not sz else 0)
    words = [word(g, "ldxp", sz=sz, o0=rng.getrandbits(1), rn=base, rt=a, rt2=b)]
    for _ in range(rng.choice((1, 1, 2))):
        words.append(word(g, "stxp", sz=sz, rs=status, o0=rng.getrandbits(1), rn=base, rt=x, rt2=y))
    return ["ldxp"] + ["stxp"] * (len(words) - 1), words, {base: (address, 0)}, {}, c.CHECKS_MEMORY


def sign_and_authenticate(g):
    """PAC* then AUT* of the same key, or XPAC."""
    rng = g.random
    rd, rn = distinct(rng, 2)
    key = rng.randrange(4)
    row = rng.choice(("pacaut", "pacautz"))
    modifier = {"rn": rng.choice((rn, 31))} if row == "pacaut" else {}
    words = [word(g, row, op=key, rd=rd, **modifier)]
    if rng.random() < 0.7:
        words.append(word(g, row, op=key | 4, rd=rd, **modifier))
        names = [row, row]
    else:
        words.append(word(g, "xpac", d=key >> 1, rd=rd))
        names = [row, "xpac"]
    return names, words, {rd: (pointer(rng), 0)}, {}, 0


def generic_code(g):
    """PACGA gives the same code twice, with its low half zero; the code itself is erased."""
    rng = g.random
    rd, re, rn, rm = distinct(rng, 4)
    words = [word(g, "pacga", rd=rd, rn=rn, rm=rm), word(g, "pacga", rd=re, rn=rn, rm=rm)]
    words += [0xEB00001F | re << 16 | rd << 5, 0x2A0003E0 | rd << 16 | rd, 0x2A0003E0 | re << 16 | re]
    return ["pacga"], words, {}, {}, 0


def hint_codes(g):
    """The forms in the hint space."""
    rng = g.random
    if rng.random() < 0.5:
        b = rng.getrandbits(1)
        words = [word(g, "pac1716", a=0, b=b), word(g, "pac1716", a=1, b=b)]
        return ["pac1716"], words, {17: (pointer(rng), 0)}, {}, 0
    b, z = rng.getrandbits(1), rng.getrandbits(1)
    words = [word(g, "pacsp", a=0, b=b, z=z)]
    if rng.random() < 0.7:
        return ["pacsp"], words + [word(g, "pacsp", a=1, b=b, z=z)], {30: (pointer(rng), 0)}, {}, 0
    return ["pacsp", "xpaclri"], words + [word(g, "xpaclri")], {30: (pointer(rng), 0)}, {}, 0


def authenticated_branch(g):
    """A signed address, a branch to it, and there (word 2 of the case) the code is taken off the register again."""
    rng = g.random
    to = 4 * (c.FIRST_WORD + 2) | (rng.getrandbits(8) << 56 if rng.random() < 0.3 else 0)
    m = rng.getrandbits(1)
    if rng.random() < 0.3:
        words = [word(g, "pacsp", a=0, b=m, z=1), word(g, "reta", m=m), word(g, "xpaclri")]
        return ["pacsp", "reta"], words, {}, {30: to}, 0
    rn, rm = distinct(rng, 2)
    z = rng.getrandbits(1)
    first = word(g, "pacaut", op=m, rd=rn, rn=rm) if z else word(g, "pacautz", op=m, rd=rn)
    branch = word(g, "bra", z=z, l=1, m=m, rn=rn, rm=rm if z else 31)  # with linking only: the peer aborts on BRAA
    return ["pacaut" if z else "pacautz", "bra"], [first, branch, word(g, "xpac", d=0, rd=rn)], {}, {rn: to}, 0


def authenticated_load(g):
    rng = g.random
    rn, rt = distinct(rng, 2)
    m, s, imm9, w = rng.getrandbits(1), rng.getrandbits(1), rng.getrandbits(9), rng.getrandbits(1)
    offset = 8 * ((imm9 | s << 9) - (s << 10))
    address = c.DATA + rng.randrange(1024, 2048) - offset
    if rng.random() < 0.3:
        address |= rng.getrandbits(8) << 56
    words = [word(g, "pacautz", op=2 | m, rd=rn), word(g, "ldra", m=m, s=s, imm9=imm9, w=w, rn=rn, rt=rt)]
    words.append(word(g, "xpac", d=1, rd=rn))
    return ["pacautz", "ldra"], words, {rn: (address, 0)}, {}, 0


def system_register(g):
    """MSR then MRS of what EL0 may write."""
    rng = g.random
    from_register, to_register = distinct(rng, 2)
    register = rng.choice((NZCV, FPCR, FPSR, DIT))
    fields = dict(zip(("op0", "op1", "crn", "crm", "op2"), register))
    value = rng.getrandbits(64) & WRITABLE.get(register, c.M64)
    words = [word(g, "msr", **fields, rt=from_register), word(g, "mrs", **fields, rt=to_register)]
    if rng.random() < 0.2:
        words = words[1:]
    return ["msr", "mrs"], words, {from_register: (value, 0)}, {}, 0


def state_bit(g):
    """MSR DIT, #imm then MRS."""
    rng = g.random
    rt, = distinct(rng, 1)
    fields = dict(zip(("op0", "op1", "crn", "crm", "op2"), DIT))
    return ["msr_imm", "mrs"], [word(g, "msr_imm", op1=3, crm=rng.getrandbits(1), op2=2), word(g, "mrs", **fields, rt=rt)], {}, {}, 0


def maintenance(g):
    rng = g.random
    rt, = distinct(rng, 1)
    op1, crn, crm, op2 = rng.choice(MAINTENANCE)
    return ["sys"], [word(g, "sys", op1=op1, crn=crn, crm=crm, op2=op2, rt=rt)], {rt: (c.DATA + rng.randrange(4096), 0)}, {}, 0


ALL = {
    exclusive_single: {"ldxr", "stxr"}, exclusive_pair: {"ldxp", "stxp"}, sign_and_authenticate: {"pacaut", "pacautz", "xpac"},
    generic_code: {"pacga"}, hint_codes: {"pac1716", "pacsp", "xpaclri"}, authenticated_branch: {"bra", "reta"},
    authenticated_load: {"ldra"}, system_register: {"msr", "mrs"}, state_bit: {"msr_imm"}, maintenance: {"sys"},
}


def applicable(rows):
    """The scripts that reach one of the rows."""
    names = {row.name for row in rows}
    return [script for script, reached in ALL.items() if reached & names]
