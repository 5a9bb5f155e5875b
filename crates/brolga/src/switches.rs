//! `-x`: switches of the translator, each of which leaves the guest's results as they are. For tests, and for finding
//! which part of the translator a fault lies in.

/// Settings of the `-x` option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// `block-threshold=N`: entries of a block in the interpreter before it gets code of its own; 0: never.
    pub block_threshold: u32,
    /// `region-threshold=N`: entries of a block before its region is compiled; 0 keeps everything in the interpreter.
    pub region_threshold: u32,
    /// `patience=N`: entries of a region after which a larger one takes its place; 0 for never.
    pub patience: u32,
    /// `share=N`: time that the translator of regions may take in a program's first run, in percent of the guest's; 0 for all
    /// that it needs, as in later ones.
    pub share: u32,
    /// `no-link` clears it: exits of regions lead to each other.
    pub link: bool,
    /// `no-passes` clears it: regions go through the IR's passes.
    pub passes: bool,
    /// `no-worker` clears it: regions are compiled while the guest goes on.
    pub worker: bool,
    /// `no-host-fp` clears it: regions compute floating point with the host's arithmetic.
    pub host_fp: bool,
    /// `aslr`: each run puts the guest's programs and libraries at other addresses; what is kept between runs is not
    /// used then.
    pub aslr: bool,
    /// `no-aside` clears it: code on a page that was written to is kept and taken back if its own bytes are the same.
    pub aside: bool,
    /// `precise`: state in regions is exact at every fault, not only at those that the guest can see.
    pub precise: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            block_threshold: 16,
            region_threshold: 120_000,
            patience: 50_000,
            share: 10,
            link: true,
            passes: true,
            worker: true,
            host_fp: true,
            aside: true,
            precise: false,
            aslr: false,
        }
    }
}

/// The words of a list, for help and errors.
pub const WORDS: &str = "block-threshold=N, region-threshold=N (0: interpret only), patience=N, share=N, no-link, no-passes, no-worker, no-host-fp, no-aside, precise, aslr";

impl Switches {
    /// Enters one comma-separated list.
    pub fn set(&mut self, list: &str) -> Result<(), String> {
        for word in list.split(',').filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some(("block-threshold", n)) => self.block_threshold = entries(n)?,
                Some(("region-threshold", n)) => self.region_threshold = entries(n)?,
                Some(("patience", n)) => self.patience = entries(n)?,
                Some(("share", n)) => self.share = n.parse().map_err(|_| format!("'{n}' is not a percentage"))?,
                None if word == "no-link" => self.link = false,
                None if word == "no-passes" => self.passes = false,
                None if word == "no-worker" => self.worker = false,
                None if word == "no-host-fp" => self.host_fp = false,
                None if word == "no-aside" => self.aside = false,
                None if word == "precise" => self.precise = true,
                None if word == "aslr" => self.aslr = true,
                _ => return Err(format!("unknown switch '{word}' ({WORDS})")),
            }
        }
        Ok(())
    }
}

fn entries(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("'{text}' is not a number of entries"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_entered_and_unknown_words_named() {
        let mut s = Switches::default();
        s.set("region-threshold=0,no-link").unwrap();
        assert_eq!(s, Switches { region_threshold: 0, link: false, ..Switches::default() });
        assert!(s.set("no-such").unwrap_err().contains("no-such"));
        assert!(s.set("region-threshold=x").is_err());
    }
}
