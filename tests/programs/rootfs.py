"""Debian 12 folder trees for the program tests: packages fetched with apt into a cache folder, unpacked, never installed.

No root rights and no foreign architecture on the host are needed: apt gets its own folders, and an empty list of
installed packages, so that it downloads all dependencies. Maintainer scripts do not run; what they would make
(links of alternatives, accounts) is made here where a case needs it.
"""
import pathlib
import re
import subprocess

RELEASE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEFAULT_SOURCES = [("http://deb.debian.org/debian", f"{RELEASE} {RELEASE}-updates"),
                   ("http://deb.debian.org/debian-security", f"{RELEASE}-security")]
# Links that update-alternatives makes, where their target exists.
ALTERNATIVES = {
    "usr/bin/awk": ["/usr/bin/mawk", "/usr/bin/gawk"],
    "usr/bin/sh": ["dash", "bash"],
    "usr/bin/lua": ["/usr/bin/lua5.4"],
    "usr/bin/php": ["/usr/bin/php8.2"],
    "usr/bin/java": ["/usr/lib/jvm/java-17-openjdk-{arch}/bin/java"],
    "usr/bin/javac": ["/usr/lib/jvm/java-17-openjdk-{arch}/bin/javac"],
    "usr/bin/cc": ["gcc-12"],
    "usr/bin/gcc": ["gcc-12"],
    "usr/bin/go": ["../lib/go/bin/go"],
    "usr/lib/{multiarch}/libblas.so.3": ["blas/libblas.so.3"],
    "usr/lib/{multiarch}/liblapack.so.3": ["lapack/liblapack.so.3"],
}
ACCOUNTS = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"


def host_mirrors():
    """Debian archive addresses of the host's own sources, else the usual ones."""
    found = []
    for path in sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            uri = re.search(r"^URIs:\s*(\S*/debian(?:-security)?)/?\s*$", stanza, re.M)
            suites = re.search(r"^Suites:\s*(.*)$", stanza, re.M)
            if uri and suites and "backports" not in suites[1] and RELEASE in suites[1]:
                found.append((uri[1], suites[1].strip()))
    return found or DEFAULT_SOURCES


class Root:
    """The tree of one architecture."""

    def __init__(self, cache, arch):
        self.arch, self.base = arch, cache / RELEASE / arch
        self.path = self.base / "root"
        self.archives = self.base / "apt/archives"
        self.done = self.base / "unpacked"

    def apt(self, *arguments):
        apt = self.base / "apt"
        for folder in ("lists/partial", "archives/partial", "etc/sources.list.d", "etc/preferences.d", "etc/apt.conf.d"):
            (apt / folder).mkdir(parents=True, exist_ok=True)
        (apt / "status").touch()
        lines = [f"deb [signed-by={KEYRING}] {uri} {suite} main" for uri, suites in host_mirrors()
                 for suite in suites.split()]
        (apt / "etc/sources.list").write_text("\n".join(lines) + "\n")
        settings = {
            "APT::Architecture": self.arch, "APT::Architectures": self.arch, "Dir::Etc": apt / "etc",
            "Dir::Etc::sourcelist": apt / "etc/sources.list", "Dir::Etc::sourceparts": apt / "etc/sources.list.d",
            "Dir::State::lists": apt / "lists", "Dir::State::status": apt / "status",
            "Dir::State::extended_states": apt / "extended_states", "Dir::Cache": apt, "Dir::Cache::archives": self.archives,
            "Debug::NoLocking": "1", "APT::Install-Recommends": "0", "APT::Sandbox::User": "", "APT::Get::Assume-Yes": "1",
            "Acquire::Languages": "none",
        }
        options = [item for key, value in settings.items() for item in ("-o", f"{key}={value}")]
        done = subprocess.run(["apt-get", "-q", *options, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"apt-get {' '.join(arguments)}\n{done.stderr[-2000:]}")
        return done.stdout

    def ensure(self, packages):
        """Makes the tree hold these packages and what they depend on."""
        self.path.mkdir(parents=True, exist_ok=True)
        known = set(self.done.read_text().split()) if self.done.exists() else set()
        wanted = sorted(set(packages) - known)
        if not wanted:
            self.link()
            return
        if not any((self.base / "apt/lists").glob("*Packages*")):
            self.apt("update")
        self.apt("install", "--download-only", *wanted)
        self.prepare()
        for archive in sorted(self.archives.glob("*.deb")):
            if archive.name not in known:
                self.unpack(archive)
                known.add(archive.name)
        self.link()
        self.done.write_text("\n".join(sorted(known | set(wanted))) + "\n")

    def prepare(self):
        """The merged-/usr links, before the first package."""
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.path / "usr" / name).mkdir(parents=True, exist_ok=True)
            link = self.path / name
            if not link.is_symlink() and not link.exists():
                link.symlink_to(f"usr/{name}")
        for name in ("etc", "proc", "dev", "sys", "tmp", "root", "run", "cases", "work", "emulator", "var/tmp"):
            (self.path / name).mkdir(parents=True, exist_ok=True)

    def unpack(self, archive):
        deb = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE)
        tar = subprocess.run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(self.path)],
                             stdin=deb.stdout, capture_output=True, text=True)
        if tar.returncode or deb.wait():
            raise RuntimeError(f"{archive.name}: {tar.stderr[-1000:]}")

    def link(self):
        names = {"arch": self.arch, "multiarch": {"arm64": "aarch64", "amd64": "x86_64"}[self.arch] + "-linux-gnu"}
        for name, targets in ALTERNATIVES.items():
            place = self.path / name.format(**names)
            for target in (text.format(**names) for text in targets):
                seen = self.path / target.lstrip("/") if target.startswith("/") else place.parent / target
                if not place.is_symlink() and not place.exists() and (seen.exists() or seen.is_symlink()):
                    place.symlink_to(target)
        (self.path / "etc/passwd").write_text(ACCOUNTS)
        (self.path / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
        (self.path / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (self.path / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
