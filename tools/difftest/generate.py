"""Random cases: which rows, which field values, which starting state."""
import random

import cases as c
import scripts

# Each needs a processor that both sides rarely share, or has results that no two implementations share
# (keys, tags, identification).
EXCLUDED_FEATURES = {
    "PAuth_LR", "MTE", "MTE2", "LS64", "LS64_V", "TME", "GCS", "THE", "SVE", "SME", "S1POE2", "WFxT", "CHK",
    "SYSREG128", "SYSINSTR128", "unnamed",
}
# Rows that enter the kernel or stop the processor.
EXCLUDED_ROWS = {"svc", "wfe", "wfi", "sysl"}
REGISTER_FIELDS = {"rd", "rn", "rm", "ra", "rt", "rt2", "rs"}
MEMORY_SECTIONS = {"ldst", "ldst_atomic", "simd_ldst", "mops"}
FPCR_RN, FPCR_FZ, FPCR_DN, FPCR_AHP, FPCR_FZ16 = 22, 1 << 24, 1 << 25, 1 << 26, 1 << 19
FP_SECTIONS = {"fp", "simd_fp"}
# In sequences the low registers hold values, and these hold what a later instruction relies on.
BASES, INDEXES = (16, 17, 18, 19), (20, 21, 22, 23)
COUNTER = 28  # counts the rounds of a loop
LOOP = "(loop)"  # the row name of the two words that close a loop
SUB_COUNTER, SUBS_COUNTER, CBNZ_COUNTER, BNE = 0xD1000400, 0xF1000400, 0xB5000000, 0x54000001


def close_loop(words, flags):
    """The two words that count down and branch back to the first of `words`."""
    back = -(len(words) + 1) & 0x7FFFF
    if flags:
        return [SUBS_COUNTER | COUNTER << 5 | COUNTER, BNE | back << 5]
    return [SUB_COUNTER | COUNTER << 5 | COUNTER, CBNZ_COUNTER | back << 5 | COUNTER]


def unpredictable(row, f):
    """Field values to leave out, mostly CONSTRAINED UNPREDICTABLE register combinations: implementations may differ."""
    name, rn = row.name, f.get("rn")
    if name == "hint":  # pointer authentication, WFE and WFI live among the hints
        return f["crm"] in (1, 3) or f["crm"] == 0 and f["op2"] in (2, 3)
    if name == "hlt":  # semihosting
        return f["imm16"] == 0xF000
    vector = row.section == "simd_ldst"
    writes_base = name.endswith(("_pre", "_post")) or f.get("w") == 1 and name.startswith("ldra")
    if writes_base and not vector and rn != 31 and rn in (f.get("rt"), f.get("rt2")):
        return True
    load = f.get("l") == 1 or name in ("ldxp", "ldiapp")
    if "rt2" in f and load and f["rt"] == f["rt2"]:
        return True
    if name in ("stxr", "stxp") and (f["rs"] in (f["rt"], f.get("rt2")) or f["rs"] == rn != 31):
        return True
    if name in ("stilp", "ldiapp", "stlr_pre", "ldapr_post") and rn != 31 and rn in (f.get("rt"), f.get("rt2")):
        return True
    if name == "swpp" and (f["rt"] == f["rt2"] or 31 in (f["rt"], f["rt2"])):
        return True
    if name == "ldop_128" and (f["rt"] == f["rt2"] or 31 in (f["rt"], f["rt2"])):
        return True
    return False


def fpcr_modes(row):
    """The values of FPCR that may change what a row does; [None] for rows that do not use it."""
    if row.section not in FP_SECTIONS:
        return [None]
    modes = [0]
    half = row.feature in ("FP16", "FHM") or {"ftype", "size", "immh", "opc"} & set(row.fields) or row.name.startswith("fcvt")
    half_format = row.name in ("fcvt", "fcvtl_v", "fcvtn_v")
    for bit, used in ((FPCR_FZ, True), (FPCR_DN, True), (FPCR_FZ16, half), (FPCR_AHP, half_format)):
        modes += [mode | bit for mode in modes] if used else []
    return [mode | rounding << FPCR_RN for mode in modes for rounding in range(4)]


class Generator:
    """Makes cases from rows; the same seed gives the same cases."""

    def __init__(self, rows, everything, seed, longest=1, sequences=0.2, excluded_features=EXCLUDED_FEATURES, loops=0,
                 rounds=100):
        self.random = random.Random(seed)
        self.loops, self.rounds = loops, rounds
        self.longest, self.sequences = longest, sequences
        self.by_name = {row.name: row for row in everything}  # what scripts are made of
        self.mode, self.order, self.in_sequence, self.in_loop = None, [], False, False
        self.rows = [row for row in rows if self.reachable(row, excluded_features)]
        self.scripts = scripts.applicable(self.rows)
        self.rows = [row for row in self.rows if row.name not in scripts.ROWS]

    @staticmethod
    def reachable(row, excluded_features=EXCLUDED_FEATURES):
        return not row.listed_only and row.name not in EXCLUDED_ROWS and row.feature not in excluded_features

    def buckets(self):
        """What is to be visited equally often: (row or script, FPCR or None for a random one)."""
        return [(row, mode) for row in self.rows for mode in fpcr_modes(row)] + [(script, None) for script in self.scripts]

    def register(self, used):
        r = self.random.random()
        if used and r < 0.25:
            return self.random.choice(used)
        if r < 0.33:
            return 31
        return self.random.getrandbits(4) if self.in_sequence else self.random.getrandbits(5)

    def immediate(self, width):
        r = self.random.random()
        if r < 0.65 or width < 3:
            return self.random.getrandbits(width)
        if r < 0.75:
            return 0
        if r < 0.85:
            return (1 << width) - 1
        return 1 << self.random.randrange(width)

    def field_values(self, row):
        """Values that the row allows, or None when none turned up."""
        for _ in range(60):
            values, used = {}, []
            for name, (_, width) in row.fields.items():
                if name in REGISTER_FIELDS and width >= 4:
                    values[name] = self.register(used) & (1 << width) - 1
                    used.append(values[name])
                else:
                    values[name] = self.immediate(width)
            if row.section in MEMORY_SECTIONS and self.in_sequence:
                values["rn"] = self.random.choice(BASES)
                if "option" in values:
                    values["rm"] = self.random.choice(INDEXES)
            if row.allows(values) and not unpredictable(row, values):
                return values
        return None

    def start_state(self):
        rng = self.random
        fpcr = 0
        if self.mode is not None:
            fpcr = self.mode
        elif rng.random() < 0.5:
            fpcr = rng.getrandbits(2) << FPCR_RN
            for bit in (FPCR_FZ, FPCR_DN, FPCR_AHP, FPCR_FZ16):
                fpcr |= bit if rng.random() < 0.3 else 0
        fpsr = rng.getrandbits(32) & 0x0800009F if rng.random() < 0.3 else 0
        return rng.getrandbits(4) << 28, fpcr, fpsr

    def access_scale(self, row, f):
        """log2 of the bytes of one transferred register, for scaled offsets."""
        vector = row.section == "simd_ldst"
        if "imm7" in f:
            opc = f.get("opc", 0)
            return 2 + opc if vector else 2 + (opc >> 1)
        size = f.get("size", 3 if "sz" not in f else 2 + f["sz"])
        return 4 if vector and size == 0 and f.get("opc", 0) & 2 else size

    def address(self, row, f):
        """An effective address inside the data area, now and then at or over its edge or unaligned."""
        rng, scale = self.random, self.access_scale(row, f)
        r = rng.random()
        if r < 0.1:  # below the area lies a page that can only be read, above it nothing
            return c.DATA + rng.choice((0, c.DATA_SIZE)) + rng.randrange(-68, 20)
        if row.section == "ldst_atomic" or "stl" in row.name or "lda" in row.name:
            aligned = 1 << (scale + (1 if "p" in row.name[2:] else 0))
            offset = rng.randrange(256, 3072) & -max(aligned, 16)
            return c.DATA + offset + (rng.randrange(0, 16, aligned) if aligned < 16 and r < 0.9 else 0)
        return c.DATA + (rng.randrange(1152, 2800) & (-1 if r < 0.5 else -16))

    def memory_state(self, row, f, overrides):
        """Points the base (and index) of one access into the data area."""
        rng, scale = self.random, self.access_scale(row, f)
        base = self.address(row, f)
        if row.name.startswith("ldra"):
            return
        if "imm12" in f:
            base -= f["imm12"] << scale
        elif "option" in f:
            signed = f["option"] & 5 > 3 and f["option"] != 7 or f["option"] in (6, 7, 3)
            index = rng.randrange(-60, 60) if signed else rng.randrange(0, 60)
            if f["option"] in (2, 6):
                index = index & 0xFFFFFFFF | rng.getrandbits(32) << 32
            if f["rm"] != 31 and f["rm"] != f["rn"]:
                overrides[f["rm"]] = (index & c.M64, 0)
        elif row.section == "simd_ldst" and "rm" in f and f["rm"] not in (31, f["rn"]):
            overrides[f["rm"]] = (rng.randrange(-64, 64) & c.M64, 0)
        elif row.name.endswith("_pre") or "unscaled" in row.name or row.name in ("ldapur_stlur", "ldst_unpriv"):
            base -= (f["imm9"] ^ 256) - 256 if "imm9" in f and rng.random() < 0.7 else 0
        if f.get("rn") == 31:
            base &= -16
        if "rn" in f:
            overrides[f["rn"]] = (base & c.M64, 0)
        if row.name == "dc_zva":
            overrides[f["rt"]] = (base & c.M64, 0)

    def copy_or_set(self, row, f, overrides):
        """Pointers and a size for a memory copy or set, and its three words."""
        rng = self.random
        apart = row.name.startswith("cpyf")  # forward only: overlapping areas are for the implementation to choose
        overrides[f["rd"]] = (c.DATA + rng.randrange(0, 1000), 0)
        if row.name.startswith("cpy"):
            overrides[f["rs"]] = (c.DATA + rng.randrange(0, 1000) + (2000 if apart else 0), 0)
        overrides[f["rn"]] = (rng.choice((0, 1, 15, 16, 17, 100, rng.randrange(1000))), 0)
        word = row.word(f)
        if row.name.startswith("cpy"):
            return [word & ~(3 << 22) | stage << 22 for stage in range(3)]
        return [word & ~(3 << 14) | stage << 14 for stage in range(3)]

    def branch_word(self, row, f, at, length, targets):
        """Aims a branch at a pad word or at a later word of the case."""
        rng = self.random
        choices = list(range(0, c.FIRST_WORD - 1)) + list(range(c.FIRST_WORD + at + 1, c.SLOT_WORDS))
        later = list(range(c.FIRST_WORD + at + 1, c.FIRST_WORD + length + (0 if self.in_loop else 2)))
        if self.in_loop:  # not past the word that counts, nor where the closing words are
            choices = list(range(0, c.FIRST_WORD - 1)) + list(range(c.FIRST_WORD + length + 2, c.SLOT_WORDS))
            later = later or choices
        target = rng.choice(later if rng.random() < 0.5 else choices)
        distance = target - (c.FIRST_WORD + at)
        for name in ("imm26", "imm19", "imm14"):
            if name in f:
                f[name] = distance & (1 << row.fields[name][1]) - 1
        if row.name in ("br", "blr", "ret") and f["rn"] != 31:
            targets[f["rn"]] = 4 * target
            r = rng.random()
            if r < 0.15:  # the top byte is ignored
                targets[f["rn"]] |= rng.getrandbits(8) << 56
            elif r < 0.2:  # a misaligned target
                targets[f["rn"]] |= rng.randrange(1, 4)

    def instruction(self, row, at, length, overrides, targets):
        f = self.field_values(row)
        if f is None:
            return None
        if row.section == "mops":
            return self.copy_or_set(row, f, overrides)
        if row.section in MEMORY_SECTIONS:
            if "imm19" in f:
                f["imm19"] = self.random.randrange(-c.FIRST_WORD - at, c.SLOT_WORDS - c.FIRST_WORD - at - 4) & 0x7FFFF
            else:
                self.memory_state(row, f, overrides)
        elif row.section == "branch":
            if row.name in ("br", "blr", "ret") and (self.in_sequence or f["rn"] == 31):
                return None
            self.branch_word(row, f, at, length, targets)
        return [row.word(f)]

    def case(self, row=None):
        """One case; `row` fixes the first instruction."""
        rng = self.random
        self.in_loop = rng.random() < self.loops
        self.in_sequence = self.in_loop or self.longest > 1 and rng.random() < self.sequences
        length = rng.randrange(1 if self.in_loop else 2, self.longest + 1) if self.in_sequence else 1
        names, words, overrides, targets, flags = [], [], {}, {}, 0
        tries = 0
        while len(words) < length and tries < 100:
            tries += 1
            pick = row if row and not words else rng.choice(self.rows)
            if pick.section == "mops" and self.in_sequence and (words or row):
                if row and not words:
                    return None
                continue  # three words, and what they leave is for the implementation to choose
            if self.in_loop and pick.name.endswith(("_pre", "_post")) and rng.random() < 0.7:
                continue  # a moving base soon leaves the data area
            made = self.instruction(pick, len(words), length, overrides, targets)
            if made is None or len(words) + len(made) > c.MAX_WORDS - 2:
                if row and not words:
                    return None
                if made is not None:
                    break
                continue
            names.append(pick.name)
            words += made
            if pick.section in MEMORY_SECTIONS:
                flags |= c.CHECKS_MEMORY
        if not words:
            return None
        nzcv, fpcr, fpsr = self.start_state()
        if self.in_loop:
            words += close_loop(words, rng.random() < 0.3)
            names += [LOOP, LOOP]
            overrides[COUNTER] = (rng.randrange(1, self.rounds + 1), 0)
        return c.Case(names, words, rng.getrandbits(64), nzcv, fpcr, fpsr, flags, overrides, targets)

    def scripted(self, script):
        """One case of a script: instructions that have a comparable result only together."""
        self.in_sequence = self.in_loop = False
        nzcv, fpcr, fpsr = self.start_state()
        names, words, overrides, targets, flags = script(self)
        return c.Case(names, words, self.random.getrandbits(64), nzcv, fpcr, fpsr, flags, overrides, targets)

    def cases(self, count):
        """`count` cases that visit every bucket in turn."""
        made = []
        while len(made) < count:
            if not self.order:
                self.order = self.buckets()
                self.random.shuffle(self.order)
            what, self.mode = self.order.pop()
            case = self.scripted(what) if callable(what) else self.case(what)
            if case:
                made.append(case)
        return made
