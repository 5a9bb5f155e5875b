//! `brolga binfmt`: entries of the kernel's binfmt_misc, so that guest programs run by their own name
//! (Linux, Documentation/admin-guide/binfmt-misc.rst).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::guest::Guest;

/// Where binfmt_misc is mounted.
pub const MOUNT: &str = "/proc/sys/fs/binfmt_misc";
/// Where an administrator's files for systemd-binfmt go (binfmt.d(5)).
pub const SYSTEMD_DIR: &str = "/etc/binfmt.d";

/// The ELF identification of one guest: 20 bytes from the start of the file.
const LENGTH: usize = 20;

/// The magic bytes of `guest`'s programs and the mask of the bits that count. Ignored: the ABI byte (7) and the low bit
/// of `e_type`, so that 2 (fixed address) and 3 (position independent) both match.
pub fn magic_and_mask(guest: &Guest) -> ([u8; LENGTH], [u8; LENGTH]) {
    let half = |value: u16| if guest.little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut magic = [0; LENGTH];
    magic[..7].copy_from_slice(&[
        0x7f,
        b'E',
        b'L',
        b'F',
        1 + u8::from(guest.wide),
        2 - u8::from(guest.little_endian),
        1,
    ]);
    magic[16..18].copy_from_slice(&half(2));
    magic[18..20].copy_from_slice(&half(guest.machine));
    let mut mask = [0xff; LENGTH];
    mask[7] = 0;
    mask[16..18].copy_from_slice(&half(0xfffe));
    (magic, mask)
}

/// The entry's name under [`MOUNT`].
pub fn entry_name(guest: &Guest) -> String {
    format!("brolga-{}", guest.name)
}

/// Checks `--flags`: any of F (open the interpreter now, for containers), P (keep the program's `argv[0]`), C (the
/// program's own credentials, set-user-id included; implies O) and O (pass the program as an open file).
pub fn check_flags(flags: &str) -> anyhow::Result<()> {
    match flags.chars().find(|flag| !"FPCO".contains(*flag)) {
        Some(bad) => bail!("unknown binfmt_misc flag '{bad}': there are F, P, C and O"),
        None => Ok(()),
    }
}

/// The line for the kernel's `register` file and for binfmt.d.
pub fn line(guest: &Guest, interpreter: &Path, flags: &str) -> anyhow::Result<String> {
    check_flags(flags)?;
    // The interpreter would be started through itself, and so would every other program.
    if guest.name == std::env::consts::ARCH {
        bail!("{0} programs are this machine's own; 'brolga run' and 'qemu-{0}' run them on demand", guest.name);
    }
    let path = interpreter.to_str().filter(|path| !path.contains([':', '\n']));
    let path = path.with_context(|| format!("{}: binfmt_misc cannot hold this path", interpreter.display()))?;
    // BINPRM_BUF_SIZE less one: the kernel's limit before 4.20 (128 bytes), kept so that entries work everywhere.
    if path.len() > 127 {
        bail!("{path}: longer than the 127 bytes binfmt_misc takes");
    }
    let (magic, mask) = magic_and_mask(guest);
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    Ok(format!(":{}:M::{}:{}:{path}:{flags}", entry_name(guest), escaped(&magic), escaped(&mask)))
}

/// The program an entry should start: the `brolga-ARCH` link beside `binary` where there is one, else `binary` itself,
/// which works with flag P on Linux 5.12 and later.
pub fn interpreter(guest: &Guest, binary: &Path) -> PathBuf {
    let link = binary.with_file_name(entry_name(guest));
    if link.exists() { link } else { binary.to_owned() }
}

/// What is registered for `guest` under `mount`: each matching entry with whether it is enabled and its interpreter.
pub fn registered(mount: &Path, guest: &Guest) -> io::Result<Vec<(String, bool, String)>> {
    let magic: String = magic_and_mask(guest).0.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(mount)? {
        let entry = entry?;
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        if value("magic ") == Some(&magic) {
            let interpreter = value("interpreter ").unwrap_or_default().to_owned();
            found.push((entry.file_name().to_string_lossy().into_owned(), text.starts_with("enabled"), interpreter));
        }
    }
    found.sort();
    Ok(found)
}

/// Registers `line` with the running kernel; an older entry of the same name is replaced.
pub fn install(mount: &Path, guest: &Guest, line: &str) -> anyhow::Result<()> {
    need_mount(mount)?;
    remove(mount, guest)?;
    write(&mount.join("register"), line)
}

/// Unregisters; `false` when there was nothing.
pub fn remove(mount: &Path, guest: &Guest) -> anyhow::Result<bool> {
    need_mount(mount)?;
    let entry = mount.join(entry_name(guest));
    if !entry.exists() {
        return Ok(false);
    }
    write(&entry, "-1")?;
    Ok(true)
}

fn need_mount(mount: &Path) -> anyhow::Result<()> {
    if mount.join("register").exists() {
        return Ok(());
    }
    bail!(
        "binfmt_misc is not mounted here. As root: mount -t binfmt_misc binfmt_misc {} (and 'modprobe binfmt_misc' if the \
         kernel says it does not know it). Inside a container, install on the host instead; flag F makes it work in here",
        mount.display()
    )
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let attempt = || fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
    attempt().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => anyhow::anyhow!("{}: not permitted; this takes root", path.display()),
        io::ErrorKind::ReadOnlyFilesystem => {
            anyhow::anyhow!("{}: mounted read-only, as in most containers; run this on the host", path.display())
        }
        io::ErrorKind::InvalidInput => anyhow::anyhow!("{}: the kernel refuses the entry: {text}", path.display()),
        _ => anyhow::anyhow!("{}: {error}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::GUESTS;

    #[test]
    fn aarch64_line_is_the_documented_one() {
        let guest = &GUESTS[0];
        assert_eq!(
            line(guest, Path::new("/usr/bin/brolga-aarch64"), "FPC").unwrap(),
            r":brolga-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:"
                .to_owned()
                + r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/brolga-aarch64:FPC"
        );
        assert!(line(guest, Path::new("/a:b"), "F").is_err());
        let own = GUESTS.iter().find(|g| g.name == std::env::consts::ARCH).unwrap();
        assert!(line(own, Path::new("/a"), "F").unwrap_err().to_string().contains("this machine's own"));
        assert!(line(guest, Path::new("/a"), "FX").unwrap_err().to_string().contains("'X'"));
    }

    #[test]
    fn entries_are_found_by_their_magic() {
        let mount = tempfile::tempdir().unwrap();
        assert!(install(mount.path(), &GUESTS[0], "x").unwrap_err().to_string().contains("not mounted"));
        let entry = "enabled\ninterpreter /usr/bin/other\nflags: OCF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\n";
        fs::write(mount.path().join("other"), entry).unwrap();
        fs::write(mount.path().join("status"), "enabled\n").unwrap();
        let found = registered(mount.path(), &GUESTS[0]).unwrap();
        assert_eq!(found, [("other".to_owned(), true, "/usr/bin/other".to_owned())]);
        fs::write(mount.path().join("register"), "").unwrap();
        install(mount.path(), &GUESTS[0], ":line").unwrap();
        assert_eq!(fs::read_to_string(mount.path().join("register")).unwrap(), ":line");
        assert!(!remove(mount.path(), &GUESTS[0]).unwrap());
    }
}
