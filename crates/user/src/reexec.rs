//! How a run's options reach the emulator that a guest's `execve` starts: as words of the argument
//! vector, which the guest never sees. What follows from the caller's own words (processor, log, size of the space) is not among them.
//!
//! Form: `brolga --reexec WORDS word... program argv0 argument...`, where WORDS is the number of option words.

use crate::config::{Config, Guest, StraceOptions};
use crate::limits::Limits;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// First argument of a re-entered emulator.
pub const MARK: &str = "--reexec";

/// The argument vector that runs `program` with `args` (argv[0] first) under the options of `config`.
pub fn encode(config: &Config, program: OsString, args: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut put = |key: &str, value: &OsStr| words.push([key.as_bytes(), b"=", value.as_bytes()].concat());
    let Config {
        guest,
        prefix,
        stack_size,
        strace,
        uname,
        guest_base,
        seed,
        carried,
        exec_name,
        open_files,
        program_fd,
        limits,
        seccomp,
        ..
    } = config;
    put("guest", OsStr::new(guest.abi().name));
    if let Some(p) = prefix {
        put("prefix", p.as_os_str());
    }
    put("stack", OsStr::new(&stack_size.to_string()));
    put("base", OsStr::new(&guest_base.to_string()));
    if let Some(s) = strace {
        put("strace", OsStr::new(&format!("{},{}", s.string_limit, s.filter.join(","))));
    }
    if let Some(u) = uname {
        put("uname", OsStr::new(u));
    }
    if let Some(s) = seed {
        put("seed", OsStr::new(&s.to_string()));
    }
    if let Some(name) = exec_name {
        put("exec-name", name);
    }
    if let Some(fd) = program_fd {
        put("program-fd", OsStr::new(&fd.to_string()));
    }
    if let Some(n) = open_files {
        put("open-files", OsStr::new(&n.to_string()));
    }
    if let Some(Limits { data: [a, b], space: [c, d] }) = limits {
        put("limits", OsStr::new(&format!("{a},{b},{c},{d}")));
    }
    for filter in seccomp.words() {
        put("seccomp", OsStr::new(&filter));
    }
    for c in carried {
        put("carried", c);
    }
    let mut out = vec![b"brolga".to_vec(), MARK.as_bytes().to_vec(), words.len().to_string().into_bytes()];
    out.extend(words);
    out.push(program.into_vec());
    out.extend(args);
    out
}

/// The run that a re-entered emulator is to make, if `args` (the whole vector) came from [`encode`].
pub fn decode(args: &[OsString]) -> Option<Config> {
    if args.get(1)?.as_os_str() != MARK {
        return None;
    }
    let count: usize = args.get(2)?.to_str()?.parse().ok()?;
    let words = args.get(3..3usize.checked_add(count)?)?;
    let rest = &args[3 + count..];
    let (program, argv0) = (rest.first()?, rest.get(1)?);
    let mut config = Config::new(Guest::Aarch64, PathBuf::from(program), rest[2..].to_vec());
    config.argv0 = Some(argv0.clone());
    for w in words {
        apply(&mut config, w.as_bytes())?;
    }
    Some(config)
}

fn apply(config: &mut Config, word: &[u8]) -> Option<()> {
    let at = word.iter().position(|&b| b == b'=')?;
    let (key, value) = (std::str::from_utf8(&word[..at]).ok()?, OsStr::from_bytes(&word[at + 1..]));
    let text = || value.to_str();
    match key {
        "guest" => config.guest = Guest::by_name(text()?)?,
        "prefix" => config.prefix = Some(value.into()),
        "stack" => config.stack_size = text()?.parse().ok()?,
        "base" => config.guest_base = text()?.parse().ok()?,
        "strace" => {
            let (limit, names) = text()?.split_once(',')?;
            let filter = names.split(',').filter(|n| !n.is_empty()).map(str::to_string).collect();
            config.strace = Some(StraceOptions { filter, string_limit: limit.parse().ok()? });
        }
        "uname" => config.uname = Some(text()?.to_string()),
        "seed" => config.seed = Some(text()?.parse().ok()?),
        "program-fd" => config.program_fd = Some(text()?.parse().ok()?),
        "open-files" => config.open_files = Some(text()?.parse().ok()?),
        "limits" => {
            let n: Vec<u64> = text()?.split(',').map(|n| n.parse().ok()).collect::<Option<_>>()?;
            let [a, b, c, d] = n[..] else { return None };
            config.limits = Some(Limits { data: [a, b], space: [c, d] });
        }
        "seccomp" if config.seccomp.add_word(text()?) => {}
        "exec-name" => config.exec_name = Some(value.to_os_string()),
        "carried" => config.carried.push(value.to_os_string()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_gives_back_what_encode_was_given() {
        let mut config = Config::new(Guest::Aarch64, "old".into(), vec![]);
        config.prefix = Some("/a=b".into());
        config.stack_size = 12345;
        config.strace = Some(StraceOptions { filter: vec!["read".into(), "write".into()], string_limit: 5 });
        config.uname = Some("6.1".into());
        config.guest_base = 1 << 30;
        config.seed = Some(3);
        config.open_files = Some(20);
        assert!(config.seccomp.add_word("0600000000000000"));
        config.limits = Some(Limits { data: [1, 2], space: [3, u64::MAX] });
        config.carried = vec!["-one".into(), "two".into()];
        let words = encode(&config, "/bin/x".into(), vec![b"x0".to_vec(), b"".to_vec(), b"--reexec".to_vec()]);
        let args: Vec<OsString> = words.into_iter().map(OsString::from_vec).collect();
        let back = decode(&args).unwrap();
        assert_eq!(back.program, PathBuf::from("/bin/x"));
        assert_eq!(back.argv0.as_deref(), Some(OsStr::new("x0")));
        assert_eq!(back.args, ["", "--reexec"]);
        assert_eq!((back.prefix, back.stack_size, back.strace), (config.prefix, config.stack_size, config.strace));
        assert_eq!((back.uname, back.guest_base), (config.uname, config.guest_base));
        assert_eq!((back.seed, back.carried, back.open_files), (config.seed, config.carried, config.open_files));
        assert_eq!((back.limits, back.seccomp.words()), (config.limits, config.seccomp.words()));
    }

    #[test]
    fn decode_other_vectors_are_none() {
        let v = |s: &[&str]| s.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(decode(&v(&["brolga", "prog"])).is_none());
        assert!(decode(&v(&["brolga", MARK])).is_none());
        assert!(decode(&v(&["brolga", MARK, "9", "prog", "a"])).is_none());
        assert!(decode(&v(&["brolga", MARK, "99999999999999999999", "prog", "a"])).is_none());
        assert!(decode(&v(&["brolga", MARK, "18446744073709551615", "prog", "a"])).is_none());
    }
}
