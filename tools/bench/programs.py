"""Real programs of Debian 12, the same version for both architectures: what to run, its packages and its input."""
import os
import pathlib
import random
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOTFS = HERE.parent.parent / "tests" / "programs"
sys.path.insert(0, str(ROOTFS))
import rootfs  # noqa: E402

# class, name, packages, command; /cases holds the files of `programs/` and the inputs made below, /tmp is empty.
FFMPEG = "-hide_banner -loglevel error -bitexact -f lavfi -i testsrc=size=640x360:rate=25:duration=4"
PROGRAMS = [
    ("start-up", "true", "coreutils", "/usr/bin/true"),
    ("start-up", "ls", "coreutils", "/usr/bin/ls -l /usr/share/doc/coreutils"),
    ("start-up", "bash-c", "bash", "/bin/bash -c :"),
    ("start-up", "python-pass", "python3", "/usr/bin/python3 -c pass"),
    ("start-up", "git-version", "git", "/usr/bin/git --version"),
    ("start-up", "forks", "bash", "/bin/bash /cases/forks.sh"),
    ("programs", "gcc", "gcc-12 libc6-dev binutils", "/usr/bin/gcc-12 -O2 -c /cases/unit.c -o /tmp/unit.o"),
    ("programs", "python", "python3", "/usr/bin/python3 /cases/mix.py"),
    ("programs", "perl", "perl", "/usr/bin/perl /cases/mix.pl"),
    ("programs", "php", "php8.2-cli", "/usr/bin/php8.2 /cases/mix.php"),
    ("programs", "ruby", "ruby", "/usr/bin/ruby /cases/mix.rb"),
    ("programs", "node", "nodejs", "/usr/bin/node /cases/mix.js"),
    ("programs", "java", "openjdk-17-jdk-headless", "/usr/lib/jvm/java-17-openjdk-ARCHITECTURE/bin/java /cases/Mix.java"),
    ("programs", "sqlite", "sqlite3", "/usr/bin/sqlite3 /tmp/db -init /cases/mix.sql .quit"),
    ("programs", "xz", "xz-utils", "/usr/bin/xz -k -c -T1 -3 /cases/text"),
    ("programs", "zstd", "zstd", "/usr/bin/zstd -q -c -9 --single-thread /cases/text"),
    ("programs", "openssl", "openssl", "/usr/bin/openssl enc -aes-256-cbc -pbkdf2 -iter 50000 -S 0011223344556677 -k x -in /cases/text"),
    ("programs", "ffmpeg", "ffmpeg", f"/usr/bin/ffmpeg {FFMPEG} -pix_fmt yuv420p -c:v ffv1 -threads 1 -f null -"),
    ("programs", "redis", "redis-server redis-tools grep", "/bin/bash /cases/redis.sh"),
    ("programs", "git", "git bash", "/bin/bash /cases/git.sh"),
    ("programs", "7z", "p7zip-full", "/usr/lib/p7zip/7z a -bd -bso0 -mmt=1 -mx=3 /tmp/out.7z /cases/text"),
]
# Those that start others.
STARTERS = {"forks", "gcc", "redis", "git"}


def prepare(folder):
    """The files that programs read, the same on every machine."""
    shutil.copytree(HERE / "programs", folder, dirs_exist_ok=True)
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(3000)]
    text = folder / "text"
    if not text.exists():
        text.write_text("\n".join(" ".join(rng.choices(words, k=12)) for _ in range(80000)))
    (folder / "unit.c").write_text(translation_unit(rng))


def translation_unit(rng):
    """C of some thousand lines with what compilers spend time on: loops, switches, structures, inlined calls."""
    parts = ["#include <stdio.h>\n#include <string.h>\nstruct node { struct node *next; int key; double weight; char name[16]; };\n"]
    for i in range(60):
        a, b, c = rng.randint(2, 99), rng.randint(2, 9), rng.randint(1, 31)
        cases = "".join(f"        case {k}: sum += n->key * {rng.randint(2, 50)} ^ (sum >> {rng.randint(1, 9)}); break;\n" for k in range(b + 3))
        parts.append(f"""
static inline int help{i}(int x, const char *s) {{ return s[x % {c}] * {a} + (int)strlen(s); }}
int work{i}(struct node *list, const char *text, int limit) {{
    int sum = {a};
    for (struct node *n = list; n && limit--; n = n->next) {{
        switch (n->key % {b + 5}) {{
{cases}        default: sum -= help{i}(n->key, n->name) + help{i}(sum & 7, text);
        }}
        if (n->weight > {a}.5) n->weight = n->weight * 0.{b} + sum; else sum += (int)(n->weight / {c}.0);
        for (int k = 0; k < {b}; k++) sum += n->name[k] << (k & {c & 7});
    }}
    return printf("%d %s\\n", sum, text) > 0 ? sum : {"work%d(list, text, limit / 2)" % (i - 1) if i else "0"};
}}
""")
    return "".join(parts)


# Folder beside the emulators' copies for what they keep between runs.
KEPT = "kept"


class Programs:
    """Runs programs in an unpacked tree, natively or under an emulator; the launcher works inside the namespace."""

    def __init__(self, build, launcher, names, targets, guest):
        self.guest = {"aarch64": "arm64", "x86_64": "amd64"}[guest]
        self.inputs, self.bin, self.work = build / "inputs", build / "bin", build / "work"
        for folder in (self.inputs, self.bin, self.work):
            folder.mkdir(parents=True, exist_ok=True)
        prepare(self.inputs)
        shutil.copy2(launcher, self.bin / "launch")
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "brolga-tests"
        packages = {"bash", "coreutils"}.union(*(entry[2].split() for entry in PROGRAMS if entry[1] in names))
        self.roots = {}
        for architecture in sorted({self.architecture_of(target) for target in targets}):
            self.roots[architecture] = rootfs.Root(cache, architecture)
            self.roots[architecture].ensure(packages)
        self.emulators = {target.name: self.copied(target) for target in targets if target.command}

    def copied(self, target):
        """The emulator as a file below the folder that guests see as /emulator."""
        emulator = pathlib.Path(shutil.which(target.command[0]) or target.command[0]).absolute()
        (self.bin / target.name).mkdir(exist_ok=True)
        return pathlib.Path(shutil.copy2(emulator.resolve(), self.bin / target.name / emulator.name))

    def argv(self, target, name, limit):
        """The whole command line of one measured run."""
        shutil.rmtree(self.work)
        self.work.mkdir()
        inside, binfmt = [str(int(limit))], []
        if target.command:
            emulator = self.emulators[target.name]
            inside += [f"/emulator/{target.name}/{emulator.name}", *target.command[1:]]
            inside += [f"--cache=/emulator/{KEPT}"] if target.kept else []
            # The peer's guests start programs through the kernel, as on its users' machines.
            binfmt = ["--binfmt", str(emulator)] if target.name == "peer" and self.guest != "amd64" else []
        architecture = self.architecture_of(target)
        command = next(entry[3] for entry in PROGRAMS if entry[1] == name).replace("ARCHITECTURE", architecture)
        return [str(ROOTFS / "enter"), str(self.roots[architecture].path), str(self.work), str(self.inputs),
                "--emulator", str(self.bin / "launch"), " ".join(inside), *binfmt, "--", *command.split()]

    def architecture_of(self, target):
        return self.guest if target.command else "amd64"

    def can_run(self, target, name):
        """The peer leaves programs that a guest starts to the kernel, which runs those of its own architecture itself."""
        return target.name != "peer" or self.guest != "amd64" or name not in STARTERS
