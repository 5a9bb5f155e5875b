#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod block;
mod build;
pub mod eval;
mod eval_vector;
mod fp;
pub mod inputs;
mod layout;
pub mod ops;
pub mod parse;
pub mod passes;
#[cfg(test)]
mod testing;
pub mod text;
mod translate;
mod vecfn;
pub mod verify;

pub use block::{Block, CallSite, HelperId, Inst, Label, Target, Value};
pub use build::Builder;
pub use fp::{FpCall, FpLanes, FpOp, FpRelation};
pub use ops::{Effect, FoldOp, Form, IntCc, JumpKind, Op, OpInfo, PrefetchKind, RaiseKind, Shape, Ty, Typing};
pub use parse::{ParseError, parse};
pub use passes::{PASSES, Pass, Passes, difference, optimise};
pub use text::print;
pub use translate::{
    Composer, Constant, DisasContext, Draft, Flow, Frontend, Helper, HelperFn, HostExit, Installed, Interpreter, Leave,
    Listing, Pattern, Region, RegionBackend, Unfit, helper_by_name,
};
pub use vecfn::{VecFn, eval_vec_fn};
pub use verify::{VerifyError, verify};
