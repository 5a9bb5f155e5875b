//! The comparison: cases by a seed, the host and the tiers, what differs, made small.

use crate::case::{CODE, Case, DATA_LEN, decode};
use crate::generate::{self, forms};
use crate::host::{Host, Registers};
use crate::judge::{End, GENERAL, Run, differences, native, ours, undefined};
use crate::makers;
use crate::random::Random;
use brolga_harness::{Engine, Guest, engines, guest_by_name};
use iced_x86::{Code, Mnemonic};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Which cases.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Cases of one instruction, a form.
    pub each: u32,
    /// Sequences.
    pub sequences: u32,
    /// Most instructions of a sequence.
    pub longest: u64,
    /// Only forms whose name contains one of these, in lower case; all if empty.
    pub only: Vec<String>,
    /// Whether every case goes through every tier, instead of tier 0 and one other in turn.
    pub every_tier: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Summary {
    /// Cases by tier.
    pub compared: BTreeMap<String, u32>,
    /// Forms with at least one comparison.
    pub forms: usize,
    /// Forms that the host has not.
    pub not_here: Vec<Code>,
    /// Forms that the host has and the front end has not.
    pub missing: Vec<Code>,
    /// Cases without a comparison, by reason.
    pub skipped: BTreeMap<String, u32>,
    /// Differences, the first of every mnemonic or kind, made small.
    pub failures: BTreeMap<String, String>,
    /// All differences.
    pub wrong: u32,
}

/// Whether the address that faulted is among the last of the lower half: what lies across is general protection.
fn at_the_edge(raised: Option<(i32, i32, u64)>) -> bool {
    const END: u64 = 1 << 47;
    raised.is_some_and(|(_, _, addr)| (END - 64..END).contains(&addr))
}

/// Mistakes that many instructions share, so that each does not hide what else is wrong with them.
fn kind(host: &End, own: &End) -> Option<&'static str> {
    const UNDERFLOW: u32 = 1 << 4;
    const INEXACT: u32 = 1 << 5;
    let (theirs, ours) = (host.after.mxcsr, own.after.mxcsr);
    let raised = matches!(host.raised, Some((libc::SIGFPE, ..))) && theirs & !(theirs >> 7) & UNDERFLOW != 0;
    (raised && theirs ^ ours == INEXACT).then_some("inexact beside an underflow that is not masked")
}

struct Comparison {
    host: Host,
    guest: &'static Guest,
    engines: Vec<Box<dyn Engine>>,
    summary: Summary,
    turn: usize,
    every_tier: bool,
}

/// Whether one case could be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Compared,
    Missing,
    Nothing,
}

impl Comparison {
    /// How `case` differs on tier `n`, and by what kind of mistake if it is one of many instructions.
    fn difference(&mut self, case: &Case, n: usize) -> Result<(Option<&'static str>, String), (Seen, String)> {
        let nothing = |why: &str| (Seen::Nothing, why.to_string());
        let host = native(&mut self.host, case).unwrap_or_else(|e| panic!("{e}\n{}", case.listing()));
        let mut host = match host {
            Run::Ended(end) => end,
            Run::Nothing(why) => return Err(nothing(&why)),
        };
        if host.after.mxcsr > 0xffff {
            return Err(nothing("a bit of MXCSR that only some makers have"));
        }
        let u = undefined(case, host.after.rip).map_err(nothing)?;
        let mut own = match ours(&mut *self.engines[n], self.guest, case) {
            Run::Ended(end) => end,
            Run::Nothing(why) => return Err(nothing(&why)),
        };
        let illegal = |raised: Option<(i32, i32, u64)>| matches!(raised, Some((libc::SIGILL, ..)));
        if illegal(own.raised) && !illegal(host.raised) {
            return Err((Seen::Missing, "the front end lacks an instruction".into()));
        }
        if at_the_edge(own.raised)
            && host.raised.is_some_and(|(signal, ..)| matches!(signal, libc::SIGSEGV | libc::SIGBUS))
        {
            return Err(nothing("an access across the end of the lower half of addresses"));
        }
        makers::settle(case, &mut host, &mut own).map_err(nothing)?;
        Ok((kind(&host, &own), differences(&host, &own, u)))
    }

    fn run(&mut self, case: &Case, label: &str) -> Seen {
        let others = self.engines.len() - 1;
        self.turn += 1;
        let tiers: Vec<usize> = match (self.every_tier, others) {
            (true, _) => (0..=others).collect(),
            (false, 0) => vec![0],
            (false, _) => vec![0, 1 + self.turn % others],
        };
        let mut seen = Seen::Nothing;
        for n in tiers {
            let (kind, difference) = match self.difference(case, n) {
                Ok(d) => d,
                Err((what, why)) => {
                    *self.summary.skipped.entry(why).or_default() += 1;
                    if seen == Seen::Nothing {
                        seen = what;
                    }
                    continue;
                }
            };
            seen = Seen::Compared;
            let tier = self.engines[n].name().to_string();
            *self.summary.compared.entry(tier.clone()).or_default() += 1;
            if !difference.is_empty() {
                self.fail(case, n, kind, &tier, label);
                break;
            }
        }
        seen
    }

    fn fail(&mut self, case: &Case, n: usize, kind: Option<&'static str>, tier: &str, label: &str) {
        self.summary.wrong += 1;
        let names: Vec<String> = case.instructions.iter().map(|i| format!("{:?}", i.mnemonic())).collect();
        let key = match kind {
            Some(kind) => kind.to_string(),
            None if names.len() == 1 => names[0].clone(),
            None => "sequences".into(),
        };
        if self.summary.failures.contains_key(&key) {
            return;
        }
        let small = self.minimise(case.clone(), n, kind);
        let difference = self.difference(&small, n).map_or_else(|(_, why)| why, |(_, text)| text);
        let text = format!("{label}, {tier}:\n{}{}{difference}", small.listing(), inputs(&small));
        self.summary.failures.insert(key, text);
    }

    fn differs(&mut self, case: &Case, n: usize, by: Option<&'static str>) -> bool {
        self.difference(case, n).is_ok_and(|(kind, text)| kind == by && !text.is_empty())
    }

    /// A smaller case that still differs: fewer instructions, then registers and data that are zero.
    fn minimise(&mut self, mut case: Case, n: usize, kind: Option<&'static str>) -> Case {
        let mut at = 0;
        while case.instructions.len() > 1 && at < case.instructions.len() {
            let gone = case.instructions[at];
            let from = (gone.ip() - CODE) as usize;
            let mut shorter = case.clone();
            shorter.code.drain(from..from + gone.len());
            shorter.instructions = decode(&shorter.code);
            if self.differs(&shorter, n, kind) {
                case = shorter;
            } else {
                at += 1;
            }
        }
        for change in simpler() {
            let mut other = case.clone();
            change(&mut other.before);
            if self.differs(&other, n, kind) {
                case = other;
            }
        }
        for half in [0..DATA_LEN as usize / 2, DATA_LEN as usize / 2..DATA_LEN as usize] {
            let mut other = case.clone();
            other.data[half].fill(0);
            if self.differs(&other, n, kind) {
                case = other;
            }
        }
        case
    }
}

type Change = Box<dyn Fn(&mut Registers)>;

/// What may become simpler, one at a time.
fn simpler() -> Vec<Change> {
    let mut out: Vec<Change> = vec![
        Box::new(|r| r.eflags = 0x202),
        Box::new(|r| r.bases = [0; 2]),
        Box::new(|r| r.mxcsr = 0x1f80),
        Box::new(|r| r.x87 = [0x37f, 0, 0xff]),
        Box::new(|r| r.x87[0] = 0x37f),
        Box::new(|r| r.x87[1] = 0),
        Box::new(|r| r.xmm = [0; 16]),
        Box::new(|r| r.ymm_high = [0; 16]),
        Box::new(|r| r.st = [0; 8]),
    ];
    for n in 0..16 {
        out.push(Box::new(move |r| r.gpr[n] = 0));
        out.push(Box::new(move |r| r.xmm[n] = 0));
        out.push(Box::new(move |r| r.ymm_high[n] = 0));
    }
    for n in 0..8 {
        out.push(Box::new(move |r| r.st[n] = 0));
    }
    out
}

/// Registers that are not as [`simpler`] would have them.
fn inputs(case: &Case) -> String {
    let (mut out, r) = (String::from("  with"), &case.before);
    for (n, v) in r.gpr.iter().enumerate().filter(|(_, v)| **v != 0) {
        let _ = write!(out, " {}={v:#x}", GENERAL[n]);
    }
    let _ = write!(out, " eflags={:#x} mxcsr={:#x} x87={:x?}", r.eflags, r.mxcsr, r.x87);
    let wide = [("st", &r.st[..]), ("xmm", &r.xmm), ("ymmh", &r.ymm_high)];
    for (name, values) in wide {
        for (n, v) in values.iter().enumerate().filter(|(_, v)| **v != 0) {
            let _ = write!(out, " {name}{n}={v:#x}");
        }
    }
    out + "\n"
}

/// Instructions that may stand anywhere in a sequence: what follows is reached.
fn goes_on(code: &Code) -> bool {
    code.flow_control() == iced_x86::FlowControl::Next && !matches!(code.mnemonic(), Mnemonic::Popf | Mnemonic::Popfq)
}

/// Compares by `plan`; `tell` hears of every form that is done.
pub fn compare(plan: &Plan, mut tell: impl FnMut(usize, usize)) -> std::io::Result<Summary> {
    let host = Host::new()?;
    let guest = guest_by_name("x86_64").ok_or_else(|| std::io::Error::other("the harness has no x86-64 guest"))?;
    let mut c = Comparison {
        host,
        guest,
        engines: engines(guest),
        summary: Summary::default(),
        turn: 0,
        every_tier: plan.every_tier,
    };
    let chosen = |code: &Code| {
        let name = format!("{code:?}").to_lowercase();
        plan.only.is_empty() || plan.only.iter().any(|o| name.contains(o))
    };
    let (forms, not_here) =
        forms().into_iter().filter(chosen).partition::<Vec<_>, _>(|code| makers::judged_here(*code));
    c.summary.not_here = not_here;
    let mut have = Vec::new();
    for (n, form) in forms.iter().enumerate() {
        // Every form has its own numbers, so that a choice of forms does not change them.
        let mut random = Random(plan.seed ^ (*form as u64) << 32);
        let (mut compared, mut missing) = (0, 0);
        for k in 0..plan.each {
            let Some(case) = generate::case(&[*form], &mut random) else { continue };
            match c.run(&case, &format!("{form:?}, seed {}, case {k}", plan.seed)) {
                Seen::Compared => compared += 1,
                Seen::Missing => missing += 1,
                Seen::Nothing => {}
            }
            // Nothing is to be learnt from a form that is not there.
            if compared == 0 && missing == 3 {
                break;
            }
        }
        if compared > 0 {
            have.push(*form);
        } else if missing > 0 {
            c.summary.missing.push(*form);
        }
        tell(n + 1, forms.len());
    }
    c.summary.forms = have.len();
    let straight: Vec<Code> = have.into_iter().filter(goes_on).collect();
    let mut random = Random(plan.seed.rotate_left(17));
    for k in 0..if straight.is_empty() { 0 } else { plan.sequences } {
        let length = 2 + random.below(plan.longest.max(2) - 1);
        let codes: Vec<Code> = (0..length).map(|_| random.pick(&straight)).collect();
        if let Some(case) = generate::case(&codes, &mut random) {
            c.run(&case, &format!("sequence {k}, seed {}", plan.seed));
        }
    }
    Ok(c.summary)
}
