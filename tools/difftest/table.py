"""The encoding table: rows of an instruction set, read from a `.decode` file or from JSON.

The `.decode` syntax is the one of frontends/decode/README.md. JSON is a list of objects with `name`, `section`,
`mask`, `value` (integers or hexadecimal text), `fields` ({name: [low bit, width]}), and optionally
`where` (an expression over the fields), `feature` and `mnemonics`.
"""
import json
import re


class Row:
    """One encoding class: fixed bits, named fields and a constraint on the fields."""

    def __init__(self, name, section, mask, value, fields, where, feature, listed_only, ignored=0):
        self.name, self.section, self.mask, self.value = name, section, mask, value
        self.fields = fields
        self.feature = feature
        self.listed_only = listed_only
        self.ignored = ignored  # bits printed as (1) in the manual: set in the words we make
        self.where_text = where
        self.where = compile(python_expression(where), f"<{name}>", "eval") if where else None

    def allows(self, values):
        return self.where is None or bool(eval(self.where, {"__builtins__": {}}, values))

    def word(self, values):
        word = self.value | self.ignored
        for name, (low, width) in self.fields.items():
            word |= (values[name] & (1 << width) - 1) << low
        return word

    def matches(self, word):
        if word & self.mask != self.value:
            return False
        return self.allows({name: word >> low & (1 << width) - 1 for name, (low, width) in self.fields.items()})


def python_expression(text):
    text = text.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(\w+)", r"(\1 == 0)", text)
    return re.sub(r"!(?!=)", " not ", text).strip()


def joined_lines(text):
    held = ""
    for line in text.splitlines():
        line = held + line
        if line.endswith("\\"):
            held = line[:-1] + " "
            continue
        held = ""
        yield line


def parse_row(line, section):
    listed_only = line.startswith("-")
    feature = re.search(r"@(\w+)", line)
    line = re.sub(r"@\w+", "", line.lstrip("- "))
    line, _, _ = line.partition("->")
    line, _, where = line.partition(" where ")
    tokens = line.split()
    name, low, mask, value, ignored, fields = tokens[0], 32, 0, 0, 0, {}
    for token in tokens[1:]:
        field = re.fullmatch(r"([a-z]\w*):(\d+)", token)
        if field:
            low -= int(field[2])
            fields[field[1]] = (low, int(field[2]))
        elif re.fullmatch(r"[01.]+", token):
            for bit in token:
                low -= 1
                mask |= (bit != ".") << low
                value |= (bit == "1") << low
                ignored |= (bit == ".") << low
        if low == 0:
            break
    if low:
        raise ValueError(f"row {name} has {32 - low} bits")
    return Row(name, section, mask, value, fields, where.strip(), feature[1] if feature else "", listed_only, ignored)


def read_decode(text):
    rows, section = [], ""
    for line in joined_lines(text):
        if line.startswith("["):
            section = line.strip("[] \t")
        elif line.strip() and not line.startswith(("#", "group", "}")):
            rows.append(parse_row(line, section))
    return rows


def number(value):
    return int(value, 0) if isinstance(value, str) else value


def read_json(text):
    rows = []
    for item in json.loads(text):
        fields = {name: tuple(place) for name, place in item["fields"].items()}
        rows.append(Row(item["name"], item.get("section", ""), number(item["mask"]), number(item["value"]), fields,
                        item.get("where", ""), item.get("feature", ""), item.get("listed_only", False)))
    return rows


def read(path):
    text = path.read_text()
    return read_json(text) if path.suffix == ".json" else read_decode(text)
