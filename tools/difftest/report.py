"""What differs between two results, why that may be expected, and how to show or keep it."""
import json
import pathlib
import re

import cases as c

FLOAT_FLAGS = {0: "IOC", 1: "DZC", 2: "OFC", 3: "UFC", 4: "IXC", 7: "IDC", 27: "QC"}


def differing(a, b):
    """Names of the fields that differ."""
    if a is None or b is None:
        return ["death"] if a is not b else []
    if a.raw == b.raw:
        return []
    left, right = a.fields(), b.fields()
    return [name for name in left if left[name] != right[name]]


class Explained:
    """Known differences: patterns of row, fields and emulator pair, each with its reason."""

    def __init__(self, path):
        self.entries = json.loads(pathlib.Path(path).read_text())
        for entry in self.entries:
            entry["count"] = 0

    def reason(self, case, fields, names, results):
        if None in results:
            return None
        for entry in self.entries:
            if entry.get("emulator") and not any(re.search(entry["emulator"], name) for name in names):
                continue
            if not any(re.fullmatch(entry["row"], r) for r in case.rows):
                continue
            if not all(re.fullmatch(entry["fields"], field) for field in fields):
                continue
            if "where" in entry and not where_holds(entry["where"], case, results):
                continue
            entry["count"] += 1
            return entry["reason"]
        return None


def where_holds(expression, case, results):
    """A Python expression over word, fpcr, a and b (fields of the two results)."""
    a, b = (r.fields() if r else {} for r in results)
    base = case.words[0] >> 5 & 31
    scope = {"rn": "sp" if base == 31 else f"x{base}", "word": case.words[0], "words": case.words, "fpcr": case.fpcr, "a": a, "b": b, "case": case}
    # As globals: expressions within the expression see them, too.
    return bool(eval(expression, {"__builtins__": {"any": any, "all": all, "len": len, "range": range}, **scope}))


def hexadecimal(name, value):
    if value is None:
        return "-"
    if name == "fpsr":
        flags = [flag for bit, flag in FLOAT_FLAGS.items() if value >> bit & 1]
        return f"{value:#x} ({' '.join(flags) or 'none'})"
    if name.startswith("v"):
        return f"{value >> 64:016x}_{value & c.M64:016x}"
    return f"{value:#x}" if value >= 0 else str(value)


def mentioned(text):
    """Register fields that a disassembly names."""
    names = set()
    for kind, number in re.findall(r"\b([xwvqdshb])(\d+)\b", text):
        names.add(("v" if kind in "vqdshb" else "x") + number)
    if re.search(r"\b[w]?sp\b", text):
        names.add("sp")
    for first, last in re.findall(r"v(\d+)\.\w+\s*-\s*v(\d+)\.", text):
        number = int(first)
        while number != int(last):
            names.add(f"v{number}")
            number = (number + 1) % 32
    return names


def order(name):
    found = re.fullmatch(r"([xv])(\d+)", name)
    return (found[1] == "v", int(found[2])) if found else (2, 0)


def show(case, texts, fields, names, results):
    """The lines that describe one difference."""
    lines = [f"row {'+'.join(case.rows)}"]
    lines += [f"    {word:08x}  {text}" for word, text in zip(case.words, texts)]
    lines.append(f"    nzcv={case.nzcv:#x} fpcr={case.fpcr:#x} fpsr={case.fpsr:#x} seed={case.seed:#x}")
    x, v = case.initial()
    used = set().union(*map(mentioned, texts)) if texts else set()
    for name in sorted(used, key=order):
        if name in case_targets(case):
            lines.append(f"    in  {name} = slot + {case.targets[int(name[1:])]:#x}")
        elif name == "sp" or name.startswith("x"):
            value = x[31 if name == "sp" else int(name[1:])] if name != "x31" else 0
            lines.append(f"    in  {name} = {value:#x}")
        else:
            low, high = v[int(name[1:])]
            lines.append(f"    in  {name} = {high:016x}_{low:016x}")
    if fields == ["death"]:
        lines += [f"    {name}: {'died' if result is None else 'ran'}" for name, result in zip(names, results)]
        return lines
    for field in fields:
        for name, result in zip(names, results):
            lines.append(f"    {field:7} {name:16} {hexadecimal(field, result.fields()[field])}")
    for a, b, offset in memory_differences(results):
        lines.append(f"    memory  data+{offset:#x}: {a:02x} / {b:02x}")
    return lines


def case_targets(case):
    return {f"x{register}" for register in case.targets}


def memory_differences(results):
    if any(result is None or result.memory is None for result in results):
        return []
    a, b = (result.memory for result in results)
    return [(a[i], b[i], i) for i in range(c.DATA_SIZE) if a[i] != b[i]][:16]


def instruction_row(case, text, result):
    """The case as one row of a `.ins` test, with the result as expectation; None when it cannot be said there."""
    if len(case.words) != 1 or result is None or case.flags & c.CHECKS_MEMORY or case.targets:
        return None
    x, v = case.initial()
    before = {f"x{i}": value for i, value in enumerate(x[:31])} | {"sp": x[31]}
    before |= {f"v{i}": high << 64 | low for i, (low, high) in enumerate(v)}
    before |= {"nzcv": case.nzcv, "fpcr": case.fpcr, "fpsr": case.fpsr}
    after = result.fields()
    if after["signal"]:
        return None
    used = mentioned(text)
    inputs = [name for name in sorted(used, key=order) if name in before]
    inputs += [name for name in ("nzcv", "fpcr", "fpsr") if before[name]]
    outputs = [name for name in before if after[name] != before[name]]
    place = " ".join(f"{byte:02x}" for byte in case.words[0].to_bytes(4, "little"))
    left = " ".join(f"{name}={before[name]:#x}" for name in inputs)
    right = " ".join(f"{name}={after[name]:#x}" for name in outputs)
    return f"{text}   [{place}]\n    {left} => {right}"
