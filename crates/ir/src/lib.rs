#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod block;
mod build;
pub mod ops;
mod translate;

pub use block::{Block, CallSite, HelperId, Inst, Label, Target, Value};
pub use build::Builder;
pub use ops::{Effect, Form, IntCc, JumpKind, Op, OpInfo, RaiseKind, Shape, Ty, Typing};
pub use translate::{DisasContext, Flow, Frontend, Helper, HelperFn, Interpreter, Leave, Unfit, helper_by_name};
