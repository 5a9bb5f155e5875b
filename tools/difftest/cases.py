"""Cases and results of exec_cases: the binary format, and the same expansion of a seed into operands.

Input: head {u32 magic, version, cases, pool_words, passes, tick; u64 data_seed}, the operand pool (u64 each, a power of
two of them), then groups of up to 4096 cases: first {u32 count, 14 words, 0} of each, then u64 bytes and per case
{u32 words, overrides, flags, nzcv, fpcr, fpsr; u64 seed} with its overrides {u64 index, low, high} (index 0..30 x,
31 sp, 32..63 v). A group runs `passes` times, and the last pass counts: that is how hot code is reached. Every
`tick` microseconds a signal arrives whose handler changes all vector registers and flags.
Output: 103 u64 a case (x0..x30, sp, exit, nzcv, fpcr, fpsr, signal and code, fault address, memory hash, v0..v31 as
two each), 4096 bytes of memory after it when asked for, and at the end one hash of the data area.
`exit` is the number of the pad word the case left through, or for a signal the distance of pc from the first word.
"""
import struct

MAGIC, VERSION = 0x54445242, 2
DATA, DATA_SIZE = 0x1000000000, 4096
SLOT_WORDS, FIRST_WORD, MAX_WORDS, GROUP = 32, 9, 14, 4096
RESULT = struct.Struct("<103Q")
CHECKS_MEMORY, DUMPS_MEMORY = 1, 2
M64 = (1 << 64) - 1

NAMES = [f"x{i}" for i in range(31)] + ["sp", "exit", "nzcv", "fpcr", "fpsr", "signal", "fault", "memory"]

POOL = (
    [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000]
    + [0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000]
    + [0x8000000000000001, M64, M64 - 1, M64 - 7, M64 - 63, 0xFFFFFFFF80000000, 0xFFFFFFFF7FFFFFFF, 0xFFFFFFFFFFFF8000]
    + [0xFFFFFFFFFFFFFF80, 0x5555555555555555, 0xAAAAAAAAAAAAAAAA, 0x0102030405060708, 0x00FF00FF00FF00FF]
    # doubles: 1, -1, 2, 0.5, 1.5, 3, largest, smallest normal and neighbours, subnormals, infinities, NaNs
    + [0x3FF0000000000000, 0xBFF0000000000000, 0x4000000000000000, 0x3FE0000000000000, 0x3FF8000000000000]
    + [0x4008000000000000, 0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF, 0x0010000000000000, 0x8010000000000000]
    + [0x0010000000000001, 0x000FFFFFFFFFFFFF, 0x0008000000000000, 0x800FFFFFFFFFFFFF, 0x0000000000000001]
    + [0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000001234]
    + [0x7FF0000000000001, 0xFFF4000000000005, 0x7FFFFFFFFFFFFFFF, 0x3FF0000000000001, 0x3FEFFFFFFFFFFFFF]
    + [0x41DFFFFFFFC00000, 0x41E0000000000000, 0xC1E0000000200000, 0x41EFFFFFFFE00000, 0x43E0000000000000]
    + [0xC3E0000000000000, 0x43DFFFFFFFFFFFFF, 0x43F0000000000000, 0x3FDFFFFFFFFFFFFF, 0x4004000000000000]
    + [0x47EFFFFFE0000000, 0x47EFFFFFF0000000, 0x380FFFFFC0000000, 0x3810000000000000, 0x36A0000000000000]
    + [0x40EFFC0000000000, 0x40EFFE0000000000, 0x3F10000000000000, 0x3E70000000000000, 0x3CA0000000000000]
    # singles, in both halves
    + [0x3F8000003F800000, 0xBF8000003F800000, 0x7F7FFFFF00800000, 0x0080000080800000, 0x007FFFFF807FFFFF]
    + [0x0000000180000001, 0x7F800000FF800000, 0x7FC00000FFC00000, 0x7F800001FFA00005, 0x7FC012347FBFFFFF]
    + [0x4F0000004EFFFFFF, 0xCF0000004F800000, 0x3F0000003EFFFFFF, 0x3FC0000040400000, 0x5F000000DF000000]
    + [0x477FE000477FF000, 0x3880000033800000, 0x3380000133000000, 0x4B0000004B800000, 0xCB0000014B000001]
    # halves
    + [0x3C00BC004000C000, 0x7BFFFBFF04008400, 0x03FF83FF00018001, 0x7C00FC007E00FE00, 0x7C01FD057DFF7FFF]
    + [0x380037FF3E004200, 0x7800780177FF5800, 0x0200020104013800]
)
POOL += [(0x9E3779B97F4A7C15 * (i + 1)) & M64 for i in range(128 - len(POOL))]
assert len(POOL) == 128


class Random:
    """splitmix64, as in exec_cases.c."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = self.state + 0x9E3779B97F4A7C15 & M64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
        z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
        return z ^ z >> 31

    def operand(self):
        r = self.next()
        a, b, c, d = (POOL[r >> shift & 127] for shift in (8, 20, 32, 44))
        kind = r & 7
        if kind < 3:
            return a
        if kind == 3:
            return a & 0xFFFFFFFF | (b & 0xFFFFFFFF) << 32
        if kind == 4:
            return a & 0xFFFF | (b & 0xFFFF) << 16 | (c & 0xFFFF) << 32 | (d & 0xFFFF) << 48
        if kind == 5:
            return 0x0101010101010101 * (a & 0xFF) ^ 0x80FF7F0001 * (r >> 20 & 0xFF)
        return self.next()


class Case:
    """One sequence with its starting state. `overrides` maps a register index to (low, high); `targets` maps an x
    register to the offset from the start of the slot that it holds."""

    __slots__ = ("rows", "words", "seed", "nzcv", "fpcr", "fpsr", "flags", "overrides", "targets")

    def __init__(self, rows, words, seed, nzcv, fpcr, fpsr, flags, overrides, targets):
        self.rows, self.words, self.seed = rows, words, seed
        self.nzcv, self.fpcr, self.fpsr, self.flags = nzcv, fpcr, fpsr, flags
        self.overrides, self.targets = overrides, targets

    def copy(self, **changes):
        values = {name: getattr(self, name) for name in self.__slots__}
        values.update(changes)
        return Case(**values)

    def initial(self):
        """The expanded state: x (31), sp and v (32 pairs), without `targets`."""
        random = Random(self.seed)
        x = [random.operand() for _ in range(31)]
        x.append(DATA + 2048 + (random.operand() & 0x3F0))
        v = [(random.operand(), random.operand()) for _ in range(32)]
        for index, (low, high) in self.overrides.items():
            if index < 32:
                x[index] = low
            else:
                v[index - 32] = (low, high)
        return x, v

    def explicit(self):
        """The same case with every register as an override."""
        x, v = self.initial()
        overrides = {i: (value, 0) for i, value in enumerate(x)}
        overrides.update({32 + i: pair for i, pair in enumerate(v)})
        return self.copy(overrides=overrides)


def encode(cases, data_seed, code_address, passes=1, tick=4000000):
    """The bytes of a case file."""
    out = [struct.pack("<6IQ", MAGIC, VERSION, len(cases), len(POOL), passes, tick, data_seed), struct.pack("<128Q", *POOL)]
    words = struct.Struct(f"<{MAX_WORDS + 2}I")
    head = struct.Struct("<6IQ")
    override = struct.Struct("<3Q")
    for start in range(0, len(cases), GROUP):
        group = cases[start:start + GROUP]
        for case in group:
            out.append(words.pack(len(case.words), *case.words, *[0] * (MAX_WORDS + 1 - len(case.words))))
        records = []
        for index, case in enumerate(group):
            slot = code_address + index * SLOT_WORDS * 4
            records.append(head.pack(len(case.words), len(case.overrides) + len(case.targets), case.flags, case.nzcv,
                                     case.fpcr, case.fpsr, case.seed))
            records.extend(override.pack(register, low, high) for register, (low, high) in case.overrides.items())
            records.extend(override.pack(register, slot + offset & M64, 0) for register, offset in case.targets.items())
        records = b"".join(records)
        out += [struct.pack("<Q", len(records)), records]
    return b"".join(out)


class Result:
    """The state after one case, by field name."""

    def __init__(self, raw, memory=None):
        self.raw, self.memory = raw, memory

    def fields(self):
        values = RESULT.unpack(self.raw)
        state = dict(zip(NAMES, values))
        state["exit"] = values[32] - (1 << 64) if values[32] >> 63 else values[32]
        state["code"] = state["signal"] >> 32
        state["signal"] &= 0xFFFFFFFF
        for i in range(32):
            state[f"v{i}"] = values[39 + 2 * i] | values[40 + 2 * i] << 64
        return state


def decode(cases, data):
    """Results of the cases that were finished, in order."""
    results, at = [], 0
    for case in cases:
        end = at + RESULT.size
        memory = None
        raw = data[at:end]
        if case.flags & DUMPS_MEMORY:
            memory = data[end:end + DATA_SIZE]
            end += DATA_SIZE
        if end > len(data):
            break
        results.append(Result(raw, memory))
        at = end
    return results
