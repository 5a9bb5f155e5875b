"""Builds exec_cases and runs case files under emulators."""
import pathlib
import shlex
import subprocess

import cases as c

HERE = pathlib.Path(__file__).resolve().parent
PREFIX = "aarch64-linux-gnu-"
FLAGS = ["-O2", "-Wall", "-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-fno-stack-protector",
         "-march=armv8-a", "-mgeneral-regs-only"]


def build(folder):
    """The guest program and the address of its code buffer."""
    program = folder / "exec_cases"
    sources = [HERE / "exec_cases.c", HERE / "enter.S"]
    if not program.exists() or program.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([PREFIX + "gcc", *FLAGS, *map(str, sources), "-o", str(program)], check=True)
    symbols = subprocess.run([PREFIX + "nm", str(program)], check=True, capture_output=True, text=True).stdout
    return program, next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" code"))


class Emulator:
    """One command that runs the guest program."""

    def __init__(self, command, program, code_address, timeout, passes=1, tick=4000000):
        self.command, self.program, self.code_address, self.timeout = command, program, code_address, timeout
        self.passes, self.tick = passes, tick
        self.name = pathlib.Path(shlex.split(command)[0]).name
        self.deaths = []
        self.splits = 0  # code addresses of a case move when its file is split

    def raw(self, cases, data_seed):
        data = c.encode(cases, data_seed, self.code_address, self.passes, self.tick)
        try:
            done = subprocess.run([*shlex.split(self.command), str(self.program)], input=data, capture_output=True,
                                  timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return b"", "timeout"
        why = None
        if done.returncode:
            why = f"status {done.returncode}: " + done.stderr.decode(errors="replace").strip()[-400:]
        return done.stdout, why

    def run(self, cases, data_seed):
        """One result a case, None where the emulator itself died."""
        output, why = self.raw(cases, data_seed)
        results = c.decode(cases, output)
        if why is None and len(results) == len(cases):
            return results
        if len(cases) == 1:
            self.deaths.append((cases[0], why or "short output"))
            return [None]
        if len(self.deaths) >= 20:
            return [None] * len(cases)
        self.splits += 1
        half = len(cases) // 2
        return self.run(cases[:half], data_seed) + self.run(cases[half:], data_seed)


def disassemble(words, folder):
    """Text of each word by objdump."""
    blob = folder / "words.bin"
    blob.write_bytes(b"".join(word.to_bytes(4, "little") for word in words))
    done = subprocess.run([PREFIX + "objdump", "-D", "-b", "binary", "-m", "aarch64", "-M", "no-aliases", str(blob)],
                          capture_output=True, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines() if ":\t" in line]
    return [" ".join(part.strip() for part in line[2:]) for line in lines]
