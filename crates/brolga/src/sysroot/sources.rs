//! Which archives a sysroot is made from: those of the host's own apt configuration, so that no host is built in, or
//! one given by `--mirror`. sources.list(5), both formats.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// One archive entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Base addresses.
    pub uris: Vec<String>,
    /// Suites.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// Keyring file or fingerprint (or an embedded key, continuation lines included); apt's trusted keys without.
    pub signed_by: Option<String>,
    /// Architectures the entry is limited to; empty means all.
    architectures: Vec<String>,
}

/// A field of this host's os-release(5).
fn os_release(field: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

/// The release this host runs.
pub fn host_suite() -> Option<String> {
    os_release("VERSION_CODENAME")
}

/// The single source behind `--mirror`. Without a key file it is that of this host's distribution, as its keyring
/// package names it; failing that, apt's trusted keys.
pub fn mirror(uri: &str, suite: &str, keyring: Option<&str>) -> Source {
    let distribution = os_release("ID").unwrap_or_default();
    let own_keyring = format!("/usr/share/keyrings/{distribution}-archive-keyring.gpg");
    let own_keyring = Path::new(&own_keyring).is_file().then_some(own_keyring);
    let components = if distribution == "ubuntu" { "main universe" } else { "main" };
    Source {
        uris: vec![uri.to_owned()],
        suites: vec![suite.to_owned()],
        components: words(components),
        signed_by: keyring.map(str::to_owned).or(own_keyring),
        architectures: Vec::new(),
    }
}

/// The host's sources for `suite` and `arch`. Sources of another release of the same distribution are asked for
/// `suite` instead; backports and third parties' archives are left out.
pub fn from_host(etc: &Path, suite: &str, arch: &str, host_suite: Option<&str>) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    for source in read_all(etc)? {
        if !source.architectures.is_empty() && !source.architectures.iter().any(|a| a == arch) {
            continue;
        }
        let suites: Vec<_> = source.suites.iter().filter_map(|s| rename(s, suite, host_suite)).collect();
        if !suites.is_empty() {
            found.push(Source { suites, architectures: vec![arch.to_owned()], ..source });
        }
    }
    if found.is_empty() {
        bail!("this system's apt sources have no archive for {suite} on {arch}: name one with '--mirror URL'");
    }
    Ok(found)
}

/// `bookworm`, `bookworm-updates`, `bookworm-security`, `bookworm/updates`: the release's own name and what hangs on it.
fn rename(found: &str, suite: &str, host_suite: Option<&str>) -> Option<String> {
    let tail = found.strip_prefix(suite).or_else(|| found.strip_prefix(host_suite?))?;
    ["", "-updates", "-security", "/updates"].contains(&tail).then(|| format!("{suite}{tail}"))
}

/// The deb822 text of `sources`, package lists only.
pub fn deb822(sources: &[Source]) -> String {
    let mut text = String::new();
    for source in sources {
        text += &format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\nTargets: Packages\n",
            source.uris.join(" "),
            source.suites.join(" "),
            source.components.join(" ")
        );
        if let Some(key) = &source.signed_by {
            text += &format!("Signed-By: {key}\n");
        }
        text.push('\n');
    }
    text
}

fn read_all(etc: &Path) -> anyhow::Result<Vec<Source>> {
    let mut files = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        let mut parts: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        parts.sort();
        files.extend(parts);
    }
    let mut sources = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let read = || fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(read()?.lines().filter_map(one_line)),
            Some("sources") => sources.extend(stanzas(&read()?)),
            _ => {}
        }
    }
    Ok(sources)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// `deb [arch=arm64 signed-by=FILE] URI SUITE COMPONENT...`
fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let mut source = Source::default();
    if let Some(bracket) = rest.strip_prefix('[') {
        let (options, behind) = bracket.split_once(']')?;
        for (key, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
            match key {
                "arch" => source.architectures = value.split(',').map(str::to_owned).collect(),
                "signed-by" => source.signed_by = Some(value.to_owned()),
                _ => {}
            }
        }
        rest = behind;
    }
    let mut rest = words(rest).into_iter();
    source.uris = vec![rest.next()?];
    source.suites = vec![rest.next()?];
    source.components = rest.collect();
    Some(source)
}

/// The enabled binary stanzas of a deb822 file.
fn stanzas(text: &str) -> Vec<Source> {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).filter_map(stanza).collect()
}

fn stanza(lines: &[&str]) -> Option<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            value.push('\n');
            value.push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let off = field("enabled").is_some_and(|value| ["no", "false", "0", "off"].contains(&value));
    if off || !field("types")?.split_whitespace().any(|kind| kind == "deb") {
        return None;
    }
    Some(Source {
        uris: words(field("uris")?),
        suites: words(field("suites")?),
        components: words(field("components").unwrap_or_default()),
        signed_by: field("signed-by").map(str::to_owned),
        architectures: words(field("architectures").unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etc(list: &str, sources: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sources.list.d")).unwrap();
        fs::write(dir.path().join("sources.list"), list).unwrap();
        fs::write(dir.path().join("sources.list.d/x.sources"), sources).unwrap();
        fs::write(dir.path().join("sources.list.d/x.sources.disabled"), "Types: deb\nURIs: u\nSuites: bookworm\n")
            .unwrap();
        dir
    }

    #[test]
    fn both_formats_are_read_and_foreign_archives_left_out() {
        let list = "deb [arch=amd64] http://a.example bookworm main\n\
                    deb [signed-by=/k.gpg] http://b.example/debian bookworm main contrib # comment\n\
                    deb-src http://b.example/debian bookworm main\n# deb http://c.example bookworm main\n\
                    deb http://d.example stable main\n";
        let sources = "Types: deb deb-src\n# note\nURIs: http://e.example\nSuites: bookworm-security bookworm-backports\n\
                       Components: main\nSigned-By:\n -----BEGIN\n .\n key\n\nTypes: deb\nEnabled: no\nURIs: u\nSuites: bookworm\n";
        let etc = etc(list, sources);
        let found = from_host(etc.path(), "bookworm", "arm64", Some("bookworm")).unwrap();
        let text = deb822(&found);
        assert_eq!(
            text,
            "Types: deb\nURIs: http://b.example/debian\nSuites: bookworm\nComponents: main contrib\nTargets: Packages\n\
             Signed-By: /k.gpg\n\n\
             Types: deb\nURIs: http://e.example\nSuites: bookworm-security\nComponents: main\nTargets: Packages\n\
             Signed-By: \n -----BEGIN\n .\n key\n\n"
        );
    }

    #[test]
    fn another_release_is_asked_of_the_same_mirror() {
        let etc = etc("deb http://b.example bookworm-updates main\ndeb http://b.example bookworm main\n", "");
        let found = from_host(etc.path(), "trixie", "arm64", Some("bookworm")).unwrap();
        let suites: Vec<_> = found.iter().flat_map(|source| &source.suites).collect();
        assert_eq!(suites, ["trixie-updates", "trixie"]);
        let error = from_host(etc.path(), "noble", "arm64", None).unwrap_err();
        assert!(error.to_string().contains("--mirror"));
    }
}
