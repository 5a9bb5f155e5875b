//! Every form of an instruction that CPUID promises is there and tested.
#![cfg(target_arch = "x86_64")]

use brolga_native::coverage::{Form, all};
use brolga_native::generate::forms;
use iced_x86::EncodingKind;
use std::collections::HashSet;
use std::path::Path;

/// How the names of forms begin that are not there: they are undefined on purpose.
const MISSING: [&str; 3] = ["Ud0", "Ud1", "Ud2"];

fn all_forms() -> Vec<Form> {
    all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../isa/x86_64")).unwrap()
}

#[test]
fn what_is_announced_is_there() {
    let named = |f: &Form| MISSING.iter().any(|start| format!("{:?}", f.code).starts_with(start));
    let missing: Vec<_> = all_forms().into_iter().filter(|f| f.there != Some(true) && !named(f)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Not every host judges all that some host does.
#[test]
fn what_is_there_is_judged_somewhere_or_in_an_instruction_file() {
    let judged: HashSet<_> = forms().into_iter().collect();
    let untested = |f: &Form| f.there == Some(true) && !f.listed && !judged.contains(&f.code);
    let untested: Vec<_> = all_forms().into_iter().filter(untested).map(|f| f.code).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn every_vex_form_is_there() {
    let vex: Vec<_> = all_forms().into_iter().filter(|f| f.code.encoding() == EncodingKind::VEX).collect();
    assert!(vex.len() > 690, "{}", vex.len());
    assert!(vex.iter().all(|f| f.there == Some(true)));
}
